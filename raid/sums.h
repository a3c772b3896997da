/* SPDX-License-Identifier: MIT */
/*
 * Sums that no page on disk holds yet: for each such block a chain of nodes,
 * newest first, back to the base (R17): the newest whose data is known to be
 * durable on every counted leg.  The chain is what the journal owes, and the
 * evidence after a crash.
 *
 *   hash[block] -> newest -> older -> ... -> base
 *
 * A node is pushed when its write is admitted (under the range lock), done
 * when the write completed, journaled when a record that holds it has been
 * composed.  A node with sum 0 says "unwritten".
 */
#ifndef RAID_SUMS_H
#define RAID_SUMS_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

#define NODE_NONE 0u /* index 0 is not used */

enum {
	NODE_USED = 1 << 0,
	NODE_HEAD = 1 << 1,      /* newest of its chain, in the hash */
	NODE_DONE = 1 << 2,      /* its write completed */
	NODE_JOURNALED = 1 << 3, /* composed into a record, or waived */
	NODE_SETTLED = 1 << 4,   /* its data is durable: a base */
	NODE_FIRST = 1 << 5,     /* to an unwritten block: R4 */
	NODE_LISTED = 1 << 6,    /* in the queue of unjournaled ones */
	NODE_PAGED = 1 << 7,     /* in a page that is being stored */
	NODE_DEAD = 1 << 8,      /* freed when it leaves the queue */
	NODE_TAKEN = 1 << 9,     /* the checkpoint under way has it */
	NODE_VOID = 1 << 10,     /* a record under way says "unwritten" */
};

struct node {
	uint64_t block;
	uint32_t sum;
	uint32_t older;
	uint32_t hash_next;
	uint32_t queue_next;
	uint32_t gen; /* flush generation at completion (flush.h) */
	uint16_t flags;
	uint16_t reserved;
};

struct sums {
	struct node *nodes;
	uint32_t *heads; /* hash */
	uint32_t hash_mask;
	uint32_t count; /* pool size, index 0 not used */
	uint32_t limit; /* in use at most, but for replay */
	uint32_t used;
	uint32_t reserved; /* promised to records under way */
	uint32_t free;
	uint32_t high; /* no index above it was ever used */
	uint32_t queue_head;
	uint32_t queue_tail;
	uint64_t queued; /* ever */
	uint64_t drained;
	uint32_t *per_region; /* nodes of each region */
	uint32_t region_shift;
};

void sums_carve(struct sums *s, struct arena *a, uint32_t count,
		uint64_t regions);
void sums_init(struct sums *s, uint32_t limit, uint32_t count,
	       uint32_t region_shift);

/* Empty again. */
void sums_reset(struct sums *s, uint64_t regions);

static inline struct node *
sums_node(const struct sums *s, uint32_t index)
{
	return index == NODE_NONE ? NULL : &s->nodes[index];
}

/* NULL: no node for the block. */
struct node *sums_newest(const struct sums *s, uint64_t block);

/* The newest whose write completed and, if a first one, was recorded. */
struct node *sums_visible(const struct sums *s, uint64_t block);

/* A node for a write just admitted: becomes the newest.  Room was asked. */
struct node *sums_push(struct sums *s, uint64_t block, uint32_t sum,
		       uint16_t flags);

/* Room for that many more, within the limit? */
static inline bool
sums_have_room(const struct sums *s, uint32_t count)
{
	return s->used + s->reserved + count <= s->limit;
}

/* Free all that is older than n. */
void sums_trim(struct sums *s, struct node *n);
/* Free what is older than the newest base; done_gen: flush.h. */
void sums_trim_settled(struct sums *s, uint64_t block, uint32_t done_gen);
/* Free the block's chain. */
void sums_drop(struct sums *s, uint64_t block);
/* Free the newest, its older one becomes newest. */
void sums_pop(struct sums *s, uint64_t block);
/* Take the one older than n out of the chain and free it. */
void sums_unchain(struct sums *s, struct node *n);
/* Free the node marked PAGED and all older ones. */
void sums_drop_paged(struct sums *s, uint64_t block);

/* Queue a completed node for the next record. */
void sums_queue(struct sums *s, struct node *n);
/* The first in the queue that still is to be journaled; NULL: none.  Frees
 * the dead ones before it. */
struct node *sums_queue_peek(struct sums *s);
void sums_queue_pop(struct sums *s);

static inline bool
node_is_settled(const struct node *n, uint32_t done_gen)
{
	if (n->flags & NODE_SETTLED)
		return true;
	return (n->flags & NODE_DONE) && (int32_t)(done_gen - n->gen) > 0;
}

/* A checkpoint begins: none is taken yet. */
void sums_untake(struct sums *s);

void sums_check(const struct sums *s);

#endif
