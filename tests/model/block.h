/* SPDX-License-Identifier: MIT */
/*
 * Model A: the evidence of one block (R1-R5, R16, R17, R19, R21, R22).
 *
 * One set of two legs, one written or unwritten block, which is all that its
 * unit and region hold.  The legs have volatile caches; the block tears into
 * two halves (logical blocks).  Daemon kills, power cuts, one leg lost.
 *
 * What stands for what:
 *
 *   half       a value: 0 what was there at first, 1.. the clients' writes in
 *              their order, GARBAGE
 *   content    two halves; also the sum of such a block: no two contents have
 *              the same sum
 *   struct leg what a read of the leg gives, and what a power cut may leave:
 *              any of a mask of values, for each half by itself
 *   replay     a journal, as what replaying it gives; a record in flight is
 *              a second replay beside the first
 *   generation of a flush: 0 the round under way (or the last) came before,
 *              1 the round under way covers it, 2 it is durable
 *
 * What is abstracted away: other blocks, room in ring and tables, read errors
 * and corruption, rebuild, the superblocks (members.h has those): an epoch is
 * one step; which leg may be absent at a start is not asked, since another
 * set can vouch (R15).  A checkpoint's map copy is whole when its header is.
 */
#ifndef TESTS_BLOCK_H
#define TESTS_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "search.h"

enum { LEGS = 2, HALVES = 2, NODES = 5 };

/* Halves, and bits in masks of them. */
enum { VALUE_FIRST = 0, GARBAGE = 6, ZEROS = 7 };

/* Sums that are not contents. */
enum {
	SUM_NONE = 0xff,    /* page slot "none" */
	SUM_UNKNOWN = 0xfe, /* the map copy will say */
	SUM_ZEROS = 0xee,   /* "unwritten" */
};

/* record.c and replay.c: what a journal says.  Oldest sum first. */
struct replay {
	uint8_t page;
	uint8_t dirty;
	uint8_t count;
	uint8_t settled; /* bit: that sum is a base */
	uint8_t sum[NODES];
};

enum { RUN_OUT, RUN_FAILING, RUN_IN };

/* A leg's copy of the page that the map names; the last two only where a
 * planted mistake lets it count before it is durable. */
enum { PAGE_LOST, PAGE_DURABLE, PAGE_CACHED, PAGE_COVERED };

struct leg {
	uint8_t run;
	uint8_t insync;   /* by the epoch in force */
	uint8_t has;      /* the record that was in flight (when down) */
	uint8_t page;     /* its copy of the page (PAGE_...) */
	uint8_t settling; /* the settle under way writes it */
	uint8_t behind;   /* its journal ended early: state.behind */
	uint8_t content;
	uint8_t media[HALVES]; /* mask: after a power cut */
	uint8_t flush[HALVES]; /* that mask, when the round is done */
};

/* sums.h: a node of the block's chain. */
enum {
	NODE_DONE = 1 << 0,
	NODE_JOURNALED = 1 << 1,
	NODE_SETTLED = 1 << 2,
	NODE_FIRST = 1 << 3,
	NODE_LISTED = 1 << 4, /* waits for a ride */
	NODE_NEEDED = 1 << 5, /* ... and a FLUSH for it */
	NODE_PAGED = 1 << 6,
	NODE_TAKEN = 1 << 7,
};

struct node {
	uint8_t sum;
	uint8_t gen;
	uint8_t flags;
	uint8_t voided;
};

enum phase { DOWN, EPOCH, COPY, SERVING };
enum unit { UNIT_CLEAN, UNIT_MARKING, UNIT_DIRTY, UNIT_CLEANING };

/* Who waits: jobs of the journal, requesters of a flush round. */
enum {
	JOB_INTENT = 1 << 0,
	JOB_RECORD = 1 << 1,
	JOB_UNWRITTEN = 1 << 2,
	JOB_CLEAN = 1 << 3,
	JOB_STORE = 1 << 4,
	JOB_SETTLE = 1 << 5,
	JOB_CHECKPOINT = 1 << 6,
	JOB_QUEUE = 1 << 7, /* sums that ride along */
};

enum {
	WAIT_CLEAN = 1 << 0,
	WAIT_CLIENT = 1 << 1,
	WAIT_STORE = 1 << 2,
	WAIT_CHECKPOINT = 1 << 3,
	WAIT_SETTLE = 1 << 4,
};

enum { OP_NONE, OP_WRITE, OP_DISCARD };
enum { OP_INTENT, OP_DATA, OP_RECORD, OP_TRIM };
enum { OP_WAITS_DATA = 1, OP_WAITS_RECORD = 2 };

enum { STORE_FREE, STORE_WRITING, STORE_FLUSHING, STORE_RECORDING };
enum { CK_IDLE, CK_APPEND, CK_MAP, CK_FLUSH, CK_HEADER };
enum { SETTLE_IDLE, SETTLE_FLUSHING, SETTLE_WRITING, SETTLE_RECORDING };
enum { FAN_DATA = 1, FAN_APPEND = 2, FAN_FLUSH = 4, FAN_OTHER = 8 };
enum { DRAIN_DONE, DRAIN_QUEUED, DRAIN_COMPOSED };

struct block {
	struct leg leg[LEGS];
	struct replay journal; /* durable on every counted leg */
	struct replay next;    /* ... with the record in flight */
	struct replay ck;      /* the same, from the checkpoint on */
	struct replay ck_next;
	struct replay behind; /* of a leg whose journal ended early */

