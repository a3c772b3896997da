/* SPDX-License-Identifier: MIT */
/*
 * A second look at what the engine does, while it does it: each I/O and each
 * answer passes here and is held against what media, records and superblocks
 * say, without a crash to show it.
 */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"
#include "superblock.h"

#define WATCH_EPOCHS_MAX 32u
#define WATCH_RECENT	 8u

struct sim;
struct sim_op;
struct slot;

/* The append under way, as it was submitted. */
struct watch_record {
	bool open;
	uint64_t sequence;
	uint32_t count;
	uint32_t seen;    /* blocks, of the first leg it went to */
	unsigned first;   /* that leg */
	uint32_t done[SB_LEGS_MAX]; /* blocks, durable */
	uint32_t sent[SB_LEGS_MAX]; /* blocks, submitted */
	uint64_t offsets[RECORD_BLOCKS_MAX];
	struct record_head heads[RECORD_BLOCKS_MAX];
	uint8_t *blocks;
};

/* What the records durable on every counted leg say of a set. */
struct watch_set {
	bool active;      /* false: nobody could say how it began */
	uint64_t sequence; /* of the newest record known of */
	uint64_t nonce;    /* of its run */
	uint64_t kept, kept_nonce; /* when a start has dropped its tail */
	bool begun;        /* a record of this run was submitted */
	uint64_t regions;
	uint64_t blocks;
	uint32_t *sums;   /* by block, the newest; 0: unwritten */
	uint32_t *after;  /* the same, with the append under way */
	uint64_t *dirty;  /* by region; a unit composed CLEAN is not DIRTY */
	uint64_t *map;    /* by region: entry */
	struct watch_record record;
	uint64_t stopped; /* when the last leg failed what stops writes (R7) */
};

/* An epoch of which a superblock was submitted in this run. */
struct watch_epoch {
	uint64_t number;
	uint64_t nonce;
	uint64_t in_sync; /* bit per member */
	uint64_t done[2]; /* durable at each end */
};

struct watch {
	struct watch_set sets[SB_SETS_MAX];
	struct watch_epoch epochs[WATCH_EPOCHS_MAX];
	unsigned epoch_count;
	bool in_force;    /* some epoch of this run is */
	uint64_t counted; /* bit per member: in-sync in the epoch in force */
	uint64_t data_writes; /* submitted in this run */
	uint64_t recent[WATCH_RECENT]; /* written in this run; + 1 */
	unsigned recent_at;
	/* Over all runs. */
	uint64_t starts, unwatched; /* sets; those not active */
	uint64_t lagged; /* legs in-sync and an append behind at a start */
	uint64_t checks;
};

/* Before the engine is made: what media say is what it begins with. */
void watch_start(struct sim *s, const struct sb *sb, bool create);
void watch_fini(struct sim *s);
void watch_submit(struct sim *s, struct sim_op *op);
/* Before the engine learns of it. */
void watch_done(struct sim *s, const struct sim_op *op);
/* After the oracle has. */
void watch_answer(struct sim *s, const struct slot *slot);

/* watch.c, for the others: a leg's place, and what is known of a block. */
unsigned watch_first_member(const struct sim *s, uint32_t set);
uint32_t watch_set_index(const struct sim *s, unsigned member);
struct record_name watch_name(const struct sim *s, uint32_t set);
uint32_t watch_sum(const struct sim *s, uint32_t set, uint64_t block,
		   const void *data);
/* The sum that what is on the medium has. */
uint32_t watch_medium_sum(struct sim *s, unsigned member, uint64_t block);
bool watch_newest_sum(struct sim *s, uint32_t set, uint64_t block,
		      uint32_t *sum);

/* watch_records.c */
void watch_journal(struct sim *s, struct sim_op *op);
/* Is the record under way durable on every counted leg?  Then it counts. */
bool watch_apply(struct sim *s, uint32_t set);

/* watch_answers.c */
bool watch_is_counted(const struct sim *s, unsigned member);
void watch_superblock(struct sim *s, struct sim_op *op);
void watch_superblock_done(struct sim *s, const struct sim_op *op);
void watch_failed(struct sim *s, const struct sim_op *op);

#endif
