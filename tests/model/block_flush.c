/* SPDX-License-Identifier: MIT */
/*
 * Flush rounds (raid/flush.c), CLEAN (raid/cleaner.c) and pages of sums
 * (raid/store.c).
 *
 *   flush_tick()          round_begin
 *   flush_round_done()    round_end, and leg_steps() where it fails
 *   cleaner_tick()        cleaner_steps
 *   store_tick() ...      store_begins, store_ends
 */
#include "block.h"

bool
flush_is_needed(const struct block *b)
{
	for (int i = 0; i < LEGS; i++)
		if (b->leg[i].run == RUN_FAILING)
			return true;
	return b->written_new || b->written_covered;
}

void
flush_request(const struct search *s, struct block *b, uint8_t who)
{
	if (b->flushing && has_bug(s, BUG_FLUSH_JOINS))
		b->flush_covered |= who;
	else
		b->flush_waiting |= who;
}

/* The values that a half in flight may still become, on a leg that is in. */
uint8_t
in_flight(const struct block *b, const struct leg *leg, int h)
{
	uint8_t mask = 0;

	if (b->op == OP_WRITE && (b->op_waits & OP_WAITS_DATA))
		mask |= (uint8_t)(1u << b->op_value);
	if (b->op == OP_DISCARD && b->op_step == OP_TRIM)
		mask |= 1u << GARBAGE;
	if (b->settle == SETTLE_WRITING && leg->settling)
		mask |= (uint8_t)(1u << half(b->settle_content, h));
	return mask;
}

/* A round covers what completed before it is submitted (R3). */
static void
round_begin(struct search *s, const struct block *b)
{
	struct block n = *b;
	bool any = n.written_new || n.written_covered;

	n.flushing = 1;
	n.flush_covered = n.flush_waiting;
	n.flush_waiting = 0;
	n.written_covered |= n.written_new;
	n.written_new = 0;
	for (int i = 0; i < n.nodes; i++)
		if ((n.node[i].flags & NODE_DONE) && n.node[i].gen == 0)
			n.node[i].gen = 1;
	if (n.unit_gen == 0 && n.unit != UNIT_CLEAN)
		n.unit_gen = 1;
	if (n.store == STORE_FLUSHING && n.store_gen == 0)
		n.store_gen = 1;
	for (int i = 0; i < LEGS; i++) {
		struct leg *leg = &n.leg[i];

		if (leg->run != RUN_IN)
			continue;
		for (int h = 0; h < HALVES; h++)
			leg->flush[h] =
				any ? (uint8_t)(1u << half(leg->content, h)) |
						in_flight(b, leg, h)
				    : leg->media[h];
		if (leg->page == PAGE_CACHED)
			leg->page = PAGE_COVERED;
	}
	search_add(s, &n, "flush round begins");
}

/* Generations are the round's; a failed round raises none. */
static void
round_settle(struct block *b)
{
	b->flushing = 0;
	b->there &= (uint8_t)~FAN_FLUSH;
	b->written_covered = 0;
	for (int i = 0; i < b->nodes; i++)
		if (b->node[i].gen == 1)
			b->node[i].gen = 2;
	if (b->unit_gen == 1)
		b->unit_gen = 2;
	if (b->store_gen == 1)
		b->store_gen = 2;
	for (int i = 0; i < LEGS; i++) {
		struct leg *leg = &b->leg[i];

		for (int h = 0; h < HALVES; h++) {
			if (leg->flush[h])
				leg->media[h] = leg->flush[h];
			leg->flush[h] = 0;
		}
		if (leg->page == PAGE_COVERED)
			leg->page = PAGE_DURABLE;
	}
}

