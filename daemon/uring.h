/* SPDX-License-Identifier: MIT */
/*
 * struct io_ops (raid/io.h) on a ring: the engine's requests become SQEs on
 * the members' descriptors.
 *
 * Each member takes at most queue_depth requests at a time, and a few
 * discards; the others wait in line here, in order of submission.
 */
#ifndef RAIDD_URING_H
#define RAIDD_URING_H

#include <stdbool.h>
#include <stdint.h>

#include "io.h"
#include "ring.h"

struct device;
struct raid_note;
struct uring;

#define URING_DISCARDS_MAX 2u

struct uring_config {
	struct ring *ring;
	const struct device *devices; /* borrowed until uring_close */
	uint32_t device_count;
	uint32_t queue_depth; /* of each member */
	void (*note)(void *arg, const struct raid_note *note);
	void *arg;
};

/* How much of the ring it may need at a time. */
uint32_t uring_in_flight_max(uint32_t device_count, uint32_t queue_depth);

/* On the ring's own thread.  0 or -errno. */
int uring_open(struct uring **out, const struct uring_config *cfg);
/* Nothing may be in flight. */
void uring_close(struct uring *u);

struct io *uring_io(struct uring *u);

/* Requests handed in and not done. */
uint64_t uring_busy(const struct uring *u);
/* Nothing is in flight to this member. */
bool uring_is_idle(const struct uring *u, uint32_t member);

/* Finish what needs no kernel, retry what the kernel could not take.  Once a
 * turn, before raid_tick. */
void uring_tick(struct uring *u);

/* When the next uring_tick is due; UINT64_MAX: never. */
uint64_t uring_deadline(const struct uring *u);

#endif
