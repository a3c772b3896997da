/* SPDX-License-Identifier: MIT */
/*
 * A volume: one array being served, by one engine thread with one ring.  The
 * array's member I/O and its clients' sockets are on that ring; nobody else
 * touches its struct raid.  The control thread talks to it through the calls
 * below, which are carried out on the engine thread.
 */
#ifndef RAIDD_VOLUME_H
#define RAIDD_VOLUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "raid.h"

struct volume;
struct poller;

struct volume_config {
	struct raid_config
		raid; /* copied; what it points to only until return */
	/* Index: set * legs + leg; fd -1: absent.  Taken over: the volume
	 * closes them. */
	const struct device *devices;
	const char *name;
	bool lock_memory;
	uint32_t queue_depth; /* largest number of I/Os in flight per member */
	uint64_t wait_ns;     /* for a start */
};

/*
 * Start the thread and the array; waits for raid_start's answer.  0 or
 * -errno (raid_start's, or of a system call); then nothing is left behind and
 * the devices are closed; with -ETIMEDOUT once the disks answer
 * (volume_lingers_on).  Notes arrive in the control thread, through the
 * poller, as calls of note_cb.
 */
typedef void volume_note_f(struct volume *v, const struct raid_note *note,
			   void *arg);
int volume_start(struct volume **out, const struct volume_config *cfg,
		 struct poller *p, volume_note_f *note_cb, void *arg);

/* Drain and stop clean: begins; v may only be handed to volume_stop_wait. */
void volume_stop_begin(struct volume *v);
/* Waits for it until end_ns (poll_clock_ns), closes everything, frees.
 * raid_stop's answer; or -ETIMEDOUT: a disk hangs, and all is closed and freed
 * once it answers. */
int volume_stop_wait(struct volume *v, uint64_t end_ns);

/* True: a volume that was stopped still has this disk, and why says what it
 * waits for. */
bool volume_lingers_on(const struct identity *id, char *why, size_t why_bytes);

const char *volume_name(const struct volume *v);
uint64_t volume_bytes(const struct volume *v);
uint32_t volume_block_bytes(const struct volume *v);
bool volume_is_read_only(const struct volume *v);
const struct geometry *volume_geometry(const struct volume *v);
const struct device *volume_device(const struct volume *v, uint32_t set,
				   uint32_t leg);

/* Run fn(raid, arg) on the engine thread, between two turns, and wait. */
void volume_call(struct volume *v, void (*fn)(struct raid *r, void *arg),
		 void *arg);

void volume_status(struct volume *v, struct raid_status *out);
/* A copy of raid_superblock(). */
void volume_superblock(struct volume *v, struct sb *out);

/*
 * An NBD connection whose negotiation chose this volume: the socket becomes
 * the volume's.  Flags say what was negotiated (nbd.h).  0; -EMFILE: the
 * volume has all the connections it takes (16).
 */
int volume_take_nbd(struct volume *v, int fd, uint32_t nbd_flags);

/* NBD connections with a client; for "in use" refusals and status. */
uint32_t volume_connections(const struct volume *v);

#endif
