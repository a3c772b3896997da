/* SPDX-License-Identifier: MIT */
#include "op.h"

#include <errno.h>

#include "set.h"

/* How often what is in flight is looked at. */
#define OP_TICK_NS 10000000ull
/* How long a leg, overdue while others answer, is given still: what they all
 * waited for may be over just now (H27). */
#define OP_GRACE_NS 1000000000ull
/* A leg slow to read from is spared reads for so long. */
#define SHUN_NS 5000000000ull
/* Slow reads given up and not back, of all legs. */
#define HEDGES_MAX 64u
/* A read is slow that takes so many times what they take on its leg. */
#define SLOW_TIMES 16u
/* A leg that is spared reads is asked after all, if another takes so many times
 * what it took. */
#define MUCH_SLOWER 4u

/* --- the pool --- */

void
op_pool_init(struct raid *r, uint32_t ops, uint32_t spares)
{
	list_init(&r->ops_free);
	for (uint32_t i = 0; i < ops; i++)
		list_append(&r->ops_free, &r->ops[i].link);
	r->zombies_max = ops / 2;
	for (uint32_t i = 0; i < spares; i++)
		r->spares[r->spare_count++] =
			r->spare_bufs + (size_t)i * BLOCK_BYTES;
}

static void
op_free(struct op *op)
{
	list_append(&op->leg->raid->ops_free, &op->link);
}

/* An abandoned one is back. */
static void
op_released(struct op *op)
{
	struct leg *leg = op->leg;
	struct raid *r = leg->raid;

	CHECK(r->zombies > 0 && leg->zombies > 0);
	r->zombies--;
	leg->zombies--;
	if (op->spared)
		r->spares[r->spare_count++] = op->io.buf;
	if (op->released)
		op->released(op, op->io.res);
	op_free(op);
}

static void
op_count(struct op *op)
{
	struct leg *leg = op->leg;
	uint64_t took = leg->raid->now - op->since_ns;

	/* Flushes and discards may be answered without the disk. */
	if (op->since_ns > leg->answered_ns &&
	    (op->io.op == IO_READ || op->io.op == IO_WRITE))
		leg->answered_ns = op->since_ns;
	if (op->io.op == IO_READ)
		leg->read_ns = leg->read_ns - leg->read_ns / 16 + took / 16;
}

static void
op_io_done(struct io_req *req)
{
	struct op *op = container_of(req, struct op, io);
	struct leg *leg = op->leg;

	CHECK(req->res <= 0);
	if (op->abandoned) {
		op_released(op);
		return;
	}
	CHECK(leg->in_flight > 0);
	list_remove(&op->link);
	leg->in_flight--;
	leg->raid->ops_busy--;
	op_count(op);
	/* One that failed may be there all the same, FUA or not (R16). */
	if (req->op == IO_WRITE &&
	    (req->res != 0 ? !PLANTED(FAILED_WRITE_NOT_FLUSHED) : !req->fua))
		leg->written++;
	op->done(op, req->res);
	op_free(op);
}

struct op *
op_submit(struct leg *leg, enum io_op code, uint64_t offset, uint64_t length,
	  void *buf, bool fua, op_done_f *done, void *owner, uint64_t tag)
{
	struct raid *r = leg->raid;

	CHECK(!list_empty(&r->ops_free));
	CHECK(leg->present);
	/* Not a byte, whatever the caller thinks. */
	CHECK(!r->salvage || code == IO_READ || PLANTED(SALVAGE_WRITES));
	struct op *op = list_first(&r->ops_free, struct op, link);

	list_remove(&op->link);
	*op = (struct op){
		.leg = leg,
		.done = done,
		.owner = owner,
		.tag = tag,
		.since_ns = r->now,
		.io =
			{
				.op = code,
				.member = leg->member,
				.fua = fua,
				.offset = offset,
				.length = length,
				.buf = buf,
				.done = op_io_done,
			},
	};
	list_append(&leg->ops, &op->link);
	leg->in_flight++;
	r->ops_busy++;
	r->io->ops->submit(r->io, &op->io);
	return op;
}

/* --- giving up --- */

static bool
op_can_abandon(const struct op *op)
{
	const struct raid *r = op->leg->raid;

	/* What is used up is waited for (R10). */
	return r->zombies < r->zombies_max &&
	       (!op->spared || r->spare_count > 0);
}

static void
op_abandon(struct op *op)
{
	struct leg *leg = op->leg;
	struct raid *r = leg->raid;

	list_remove(&op->link);
	leg->in_flight--;
	r->ops_busy--;
	leg->zombies++;
	r->zombies++;
	op->abandoned = true;
	if (op->spared)
		op->spare = r->spares[--r->spare_count];
	op->done(op, -ETIMEDOUT);
}

/* --- a leg that is out --- */

/* Nothing waits for a leg that does not answer, or is dead. */
static void
leg_abandon(struct leg *leg)
{
	uint64_t deadline_ns = leg->raid->limits.io_deadline_ns;

	list_for_each (l, following, &leg->ops) {
		struct op *op = list_entry(l, struct op, link);
		bool late = leg->raid->now - op->since_ns > deadline_ns;

		if ((late || leg->why == CAUSE_DEADLINE) && op_can_abandon(op))
			op_abandon(op);
	}
}

/* --- a leg that does not answer --- */

