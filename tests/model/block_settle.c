/* SPDX-License-Identifier: MIT */
/*
 * Crash recovery of the unit (raid/settle.c, raid/evidence.c), and legs that
 * fail (raid/leg.c, raid/fan.c, raid/meta.c).
 *
 *   settle_granted()                 settle_steps
 *   evidence_choose()                evidence_choose
 *   settle_written() ... settle_chain()  settle_written
 *   leg_fail()                       leg_fails
 *   meta_in_force()                  epoch_in_force
 *   leg_fail_last(), flush_round_done()  last_flush_fails
 *   write_undecided()                last_data_fails
 */
#include "block.h"

/* --- the end of it --- */

static void
settle_finish(struct block *b)
{
	b->settle = SETTLE_IDLE;
	b->settle_content = b->settle_record = 0;
	b->resync = 0;
	b->unit_gen = 0;
}

void
settle_recorded(struct block *b)
{
	chain_trim(b, chain_newest(b));
	settle_finish(b);
}

/* settle_chain(), settle_record() */
static void
settle_chain(struct block *b, uint8_t sum)
{
	struct node *n = chain_newest(b);

	if (!n && !b->settle_record) {
		settle_finish(b);
		return; /* its page says so already */
	}
	if (n && n->sum == sum && (n->flags & NODE_JOURNALED)) {
		n->flags |= NODE_DONE | NODE_SETTLED;
		n->gen = 0;
		chain_trim(b, n);
		settle_finish(b);
		return;
	}
	store_drop(b);
	chain_push(b, sum, NODE_DONE | NODE_SETTLED);
	b->settle = SETTLE_RECORDING;
	b->jobs |= JOB_SETTLE;
}

static void
settle_written(struct search *s, const struct block *b)
{
	struct block n = *b;
	bool fua = !has_bug(s, BUG_RESYNC_PLAIN);

	for (int i = 0; i < LEGS; i++) {
		struct leg *leg = &n.leg[i];

		if (!leg->settling)
			continue;
		leg->settling = 0;
		leg->content = n.settle_content;
		for (int h = 0; h < HALVES && fua; h++)
			leg->media[h] = (uint8_t)(1u << half(leg->content, h));
		for (int h = 0; h < HALVES && fua; h++)
			if (leg->flush[h])
				leg->flush[h] = leg->media[h];
	}
	if (!fua)
		count_written(&n);
	n.there &= (uint8_t)~FAN_DATA;
	n.sent &= (uint8_t)~FAN_DATA;
	settle_chain(&n, n.settle_content);
	search_add(s, &n, "resync: legs agree on %x", b->settle_content);
}

/* --- evidence --- */

/* The value is known: the legs that differ are written. */
static void
settle_write(struct search *s, const struct block *b, uint8_t content,
	     bool record, const char *how)
{
	struct block n = *b;
	bool any = false;

	n.settle = SETTLE_WRITING;
	n.settle_content = content;
	n.settle_record = record;
	for (int i = 0; i < LEGS; i++) {
		struct leg *leg = &n.leg[i];

		if (leg->run != RUN_IN || leg->content == content)
			continue;
		leg->settling = 1;
		any = true;
		for (int h = 0; h < HALVES; h++) {
			uint8_t bit = (uint8_t)(1u << half(content, h));

			leg->media[h] |= bit;
			if (n.flushing)
				leg->flush[h] |= bit;
		}
	}
	if (!any) {
		n.settle_content = content;
		settle_chain(&n, content);
	}
	search_add(s, &n, "resync: %x by %s", content, how);
}

static bool
evidence_match(const struct block *b, uint8_t sum)
{
	for (int i = 0; i < LEGS; i++)
		if (b->leg[i].run == RUN_IN && b->leg[i].content == sum)
			return true;
	return false;
}

/* evidence_accept(): what the legs agree on; else any (the lowest). */
static void
evidence_accept(struct search *s, const struct block *b)
{
	if (b->vouched && !bounds(s)->lies && b->faults < 2) {
		search_violated(s, "I7",
				"no sum vouches for what must be durable");
		return;
	}
	for (int i = 0; i < LEGS; i++)
		if (b->leg[i].run == RUN_IN)
			settle_write(s, b, b->leg[i].content, true,
				     "last resort");
}

static void
evidence_zeros(struct search *s, const struct block *b, bool planted)
{
	struct block n = *b;

	if (planted) {
		chain_remove(&n, 0, n.nodes);
		chain_push(&n, SUM_ZEROS, NODE_DONE | NODE_SETTLED);
		n.settle = SETTLE_RECORDING;
		n.jobs |= JOB_SETTLE;
	} else {
		settle_finish(&n);
	}
	search_add(s, &n, "resync: unwritten");
}

static bool
page_says(const struct block *b)
{
	for (int i = 0; i < LEGS; i++)
		if (b->leg[i].run == RUN_IN && b->leg[i].page)
			return b->page != SUM_NONE && b->page != SUM_ZEROS;
	return false;
}

/* R17: from the newest sum back to the base. */
static void
evidence_choose(struct search *s, const struct block *b)
{
	bool based = false, any = b->nodes > 0;

	for (int i = b->nodes - 1; i >= 0 && !based; i--) {
		const struct node *n = &b->node[i];

		if (n->sum == SUM_ZEROS) {
			if (i == b->nodes - 1) {
				evidence_zeros(s, b, false);
				return;
			}
			based = true; /* below a sum, never zeros (H14) */
		} else if (evidence_match(b, n->sum)) {
			settle_write(s, b, n->sum, false, "its sum");
			return;
		} else {
			based = node_is_settled(n);
		}
	}
	if (any && (b->page == SUM_NONE || b->page == SUM_ZEROS) &&
	    has_bug(s, BUG_ZEROS_NO_MATCH)) {
		evidence_zeros(s, b, true);
		return;
	}
	if (!based && page_says(b)) {
		any = true;
		if (evidence_match(b, b->page)) {
			settle_write(s, b, b->page, false, "its page");
			return;
		}
	}
	if (any)
		evidence_accept(s, b);
	else
		evidence_zeros(s, b, false);
}