	uint8_t phase;
	uint8_t unit, unit_gen, resync;
	uint8_t page; /* the map in memory */
	uint8_t nodes;
	struct node node[NODES]; /* oldest first */

	uint8_t appending;
	uint8_t jobs;     /* to be composed */
	uint8_t composed; /* in the record in flight */

	uint8_t flushing;
	uint8_t flush_waiting, flush_covered;
	uint8_t written_new, written_covered; /* completions without FUA */

	uint8_t cleaner_flushing;
	uint8_t store, store_sum, store_dropped, store_composed, store_gen;
	uint8_t ck_step, ck_begun, ck_visited;
	uint8_t settle, settle_content, settle_record;

	uint8_t op, op_step, op_waits, op_value, op_fua, op_first;
	uint8_t drain, flush_client; /* FLUSH: what it waits for */

	/* What had completed on the leg that is FAILING, when it failed, and
	 * what had at least been sent to it. */
	uint8_t there, sent;

	/* What a read may return: now, and after a power cut. */
	uint8_t now[HALVES], cut[HALVES];
	uint8_t flush_cut[HALVES]; /* cut, when the FLUSH is answered */
	uint8_t recovered; /* since the last start nothing was written */
	uint8_t seen;      /* ... and it was read */
	uint8_t eio;       /* the last leg failed: EIO is an answer */
	uint8_t stopped;
	uint8_t vouched; /* what must be there has a sum in journal or page */

	uint8_t writes, flushes, crashes, faults, appends;
	uint8_t lied; /* a leg went back in time; the next start sees both */
};

/* Mistakes that can be planted. */
enum block_bug {
	BUG_NONE,
#define X(name, ...) BUG_##name,
#include "block_bugs.def"
#undef X
};

struct block_bounds {
	bool unwritten; /* at first; else written and clean */
	bool tear;
	bool discards;
	bool pages;
	bool checkpoints;
	bool tight; /* a record may have no room for sums that ride along */
	bool lies;  /* a leg may go back to what it was at first */
	uint8_t writes, flushes, crashes, faults;
	enum block_bug bug;
};

extern const struct search_model block_model;

static inline const struct block_bounds *
bounds(const struct search *s)
{
	return s->arg;
}

static inline bool
has_bug(const struct search *s, enum block_bug bug)
{
	return bounds(s)->bug == bug;
}

/* --- contents --- */

static inline uint8_t
half(uint8_t content, int h)
{
	return content >> 4 * h & 15;
}

static inline uint8_t
whole(uint8_t value)
{
	return (uint8_t)(value | value << 4);
}

static inline uint8_t
join(uint8_t low, uint8_t high)
{
	return (uint8_t)(low | high << 4);
}

/* --- block_chain.c: sums.c, replay.c --- */

struct node *chain_newest(struct block *b);
struct node *chain_visible(struct block *b);
bool node_is_settled(const struct node *n);
void chain_push(struct block *b, uint8_t sum, uint8_t flags);
void chain_remove(struct block *b, int first, int count);
void chain_trim(struct block *b, const struct node *n);
void chain_trim_settled(const struct search *s, struct block *b);
void chain_drop_paged(struct block *b);
uint8_t chain_lookup(struct block *b);

void replay_dirty(struct replay *r);
void replay_clean(struct replay *r);
void replay_sum(struct replay *r, uint8_t sum, bool base, bool again);
void replay_unwritten(struct replay *r);
void replay_page(struct replay *r, uint8_t sum);
void replay_load(const struct search *s, struct block *b,
		 const struct replay *r);

/* --- block_journal.c: journal.c, checkpoint.c and who composes --- */

void journal_steps(struct search *s, const struct block *b);
void checkpoint_begins(struct search *s, const struct block *b);
void checkpoint_steps(struct search *s, const struct block *b);
void checkpoint_flushed(struct block *b);
void store_drop(struct block *b);

/* --- block_flush.c: flush.c, cleaner.c, store.c --- */

void flush_request(const struct search *s, struct block *b, uint8_t who);
void flush_steps(struct search *s, const struct block *b);
void cleaner_steps(struct search *s, const struct block *b);
void store_begins(struct search *s, const struct block *b);
void store_ends(struct search *s, const struct block *b);
bool flush_is_needed(const struct block *b);

/* fan.c, op_io_done(): a write without FUA completed. */
static inline void
count_written(struct block *b)
{
	b->written_new = 1;
}

/* --- block_client.c: write.c, unwritten.c, part.c, read.c --- */

void client_steps(struct search *s, const struct block *b);
void client_asks(struct search *s, const struct block *b);
void write_data(const struct search *s, struct block *b);
void write_end(struct block *b);
void write_recorded(struct block *b);
void unwritten_recorded(struct block *b);
void client_flush_check(struct block *b);

/* --- block_start.c: crashes, start.c, settle.c, evidence.c, leg.c --- */

void crash_steps(struct search *s, const struct block *b);
void start_steps(struct search *s, const struct block *b);
void settle_steps(struct search *s, const struct block *b);
void settle_flushed(struct search *s, const struct block *b);
void settle_recorded(struct block *b);
void leg_steps(struct search *s, const struct block *b);
void epoch_steps(struct search *s, const struct block *b);

/* No counted leg lacks it; else an epoch without that leg comes first (R2). */
bool fan_can_end(const struct search *s, const struct block *b, uint8_t what);
uint8_t in_flight(const struct block *b, const struct leg *leg, int h);

#endif
