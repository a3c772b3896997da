/* SPDX-License-Identifier: MIT */
/*
 * What clients ask for: writes (raid/write.c), discards (raid/unwritten.c),
 * FLUSH (raid/part.c), reads (raid/read.c, raid/fetch.c); and what they may
 * expect.
 *
 *   write_begin() ... write_take_units()   write_issue
 *   write_data_done(), write_node_done()   data_end
 *   unwritten_begin()                      discard_issue
 *   unwritten_discard_done()               trim_end
 *   flush_part_begin()                     flush_issue
 *   fetch_verify()                         read_steps
 */
#include "block.h"

/* --- what a read may return --- */

/* Sent, and not answered: old or new. */
static void
expect_issued(struct block *b, int value)
{
	for (int h = 0; h < HALVES; h++) {
		b->now[h] |= (uint8_t)(1u << value);
		b->cut[h] |= (uint8_t)(1u << value);
		if (b->drain || b->flush_client)
			b->flush_cut[h] |= (uint8_t)(1u << value);
	}
	b->recovered = 0;
	b->seen = 0;
	b->vouched = 0;
}

static void
expect_answered(struct block *b, int value, bool durable)
{
	for (int h = 0; h < HALVES; h++) {
		b->now[h] = (uint8_t)(1u << value);
		if (durable)
			b->cut[h] = (uint8_t)(1u << value);
	}
	b->vouched = durable;
}

/* --- writes --- */

/* The lock is free, and nothing was left undone by a crash (R9, R16). */
static bool
write_may_begin(const struct search *s, const struct block *b)
{
	return b->op == OP_NONE && b->settle == SETTLE_IDLE && !b->stopped &&
	       b->writes < bounds(s)->writes && b->nodes < NODES;
}

/* Data to all legs; the record of a FUA write beside it. */
void
write_data(const struct search *s, struct block *b)
{
	const struct node *n = chain_newest(b);
	uint8_t bit = (uint8_t)(1u << b->op_value);

	b->op_step = OP_DATA;
	b->op_waits |= OP_WAITS_DATA;
	for (int i = 0; i < LEGS; i++) {
		struct leg *leg = &b->leg[i];

		if (leg->run != RUN_IN)
			continue;
		for (int h = 0; h < HALVES; h++) {
			leg->media[h] |= bit;
			if (b->flushing)
				leg->flush[h] |= bit;
		}
	}
	if (b->op_first ? has_bug(s, BUG_FIRST_PARALLEL)
			: b->op_fua && !(n->flags & NODE_JOURNALED) &&
				  !has_bug(s, BUG_FUA_NO_RECORD)) {
		b->jobs |= JOB_RECORD;
		b->op_waits |= OP_WAITS_RECORD;
	}
}

static void
write_issue(struct search *s, const struct block *b, bool fua)
{
	struct block n = *b;
	uint8_t sum = chain_lookup(&n);

	n.op = OP_WRITE;
	n.op_value = ++n.writes;
	n.op_fua = fua;
	n.op_first = sum == SUM_ZEROS;
	expect_issued(&n, n.op_value);
	chain_push(&n, whole(n.op_value), n.op_first ? NODE_FIRST : 0);
	if (!n.op_first &&
	    (n.unit == UNIT_CLEAN ||
	     (n.unit == UNIT_CLEANING && !has_bug(s, BUG_CLEAN_TAINTED)))) {
		n.unit = UNIT_MARKING;
		n.unit_gen = 0;
		n.op_step = OP_INTENT;
		n.jobs |= JOB_INTENT;
	}
	if (n.op_step != OP_INTENT || !(n.jobs & JOB_INTENT) ||
	    has_bug(s, BUG_DATA_FIRST))
		write_data(s, &n);
	search_add(s, &n, "client: %s v%d%s", fua ? "FUA write" : "write",
		   n.op_value, n.op_first ? ", a first one" : "");
}

/* write_end(): a unit's last write ended in this generation (R5). */
void
write_end(struct block *b)
{
	if (!b->op_first && b->unit != UNIT_CLEAN)
		b->unit_gen = 0;
	expect_answered(b, b->op_value, b->op_fua);
	b->op = OP_NONE;
	b->op_step = b->op_waits = b->op_value = 0;
	b->op_fua = b->op_first = 0;
}

/* write_record_done(), write_settle_first() */
void
write_recorded(struct block *b)
{
	if (b->op_first) {
		struct node *n = chain_newest(b);

		n->flags |= NODE_SETTLED;
		chain_trim(b, n);
	}
	b->op_waits &= (uint8_t)~OP_WAITS_RECORD;
	if (b->op_waits == 0)
		write_end(b);
}

