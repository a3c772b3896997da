/* SPDX-License-Identifier: MIT */
/*
 * The members' own discard of what became unwritten (R22): behind the answer,
 * piece by piece.
 *
 *   waiting stretches --> a piece locked --> its unwritten runs discarded, one
 *   after the other --> unlocked --> as long a pause --> the next piece
 *
 * The record alone makes blocks unwritten.  What a member does with them is
 * advice, so a stretch may be forgotten: when there are too many, at a crash,
 * at a stop.  Blocks are looked at again under the lock of their piece: what
 * was written in the meantime is left alone, and what is written next waits
 * for one piece, not for terabytes (H14).
 */
#include <string.h>

#include "set.h"

/* Of a leg, under one lock: bytes. */
#define PIECE_BYTES  (16u << 20)
#define PIECE_BLOCKS (PIECE_BYTES / BLOCK_BYTES)
/* The pause is as long as the piece took, and no longer than this. */
#define PAUSE_NS_MAX 1000000000ull

static void trim_next_run(struct trimmer *t);

static struct set *
trim_set(struct trimmer *t)
{
	return container_of(t, struct set, trimmer);
}

void
trim_want(struct set *set, uint64_t block, uint64_t count)
{
	struct trimmer *t = &set->trimmer;
	struct stretch *last = t->count ? &t->waiting[t->count - 1] : NULL;

	if (last && last->block + last->count == block) {
		last->count += count;
		return;
	}
	if (t->count == TRIM_MAX) {
		memmove(&t->waiting[0], &t->waiting[1],
			(TRIM_MAX - 1) * sizeof(t->waiting[0]));
		t->count--;
	}
	t->waiting[t->count++] =
		(struct stretch){.block = block, .count = count};
}

uint64_t
trim_left(const struct set *set)
{
	const struct trimmer *t = &set->trimmer;
	uint64_t left = t->running ? t->end - t->at : 0;

	for (uint32_t i = 0; i < t->count; i++)
		left += t->waiting[i].count;
	return left;
}

static bool
block_is_unwritten(struct set *set, uint64_t block)
{
	const struct node *n = sums_newest(&set->sums, block);
	uint32_t sum;

	if (PLANTED(DISCARD_UNCHECKED) || PLANTED(DISCARD_BEFORE_RECORD))
		return true;
	/* No page is read for advice: one that is not here has written blocks,
	 * most likely. */
	return (!n || n->sum == SUM_UNWRITTEN) &&
	       sum_lookup(set, block, &sum) == SUM_KNOWN &&
	       sum == SUM_UNWRITTEN;
}

/* The piece is done with. */
static void
trim_end(struct trimmer *t)
{
	struct set *set = trim_set(t);
	uint64_t took_ns = set->raid->now - t->began_ns;

	t->running = false;
	t->next_ns = set->raid->now +
		     (took_ns < PAUSE_NS_MAX ? took_ns : PAUSE_NS_MAX);
	if (t->range.held) /* never: else only by a planted mistake */
		range_unlock(&set->ranges, &t->range);
}

static void
trim_run_done(struct op *op, int res)
{
	struct trimmer *t = op->owner;

	if (PLANTED(DISCARD_ERROR_EVICTS) && res < 0)
		leg_fail(op->leg, CAUSE_DATA, res);
	if (--t->pending == 0)
		trim_next_run(t);
}

static void
trim_run(struct trimmer *t, uint64_t block, uint64_t count)
{
	struct set *set = trim_set(t);
	struct raid *r = set->raid;

	t->pending = 1;
	for (uint32_t i = 0; i < r->sb.geometry.legs; i++) {
		struct leg *leg = &set->legs[i];

		if (leg->run != RUN_IN)
			continue;
		t->pending++;
		op_submit(leg, IO_DISCARD,
			  r->sb.layout.data_offset + block * BLOCK_BYTES,
			  count * BLOCK_BYTES, NULL, false, trim_run_done, t,
			  0);
	}
	if (PLANTED(DISCARD_OUTSIDE_LOCK) && t->range.held)
		range_unlock(&set->ranges, &t->range);
	/* An op's done is never called from inside: the last leg's comes. */
	CHECK(t->pending > 1);
	t->pending--;
}

/* With the piece locked: the next run of it that is unwritten. */
static void
trim_next_run(struct trimmer *t)
{
	struct set *set = trim_set(t);
	uint64_t from;

	while (t->at < t->end && !block_is_unwritten(set, t->at))
		t->at++;
	from = t->at;
	while (t->at < t->end && block_is_unwritten(set, t->at))
		t->at++;
	if (from == t->at || !trim_may_go_on(set))
		trim_end(t);
	else
		trim_run(t, from, t->at - from);
}

static void
trim_granted(struct range *range)
{
	trim_next_run(container_of(range, struct trimmer, range));
}

/* Off the first stretch, up to the end of its piece. */
static void
trim_take(struct trimmer *t)
{
	struct stretch *s = &t->waiting[0];
	uint64_t count = PIECE_BLOCKS - s->block % PIECE_BLOCKS;

	if (count > s->count)
		count = s->count;
	t->at = s->block;
	t->end = s->block + count;
	s->block += count;
	s->count -= count;
	if (s->count > 0)
		return;
	t->count--;
	memmove(&t->waiting[0], &t->waiting[1],
		t->count * sizeof(t->waiting[0]));
}

/* Not by who takes no writes (R7), and no longer than clients are served. */
bool
trim_may_go_on(const struct set *set)
{
	return !set->write_stopped && set->raid->phase == PHASE_SERVING;
}

void
trim_tick(struct set *set)
{
	struct trimmer *t = &set->trimmer;

	if (!trim_may_go_on(set))
		t->count = 0;
	if (t->running || t->count == 0 || set->raid->now < t->next_ns)
		return;
	trim_take(t);
	t->running = true;
	t->began_ns = set->raid->now;
	if (PLANTED(DISCARD_BEFORE_RECORD) ||
	    range_lock(&set->ranges, &t->range, t->at, t->end - t->at, true,
		       trim_granted))
		trim_granted(&t->range);
}

uint64_t
trim_deadline(const struct set *set)
{
	const struct trimmer *t = &set->trimmer;

	return t->running || t->count == 0 ? UINT64_MAX : t->next_ns;
}
