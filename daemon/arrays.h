/* SPDX-License-Identifier: MIT */
/*
 * The arrays this daemon knows: those it serves, and those of which it found
 * members.  Control thread only.
 *
 *                    array_start                array_stop
 *   WAITING/STOPPED -------------> SERVING ----------------> STOPPED
 *      ^    \__________ destroyed, or all members gone _______/  |
 *      |                                                         v
 *    found by a scan                                         forgotten
 *
 * WAITING: not started, why says the reason; tried again by itself when that
 * may help.  STOPPED: by the operator, and left alone.  SERVING: there is a
 * volume.  STOPPING: there was one; nobody else may have it any more.
 */
#ifndef RAIDD_ARRAYS_H
#define RAIDD_ARRAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "assemble.h"
#include "failure.h"
#include "faults.h"
#include "known.h"
#include "note.h"
#include "scan.h"

#define UUID_TEXT_MAX 37

struct config;
struct device;
struct nbd_exports;
struct poller;
struct poll_watch;
struct volume;

enum array_state {
	ARRAY_WAITING,
	ARRAY_STOPPED,
	ARRAY_SERVING,
	ARRAY_STOPPING,
};

/* How often one kind of note may be logged. */
struct note_limit {
	uint64_t since_s;
	unsigned logged;
	unsigned suppressed;
};

struct array {
	struct array *next;
	struct arrays *home;
	uint8_t uuid[16];
	char name[SB_NAME_MAX + 1];
	enum array_state state;
	struct volume *volume;     /* SERVING */
	uint64_t sums_cache_bytes; /* the volume's */
	struct volume *ending;     /* STOPPING */
	bool salvage;              /* SERVING: read-only, from what is there */
	uint32_t sets;             /* of the volume */
	uint32_t legs;
	struct failure why; /* WAITING; MSG_NONE: not tried yet */
	/* Its disks that are not being served, and what they would be: their
	 * index is that of assembly->role.  While SERVING the superblock in
	 * use is offered too, as the first. */
	struct candidate *found;
	struct assembly *assembly; /* NULL: no good superblock */
	struct note_limit notes[NOTE_COUNT];
	struct faults faults;
};

struct arrays {
	const struct config *config;
	struct poller *poller;
	struct array *first;
	struct candidate *strays; /* ours, but of no array we can tell */
	struct known *known;
	bool known_news; /* not in members_file yet */
	struct poll_watch *rescan;
	uint64_t quiet_until_ns; /* until then nobody is answered; 0: now */
};

void arrays_init(struct arrays *a, const struct config *c, struct poller *p);
void arrays_fini(struct arrays *a);

/* Scan, and start what R15 lets start; then keep trying. */
void arrays_start_all(struct arrays *a);
/* Stop all volumes clean, in hang_wait_s.  0, or the first one's trouble. */
int arrays_stop_all(struct arrays *a);

/* Look at the disks again; those that are slow have wait_ns to answer.  0 or
 * -ENOMEM. */
int arrays_scan(struct arrays *a, uint64_t wait_ns);

/* By name or UUID.  0, or -errno and f. */
int arrays_find(struct arrays *a, const char *key, struct array **out,
		struct failure *f);
/* One that is being served. */
int arrays_find_serving(struct arrays *a, const char *key, struct array **out,
			struct failure *f);
struct array *arrays_of_uuid(struct arrays *a, const uint8_t uuid[16]);
/* A new one, SERVING or WAITING by what the caller puts in.  NULL: memory. */
struct array *arrays_add(struct arrays *a, const uint8_t uuid[16],
			 const char *name);
void arrays_remove(struct array *array);
/* A member was seen; arrays_remember() follows.  0 or -ENOMEM. */
int arrays_know(struct arrays *a, const uint8_t member_uuid[16],
		const char *path, const struct identity *id);
/* What is new about members, in members_file. */
void arrays_remember(struct arrays *a);
/* True: this disk is a leg of an array that is being served. */
bool arrays_serve(const struct arrays *a, const struct identity *id);

/* How the NBD server finds volumes. */
struct nbd_exports arrays_exports(struct arrays *a);

/* The roles of what was found (assemble.h).  0 or -ENOMEM. */
int array_assemble(struct array *array);
/* The superblock to speak of; NULL: none is good.  While SERVING a copy that
 * is valid until the next call. */
const struct sb *array_superblock(const struct array *array);
/* The found disk at this index of the assembly, or NULL. */
struct candidate *array_candidate(const struct array *array, int index);

enum start_mode {
	START_ALONE,    /* if R15 lets it */
	START_DEGRADED, /* by the operator's word */
	START_SALVAGE,  /* read-only, from what is there */
	START_RECOVER,  /* from what is there, giving up the rest */
};

/* array_start.c.  wait_ns: for members that are busy. */
int array_start(struct array *array, enum start_mode mode, uint64_t wait_ns,
		struct failure *f);

/* array_stop.c */
int array_stop(struct array *array, struct failure *f);
/* The same in two steps, for several at a time. */
void array_stop_begin(struct array *array);
int array_stop_wait(struct array *array, uint64_t end_ns, struct failure *f);
int array_destroy(struct array *array, struct failure *f);
int array_member_fail(struct array *array, uint32_t set, uint32_t leg,
		      struct failure *f);
/* "1.0 (/dev/sdb, serial X)", "1.0 (member 8d2c…, not seen)" */
void array_name_leg(const struct array *array, const struct sb *sb,
		    uint32_t set, uint32_t leg, char *out, size_t out_bytes);

#endif