/* The oldest I/O that ought to be back.  A discard takes what it takes. */
static struct op *
leg_oldest(const struct leg *leg)
{
	list_for_each (l, following, &leg->ops) {
		struct op *op = list_entry(l, struct op, link);

		if (op->io.op != IO_DISCARD)
			return op;
	}
	return NULL;
}

static void
leg_probed(struct op *op, int res)
{
	(void)res;
	op->leg->probing = false;
}

/* A read, for its being answered: what it reads is nobody's. */
static void
leg_probe(struct leg *leg)
{
	struct raid *r = leg->raid;

	if (leg->run != RUN_IN || leg->probing)
		return;
	leg->probing = true;
	op_submit(leg, IO_READ, r->sb.layout.map_offset[0], BLOCK_BYTES,
		  r->probe_buf, false, leg_probed, leg, 0);
}

static void
leg_probe_others(const struct leg *leg)
{
	struct set *set = leg->set;

	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++)
		if (&set->legs[i] != leg)
			leg_probe(&set->legs[i]);
}

static bool
leg_is_overdue(const struct leg *leg)
{
	const struct raid *r = leg->raid;
	const struct op *op = leg_oldest(leg);

	return op && r->now - op->since_ns >= r->limits.io_deadline_ns;
}

/* Is there another leg of the set that is not overdue itself, and completed
 * what was submitted then or later? */
static bool
leg_others_answer(const struct leg *leg, uint64_t since_ns)
{
	const struct set *set = leg->set;

	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		const struct leg *other = &set->legs[i];

		if (other != leg && other->run == RUN_IN &&
		    other->answered_ns >= since_ns && !leg_is_overdue(other))
			return true;
	}
	return false;
}

/* It is out if another leg answers, asked after this one was overdue: what
 * answered before may hang by now for the same reason (H27). */
static void
leg_watch(struct leg *leg)
{
	struct raid *r = leg->raid;

	if (!leg_is_overdue(leg) || !leg_is_expendable(leg)) {
		leg->accused_ns = 0;
		return;
	}
	if (!leg_others_answer(leg, leg_oldest(leg)->since_ns +
					    r->limits.io_deadline_ns) &&
	    !PLANTED(DEADLINE_ALONE_EVICTS)) {
		leg->accused_ns = 0;
		leg_probe_others(leg);
		return;
	}
	if (leg->accused_ns == 0)
		leg->accused_ns = r->now;
	if (r->now - leg->accused_ns >= OP_GRACE_NS)
		leg_fail(leg, CAUSE_DEADLINE, -ETIMEDOUT);
}

/* --- a leg that is slow --- */

static uint64_t
leg_slow_ns(const struct leg *leg)
{
	uint64_t slow_ns = leg->read_ns * SLOW_TIMES;

	return slow_ns > leg->raid->limits.slow_read_ns
		       ? slow_ns
		       : leg->raid->limits.slow_read_ns;
}

static void
leg_shun(struct leg *leg, uint64_t took_ns)
{
	struct raid *r = leg->raid;

	leg->slow_reads++;
	if (r->now >= leg->shun_until_ns) {
		raid_note(r, NOTE_LEG_SLOW, leg->set, leg, 0, took_ns, SHUN_NS);
		leg->shun_took_ns = 0;
	}
	if (took_ns > leg->shun_took_ns)
		leg->shun_took_ns = took_ns;
	leg->shun_until_ns = r->now + SHUN_NS;
}

/* Is there another leg that may answer sooner?  One slow of late only if this
 * one is much slower: else a read would go to and fro between them for ever. */
static bool
leg_others_are_faster(const struct leg *leg, uint64_t took_ns)
{
	const struct set *set = leg->set;

	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		const struct leg *other = &set->legs[i];

		if (other != leg && other->run == RUN_IN &&
		    (leg->raid->now >= other->shun_until_ns ||
		     took_ns >= MUCH_SLOWER * other->shun_took_ns))
			return true;
	}
	return false;
}

/* Reads that another leg may answer sooner. */
static void
leg_hedge(struct leg *leg)
{
	struct raid *r = leg->raid;
	uint64_t slow_ns = leg_slow_ns(leg);

	list_for_each (l, following, &leg->ops) {
		struct op *op = list_entry(l, struct op, link);
		uint64_t took_ns = r->now - op->since_ns;

		if (took_ns < slow_ns || r->zombies >= HEDGES_MAX ||
		    !leg_others_are_faster(leg, took_ns))
			return;
		if (!op->hedged || !op_can_abandon(op))
			continue;
		leg_shun(leg, took_ns);
		op_abandon(op);
	}
}

/* --- all legs --- */

void
op_tick(struct raid *r)
{
	if (r->ops_busy == 0 || r->now < r->op_tick_ns)
		return;
	r->op_tick_ns = r->now + OP_TICK_NS;
	for (uint32_t i = 0; i < r->leg_count; i++) {
		struct leg *leg = &r->legs[i];

		if (leg->in_flight == 0 || PLANTED(HUNG_LEG_WAITED_FOR))
			continue;
		if (leg->run == RUN_IN)
			leg_watch(leg);
		if (leg->run == RUN_IN)
			leg_hedge(leg);
		else
			leg_abandon(leg);
	}
}

uint64_t
op_deadline(const struct raid *r)
{
	return r->ops_busy == 0 ? UINT64_MAX : r->now + OP_TICK_NS;
}