void
settle_flushed(struct search *s, const struct block *b)
{
	evidence_choose(s, b);
}

void
settle_steps(struct search *s, const struct block *b)
{
	struct block n = *b;

	if (b->settle == SETTLE_WRITING && fan_can_end(s, b, FAN_DATA))
		settle_written(s, b);
	if (!b->resync || b->settle != SETTLE_IDLE || b->op != OP_NONE ||
	    b->stopped)
		return;
	if (!flush_is_needed(b)) {
		evidence_choose(s, b);
		return;
	}
	n.settle = SETTLE_FLUSHING;
	flush_request(s, &n, WAIT_SETTLE);
	search_add(s, &n, "resync: flush");
}

/* --- legs that fail --- */

bool
fan_can_end(const struct search *s, const struct block *b, uint8_t what)
{
	if ((b->there & what) || has_bug(s, BUG_ACK_EARLY))
		return true;
	for (int i = 0; i < LEGS; i++)
		if (b->leg[i].run == RUN_FAILING)
			return false;
	return true;
}

/* Some of what was in flight to it had completed there, some had not. */
static void
leg_fails(struct search *s, const struct block *b, int leg)
{
	uint8_t sent = 0;

	if ((b->op_waits & OP_WAITS_DATA) || b->leg[leg].settling)
		sent |= FAN_DATA;
	if (b->appending)
		sent |= FAN_APPEND;
	if (b->flushing)
		sent |= FAN_FLUSH;
	for (uint8_t there = 0; there <= sent; there++) {
		struct block n = *b;
		struct leg *l = &n.leg[leg];

		if (there & ~sent)
			continue;
		n.faults++;
		n.there = there;
		n.sent = sent & FAN_APPEND;
		l->run = RUN_FAILING;
		if (!(there & FAN_DATA))
			l->settling = 0;
		for (int h = 0; h < HALVES; h++)
			if (!(there & FAN_FLUSH))
				l->flush[h] = 0;
		search_add(s, &n, "leg %d fails%s%s%s", leg,
			   there & FAN_DATA ? ", after the data" : "",
			   there & FAN_APPEND ? ", after the append" : "",
			   there & FAN_FLUSH ? ", after the flush" : "");
	}
}

static void
epoch_in_force(struct search *s, const struct block *b, int leg)
{
	struct block n = *b;

	n.leg[leg] = (struct leg){0};
	n.there = n.sent = 0;
	search_add(s, &n, "the epoch without leg %d is in force", leg);
}

/* The last leg fails a flush: what its cache held may be gone (H10). */
static void
last_flush_fails(struct search *s, const struct block *b, int leg)
{
	for (int i = 0; i < 64; i++) {
		struct block n = *b;
		struct leg *l = &n.leg[leg];
		uint8_t low = i & 7, high = i >> 3;

		if (!(l->media[0] >> low & 1) || !(l->media[1] >> high & 1))
			continue;
		l->content = join(low, high);
		n.faults++;
		n.eio = 1;
		n.stopped = !has_bug(s, BUG_FLUSH_RETRIED);
		n.flushing = n.flush_covered = 0;
		n.flush_client = n.drain = n.cleaner_flushing = 0;
		for (int h = 0; h < HALVES; h++) {
			l->flush[h] = 0;
			n.flush_cut[h] = 0;
		}
		search_add(s, &n, "the last leg fails a flush, and has %x",
			   l->content);
	}
}

/* The last leg fails the data of a write, which is there or not: EIO, and
 * R17 decides at the next access (write_undecided(), H28). */
static void
last_data_fails(struct search *s, const struct block *b, int leg)
{
	for (int i = 0; i < 4; i++) {
		struct block n = *b;
		struct leg *l = &n.leg[leg];

		l->content = join(i & 1 ? n.op_value : half(l->content, 0),
				  i & 2 ? n.op_value : half(l->content, 1));
		n.faults++;
		if (n.op_first)
			chain_remove(&n, n.nodes - 1, 1);
		else
			n.resync = 1;
		n.unit_gen = 0;
		n.op = OP_NONE;
		n.op_step = n.op_waits = n.op_value = 0;
		n.op_fua = n.op_first = 0;
		n.recovered = 1;
		if (!has_bug(s, BUG_FAILED_DRY))
			count_written(&n);
		search_add(s, &n, "the last leg fails the data, and has %x",
			   l->content);
	}
}

void
leg_steps(struct search *s, const struct block *b)
{
	const struct leg *legs = b->leg;

	if (b->stopped || b->faults >= bounds(s)->faults)
		return;
	for (int i = 0; i < LEGS; i++) {
		if (legs[i].run != RUN_IN)
			continue;
		if (legs[1 - i].run == RUN_IN)
			leg_fails(s, b, i);
		if (legs[1 - i].run != RUN_OUT)
			continue;
		if (b->flushing && b->settle == SETTLE_IDLE && b->op == OP_NONE)
			last_flush_fails(s, b, i);
		if (b->op == OP_WRITE && b->op_waits == OP_WAITS_DATA)
			last_data_fails(s, b, i);
	}
}

void
epoch_steps(struct search *s, const struct block *b)
{
	for (int i = 0; i < LEGS; i++)
		if (b->leg[i].run == RUN_FAILING)
			epoch_in_force(s, b, i);
}