/* write_supersede() */
static void
supersede(struct block *b, const struct node *n, struct node *older)
{
	if (n->flags & NODE_JOURNALED) {
		chain_remove(b, (int)(older - b->node), 1);
		return;
	}
	older->sum = n->sum;
	older->gen = n->gen;
	older->flags &= (uint8_t)~NODE_PAGED;
	chain_remove(b, b->nodes - 1, 1);
}

/* write_node_done() */
static void
node_done(const struct search *s, struct block *b)
{
	struct node *n = chain_newest(b);
	struct node *older = b->nodes > 1 ? n - 1 : NULL;
	bool durable = b->op_fua || b->op_first;

	n->flags |= NODE_DONE;
	n->gen = 0;
	if (n->flags & NODE_FIRST)
		return;
	if (durable)
		n->flags |= NODE_SETTLED;
	if (older && (older->flags & NODE_LISTED) &&
	    !(older->flags & NODE_JOURNALED) && !durable) {
		supersede(b, n, older);
		return;
	}
	chain_trim_settled(s, b);
	n = chain_newest(b);
	if (!(n->flags & NODE_JOURNALED) && !durable)
		n->flags |= NODE_LISTED;
}

/* write_data_done() */
static void
data_end(struct search *s, const struct block *b)
{
	struct block n = *b;
	uint8_t bit = (uint8_t)(1u << n.op_value);
	bool fua = n.op_fua || (n.op_first && !has_bug(s, BUG_FIRST_PLAIN));

	for (int i = 0; i < LEGS; i++) {
		struct leg *leg = &n.leg[i];

		if (leg->run != RUN_IN &&
		    !(leg->run == RUN_FAILING && (n.there & FAN_DATA)))
			continue;
		leg->content = whole(n.op_value);
		for (int h = 0; h < HALVES && fua; h++) {
			leg->media[h] = bit;
			if (n.flushing && leg->flush[h])
				leg->flush[h] = bit;
		}
	}
	n.there &= (uint8_t)~FAN_DATA;
	n.sent &= (uint8_t)~FAN_DATA;
	if (!fua)
		count_written(&n);
	node_done(s, &n);
	n.op_waits &= (uint8_t)~OP_WAITS_DATA;
	if (n.op_first && !has_bug(s, BUG_FIRST_PARALLEL)) {
		n.op_step = OP_RECORD;
		n.op_waits |= OP_WAITS_RECORD;
		n.jobs |= JOB_RECORD;
	}
	if (n.op_waits == 0)
		write_end(&n);
	client_flush_check(&n);
	search_add(s, &n, "data of v%d on all counted legs", b->op_value);
}

/* --- discards --- */

static void
trim_begin(struct block *b)
{
	b->op_step = OP_TRIM;
	for (int i = 0; i < LEGS; i++)
		for (int h = 0; h < HALVES; h++) {
			struct leg *leg = &b->leg[i];

			if (leg->run != RUN_IN)
				continue;
			leg->media[h] |= 1u << GARBAGE;
			if (b->flushing)
				leg->flush[h] |= 1u << GARBAGE;
		}
}

static void
discard_issue(struct search *s, const struct block *b)
{
	struct block n = *b;

	n.op = OP_DISCARD;
	n.op_step = OP_RECORD;
	n.writes++;
	n.jobs |= JOB_UNWRITTEN;
	expect_issued(&n, ZEROS);
	if (has_bug(s, BUG_UNWRITTEN_EARLY)) {
		for (int i = 0; i < LEGS; i++)
			n.leg[i].content = whole(GARBAGE);
		trim_begin(&n);
	}
	search_add(s, &n, "client: discard");
}

/* unwritten_recorded(), apply_unwritten_blocks() */
void
unwritten_recorded(struct block *b)
{
	store_drop(b);
	chain_remove(b, 0, b->nodes);
	if (b->page != SUM_NONE)
		chain_push(b, SUM_ZEROS,
			   NODE_DONE | NODE_JOURNALED | NODE_SETTLED);
	trim_begin(b);
}

/* The members' own discard: done, or not; its errors are nobody's. */
static void
trim_end(struct search *s, const struct block *b)
{
	for (int done = 0; done < 2; done++) {
		struct block n = *b;

		for (int i = 0; i < LEGS && done; i++)
			if (n.leg[i].run == RUN_IN)
				n.leg[i].content = whole(GARBAGE);
		n.op = OP_NONE;
		n.op_step = 0;
		expect_answered(&n, ZEROS, true);
		search_add(s, &n, "discard answered; members %s it",
			   done ? "did" : "ignored");
	}
}

/* --- FLUSH --- */

