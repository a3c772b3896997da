/* SPDX-License-Identifier: MIT */
/*
 * The chain of sums in memory (raid/sums.c), and what a journal's replay
 * gives (raid/replay.c).
 */
#include <string.h>

#include "block.h"

struct node *
chain_newest(struct block *b)
{
	return b->nodes > 0 ? &b->node[b->nodes - 1] : NULL;
}

/* sums_visible() */
struct node *
chain_visible(struct block *b)
{
	for (int i = b->nodes - 1; i >= 0; i--) {
		struct node *n = &b->node[i];

		if ((n->flags & NODE_DONE) &&
		    (!(n->flags & NODE_FIRST) || (n->flags & NODE_SETTLED)))
			return n;
	}
	return NULL;
}

bool
node_is_settled(const struct node *n)
{
	return (n->flags & NODE_SETTLED) ||
	       ((n->flags & NODE_DONE) && n->gen == 2);
}

/* sums_push() */
void
chain_push(struct block *b, uint8_t sum, uint8_t flags)
{
	CHECK(b->nodes < NODES);
	b->node[b->nodes++] = (struct node){
		.sum = sum,
		.flags = (uint8_t)(flags | NODE_TAKEN),
	};
}

void
chain_remove(struct block *b, int first, int count)
{
	int left = b->nodes - first - count;

	CHECK(left >= 0);
	memmove(&b->node[first], &b->node[first + count],
		(size_t)left * sizeof(b->node[0]));
	b->nodes = (uint8_t)(b->nodes - count);
	memset(&b->node[b->nodes], 0, (size_t)count * sizeof(b->node[0]));
}

/* sums_trim(): what is older than n goes. */
void
chain_trim(struct block *b, const struct node *n)
{
	chain_remove(b, 0, (int)(n - b->node));
}

/* sums_trim_settled() */
void
chain_trim_settled(const struct search *s, struct block *b)
{
	for (int i = b->nodes - 1; i >= 0; i--) {
		const struct node *n = &b->node[i];

		if (!node_is_settled(n))
			continue;
		if (!(n->flags & NODE_JOURNALED) && !has_bug(s, BUG_TRIM))
			continue;
		chain_trim(b, n);
		return;
	}
}

/* sums_drop_paged() */
void
chain_drop_paged(struct block *b)
{
	for (int i = b->nodes - 1; i >= 0; i--)
		if (b->node[i].flags & NODE_PAGED) {
			chain_remove(b, 0, i + 1);
			return;
		}
}

/* sum_lookup(): SUM_NONE when only a page says it that cannot be read. */
uint8_t
chain_lookup(struct block *b)
{
	const struct node *n = chain_visible(b);

	if (n)
		return n->sum;
	if (b->page == SUM_NONE)
		return SUM_ZEROS;
	for (int i = 0; i < LEGS; i++)
		if (b->leg[i].run == RUN_IN && b->leg[i].page)
			return b->page;
	return SUM_NONE;
}

/* --- replay --- */

void
replay_dirty(struct replay *r)
{
	r->dirty = 1;
}

/* replay_settle() */
static void
replay_settle(struct replay *r)
{
	if (r->count == 0)
		return;
	uint8_t sum = r->sum[r->count - 1];

	memset(r->sum, 0, sizeof(r->sum));
	r->sum[0] = sum;
	r->count = 1;
	r->settled = 1;
}

void
replay_clean(struct replay *r)
{
	replay_settle(r);
	r->dirty = 0;
}

static void
replay_drop(struct replay *r)
{
	memset(r->sum, 0, sizeof(r->sum));
	r->count = 0;
	r->settled = 0;
}

void
replay_sum(struct replay *r, uint8_t sum, bool base, bool again)
{
	if (base || again)
		replay_drop(r);
	else if (r->count > 0 && r->sum[r->count - 1] == sum)
		return;
	CHECK(r->count < NODES);
	if (base)
		r->settled |= (uint8_t)(1u << r->count);
	r->sum[r->count++] = sum;
}

/* apply_unwritten_blocks(): a page that says otherwise is overruled. */
void
replay_unwritten(struct replay *r)
{
	replay_drop(r);
	if (r->page == SUM_NONE)
		return;
	r->sum[0] = SUM_ZEROS;
	r->count = 1;
	r->settled = 1;
}

void
replay_page(struct replay *r, uint8_t sum)
{
	replay_drop(r);
	r->page = sum;
}

/* start_replayed(), replay_end(): memory as a start makes it. */
void
replay_load(const struct search *s, struct block *b, const struct replay *r)
{
	struct replay at = *r;

	(void)s;
	if (!at.dirty)
		replay_settle(&at);
	b->page = at.page;
	b->nodes = 0;
	memset(b->node, 0, sizeof(b->node));
	for (int i = 0; i < at.count; i++) {
		uint8_t flags = NODE_JOURNALED;

		if (at.settled >> i & 1)
			flags |= NODE_SETTLED;
		if (at.sum[i] == SUM_ZEROS || !at.dirty)
			flags |= NODE_DONE;
		chain_push(b, at.sum[i], flags);
		b->node[i].flags &= (uint8_t)~NODE_TAKEN;
	}
	b->unit = at.dirty ? UNIT_DIRTY : UNIT_CLEAN;
	b->resync = at.dirty;
}
