/* SPDX-License-Identifier: MIT */
/*
 * Units (64 KiB) that are DIRTY: their legs may differ after a crash (R1,
 * R5).  A bounded table; a unit not in it is clean.
 *
 *            write to a written block          record durable
 *   (clean) --------------------------> MARKING --------------> DIRTY
 *      ^                                   ^                    |   ^
 *      |                                   | a write            |   | replay,
 *      |  record durable                   |                    v   | R16
 *      +------------------------------- CLEANING <---------------  (start)
 *                                                 R5 holds
 *
 * resync says that R17 must decide its blocks before anything else (R16).
 */
#ifndef RAID_UNITS_H
#define RAID_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "list.h"

enum unit_state { UNIT_CLEAN, UNIT_MARKING, UNIT_DIRTY, UNIT_CLEANING };

struct unit {
	struct list lru;  /* oldest use first; free: free list */
	uint64_t number;  /* block / 16 */
	uint64_t used_ns; /* last write */
	struct unit *hash_next;
	enum unit_state state;
	uint32_t inflight; /* writes */
	uint32_t gen;      /* flush generation when the last write ended */
	bool resync;
	bool settling;
	/* resync, but only for blocks that no leg gave (evidence_lose): nobody
	 * waits for it. */
	bool open;
};

struct units {
	struct unit *all;
	struct unit **heads;
	uint32_t hash_mask;
	uint32_t count; /* pool */
	uint32_t limit; /* in use at most, but for replay */
	uint32_t used;
	uint32_t resync; /* units with resync set */
	uint32_t open;   /* of these */
	uint32_t open_max;
	struct list lru;
	struct list free;
};

void units_carve(struct units *us, struct arena *a, uint32_t count);
void units_init(struct units *us, uint32_t limit, uint32_t count);

/* Empty again. */
void units_reset(struct units *us);

/* NULL: clean. */
struct unit *units_find(const struct units *us, uint64_t number);
/* New, CLEAN still: the caller sets its state.  NULL: the pool is empty. */
struct unit *units_add(struct units *us, uint64_t number);
void units_remove(struct units *us, struct unit *u);
void units_touch(struct units *us, struct unit *u, uint64_t now_ns);

/* The only place that changes u->state. */
void unit_set_state(struct unit *u, enum unit_state to);
void unit_set_resync(struct units *us, struct unit *u, bool resync);
void unit_set_open(struct units *us, struct unit *u, bool open);

/* Units that wait to be resynced. */
static inline uint32_t
units_resync_left(const struct units *us)
{
	return us->resync - us->open;
}

void units_check(const struct units *us);

#endif