/* FLUSH is answered.  Of what a crash left undecided it says nothing. */
static void
expect_flushed(struct block *b)
{
	bool one = true;

	for (int h = 0; h < HALVES; h++) {
		b->cut[h] &= b->flush_cut[h];
		b->flush_cut[h] = 0;
		one &= (b->cut[h] & (b->cut[h] - 1)) == 0;
	}
	if (one && !b->resync)
		b->vouched = 1;
}

/* flush_part_waited() */
void
client_flush_check(struct block *b)
{
	bool waits = false;

	if (!b->flush_client && !b->drain)
		return;
	for (int i = 0; i < b->nodes; i++)
		waits |= (b->node[i].flags & NODE_NEEDED) != 0;
	/* All it waits for has been journaled another way. */
	if (b->drain == DRAIN_QUEUED && !waits && !b->appending)
		b->drain = DRAIN_DONE;
	if (!b->flush_client && !b->drain)
		expect_flushed(b);
}

static void
flush_issue(struct search *s, const struct block *b)
{
	struct block n = *b;

	n.flushes++;
	for (int h = 0; h < HALVES; h++)
		n.flush_cut[h] = n.now[h];
	if (flush_is_needed(&n)) {
		n.flush_client = 1;
		flush_request(s, &n, WAIT_CLIENT);
	}
	if (n.appending && (n.composed & JOB_QUEUE))
		n.drain = DRAIN_COMPOSED;
	for (int i = 0; i < n.nodes && !has_bug(s, BUG_FLUSH_NO_DRAIN); i++)
		if (n.node[i].flags & NODE_LISTED) {
			n.node[i].flags |= NODE_NEEDED;
			n.drain = DRAIN_QUEUED;
		}
	if (!n.flush_client && !n.drain)
		expect_flushed(&n);
	search_add(s, &n, "client: FLUSH%s",
		   n.flush_client || n.drain ? "" : ", answered at once");
}

/* --- reads --- */

/* The value that a read gives, block by block, and what it then binds. */
static void
read_answer(struct search *s, const struct block *b, uint8_t low, uint8_t high)
{
	struct block n = *b;
	uint8_t value[HALVES] = {low, high};

	for (int h = 0; h < HALVES; h++) {
		uint8_t bit = (uint8_t)(1u << value[h]);

		if (!(n.now[h] & bit)) {
			search_violated(
				s,
				b->seen               ? "I3"
				: !b->recovered       ? "I4"
				: value[h] == GARBAGE ? "I2"
						      : "I1",
				"a read gives %d, where only %x may be read",
				value[h], n.now[h]);
			return;
		}
		n.now[h] = bit;
		if (n.recovered)
			n.cut[h] = bit;
	}
	n.seen = n.recovered;
	search_add(s, &n, "client reads %d %d", low, high);
}

static void
read_steps(struct search *s, const struct block *b)
{
	struct block n = *b;
	uint8_t sum = chain_lookup(&n);

	if (b->op != OP_NONE || b->settle != SETTLE_IDLE)
		return;
	if (b->resync) {
		for (int i = 0; i < LEGS && has_bug(s, BUG_READ_EARLY); i++)
			if (b->leg[i].run == RUN_IN)
				read_answer(s, b, half(b->leg[i].content, 0),
					    half(b->leg[i].content, 1));
		return;
	}
	if (sum == SUM_ZEROS) {
		read_answer(s, b, ZEROS, ZEROS);
		return;
	}
	for (int i = 0; i < LEGS; i++)
		if (b->leg[i].run == RUN_IN && b->leg[i].content == sum) {
			read_answer(s, b, half(sum, 0), half(sum, 1));
			return;
		}
	if (!b->eio)
		search_violated(s, "I1", "EIO for a block: no leg has sum %x",
				sum);
}

void
client_steps(struct search *s, const struct block *b)
{
	if (b->op == OP_WRITE && (b->op_waits & OP_WAITS_DATA) &&
	    fan_can_end(s, b, FAN_DATA))
		data_end(s, b);
	/* The members' discard is not a fan: legs that fail do not matter. */
	if (b->op == OP_DISCARD && b->op_step == OP_TRIM &&
	    !((b->jobs | b->composed) & JOB_UNWRITTEN))
		trim_end(s, b);
}

void
client_asks(struct search *s, const struct block *b)
{
	read_steps(s, b);
	if (write_may_begin(s, b)) {
		if (bounds(s)->discards)
			discard_issue(s, b);
		if (!b->resync) {
			write_issue(s, b, false);
			write_issue(s, b, true);
		}
	}
	if (!b->flush_client && !b->drain && !b->stopped &&
	    b->flushes < bounds(s)->flushes &&
	    (b->cut[0] != b->now[0] || b->cut[1] != b->now[1]))
		flush_issue(s, b);
}
