/* SPDX-License-Identifier: MIT */
/*
 * What may a read return?  For each granule (the sector that the disks write
 * atomically) the values it may have, from what clients asked and were told.
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raid.h"

#define ORACLE_SLOTS_MAX 64u
#define ORACLE_BLOCK 4096u
#define ORACLE_REASON_MAX 600u

/* A change of the array: of one kind and one durability. */
struct oracle_write {
	uint64_t id;
	uint64_t issue;
	uint64_t done;    /* sequence of the answer; 0: in flight */
	bool ok;          /* answered with success */
	bool maybe;       /* happened or not: a crash or an error */
	bool durable;
	bool durable_ack; /* its answer means durable */
	bool zeros;       /* its data is zeros, not a pattern */
	uint32_t refs;    /* versions, and one while in flight */
	/* Those that a flush makes durable, in order of issue. */
	struct oracle_write *prev;
	struct oracle_write *next;
};

struct oracle_asked;

enum image_kind {
	IMAGE_HOLE, /* unwritten: zeros */
	IMAGE_ZERO, /* zeros, written or not */
	IMAGE_DATA, /* the pattern of the write, or its own bytes */
};

/* A value of one granule. */
struct version {
	struct version *older;
	struct oracle_write *write;
	enum image_kind kind;
	bool partial; /* made by a write to a part of the granule */
	bool settled; /* a read returned it when it was in doubt (I3) */
	uint8_t *bytes;
};

struct oracle_slot {
	enum raid_op op;
	uint32_t flags;
	uint64_t offset;
	uint64_t length;
	uint64_t issue;
	struct oracle_write *writes[2]; /* whole blocks; edges */
};

struct oracle {
	uint64_t *seq; /* the simulation's */
	uint32_t granule_bytes;
	uint64_t granules;
	struct version **newest;
	struct oracle_write genesis;
	struct oracle_write pending; /* head of that list */
	uint64_t slots_used; /* a bit each */
	struct oracle_slot slots[ORACLE_SLOTS_MAX];
	uint64_t next_id;
	uint64_t crashed; /* sequence of the last crash */
	uint64_t doubted; /* of the last oracle_doubt() */
	/* Look only: reads do not settle what is in doubt. */
	bool peek;
	bool lenient; /* last legs suffer */
	bool page_lost; /* the engine said so of some page */
	bool old;       /* what is read is from an earlier time */
	/* All disks lie (oracle_weak.c): when the power failed last, 0 never;
	 * what disks write atomically; requests by id. */
	bool weak;
	uint64_t power_lost;
	uint32_t sector_bytes;
	struct oracle_asked *asked;
	uint64_t asked_room;
	/* By block: the engine said that it took it unverified, and since
	 * when it is written; UINT64_MAX: not yet.  Only where lenient that is
	 * an excuse. */
	uint64_t *unsure;
	uint64_t checked; /* granules compared */
	/* Why the last check failed. */
	char reason[ORACLE_REASON_MAX];
};

void oracle_init(struct oracle *o, uint64_t bytes, uint32_t granule_bytes,
		 uint64_t *seq);
/* All disks lie: a weaker promise.  The granule is 512 bytes. */
void oracle_be_weak(struct oracle *o, uint32_t sector_bytes);
void oracle_fini(struct oracle *o);

/* False: it would share a granule with one in flight, and one of the two
 * covers only part of it; nobody could say what comes out.  Or there are too
 * many already that a crash could bring back. */
bool oracle_may_begin(const struct oracle *o, enum raid_op op, uint64_t offset,
		      uint64_t length);

/* A request is sent.  Returns its id, of which WRITE makes its data
 * (pattern.h). */
uint64_t oracle_begin(struct oracle *o, unsigned slot, enum raid_op op,
		      uint32_t flags, uint64_t offset, uint64_t length);

/* It was answered.  False: the answer may not be (reason). */
bool oracle_end(struct oracle *o, unsigned slot, int res, const void *buf);

/* oracle_check.c: may this be the answer?  If not, why (reason). */
bool oracle_check_read(struct oracle *o, const struct oracle_slot *s,
		       const uint8_t *data);
bool oracle_check_map(struct oracle *o, const struct oracle_slot *s,
		      const uint8_t *map);

/* The engine's process is gone; with_power: the caches too. */
void oracle_crash(struct oracle *o, bool with_power);
/* The array serves after a start, or was stopped cleanly: what was
 * acknowledged is durable now (R19's flush of every leg). */
void oracle_all_durable(struct oracle *o);

/* What was sent and not flushed may be lost from now on: a last leg failed. */
void oracle_doubt(struct oracle *o);

/* The engine took this block unverified, and said so (R17). */
void oracle_unsure(struct oracle *o, uint64_t offset);
/* So that one may read anything there that was sent at `sent`. */
static inline bool
oracle_is_unsure(const struct oracle *o, uint64_t offset, uint64_t sent)
{
	return sent < o->unsure[offset / ORACLE_BLOCK];
}

/* May the granule at this offset have this value now? */
bool oracle_may_be(struct oracle *o, uint64_t offset, const void *data);
/* Is anything written there that a crash could still change? */
bool oracle_in_doubt(const struct oracle *o, uint64_t offset, uint64_t length);
/* Every value the block may have is data. */
bool oracle_block_written(const struct oracle *o, uint64_t offset);
/* None may be anything but unwritten. */
bool oracle_block_unwritten(const struct oracle *o, uint64_t offset);

#endif