static void
round_end(struct search *s, const struct block *b)
{
	struct block n = *b;
	uint8_t who = n.flush_covered;

	n.flush_covered = 0;
	round_settle(&n);
	if (who & WAIT_CLEAN)
		n.cleaner_flushing = 0;
	if (who & WAIT_STORE)
		n.store = STORE_RECORDING;
	if (who & WAIT_CHECKPOINT)
		checkpoint_flushed(&n);
	if (who & WAIT_CLIENT)
		n.flush_client = 0;
	if (n.store == STORE_RECORDING && !(n.jobs & JOB_STORE) &&
	    !(n.composed & JOB_STORE))
		n.jobs |= JOB_STORE;
	client_flush_check(&n);
	if (who & WAIT_SETTLE)
		settle_flushed(s, &n);
	else
		search_add(s, &n, "flush round done");
}

void
flush_steps(struct search *s, const struct block *b)
{
	if (b->flushing) {
		if (fan_can_end(s, b, FAN_FLUSH))
			round_end(s, b);
	} else if (b->flush_waiting && !b->stopped) {
		round_begin(s, b);
	}
}

/* --- CLEAN --- */

/* cleaner_collect(): may the unit be CLEAN now?  Else a flush would help. */
void
cleaner_steps(struct search *s, const struct block *b)
{
	struct block n = *b;
	bool inflight = b->op == OP_WRITE && !b->op_first;

	if (b->stopped || b->unit != UNIT_DIRTY || inflight || b->resync)
		return;
	if ((b->jobs | b->composed) & JOB_CLEAN)
		return;
	if (b->unit_gen == 2 || has_bug(s, BUG_CLEAN_NO_FLUSH)) {
		n.unit = UNIT_CLEANING;
		n.jobs |= JOB_CLEAN;
		search_add(s, &n, "cleaner: unit may be CLEAN");
	} else if (!b->cleaner_flushing) {
		n.cleaner_flushing = 1;
		flush_request(s, &n, WAIT_CLEAN);
		search_add(s, &n, "cleaner asks for a flush");
	}
}

/* --- pages --- */

/* Blocks became unwritten, or were decided anew, meanwhile. */
void
store_drop(struct block *b)
{
	if (b->store != STORE_FREE && !b->store_composed)
		b->store_dropped = 1;
}

/* store_abandon() */
static void
store_abandon(struct search *s, struct block *n)
{
	for (int i = 0; i < n->nodes; i++)
		n->node[i].flags &= (uint8_t)~NODE_PAGED;
	n->store = STORE_FREE;
	n->store_sum = n->store_dropped = n->store_gen = 0;
	search_add(s, n, "page store given up");
}

/* store_compose_page(): sums of completed writes only. */
static void
store_begin(struct search *s, struct block *n)
{
	struct node *v = chain_visible(n);

	n->store = STORE_WRITING;
	n->store_sum = v ? v->sum : n->page == SUM_NONE ? SUM_ZEROS : n->page;
	if (v)
		v->flags |= NODE_PAGED;
	search_add(s, n, "page of sums written with sum %x", n->store_sum);
}

static bool
page_is_readable(const struct block *b)
{
	for (int i = 0; i < LEGS; i++)
		if (b->leg[i].run == RUN_IN && b->leg[i].page)
			return true;
	return b->page == SUM_NONE;
}

void
store_begins(struct search *s, const struct block *b)
{
	struct block n = *b;

	if (b->store == STORE_FREE && bounds(s)->pages && !b->stopped &&
	    b->nodes > 0 && !b->resync && page_is_readable(b))
		store_begin(s, &n);
}

void
store_ends(struct search *s, const struct block *b)
{
	struct block n = *b;

	if (b->store != STORE_WRITING || !fan_can_end(s, b, FAN_OTHER))
		return;
	if (b->store_dropped) {
		store_abandon(s, &n);
		return;
	}
	count_written(&n);
	if (has_bug(s, BUG_PAGE_NO_FLUSH)) {
		n.store = STORE_RECORDING;
		n.jobs |= JOB_STORE;
	} else {
		n.store = STORE_FLUSHING;
		flush_request(s, &n, WAIT_STORE);
	}
	search_add(s, &n, "page written");
}
