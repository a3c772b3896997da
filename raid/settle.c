/* SPDX-License-Identifier: MIT */
/*
 * Settling a unit: making its legs agree.  One operation, two ways to know
 * the value: by sum (read repair, R11), by evidence (crash recovery, R16,
 * R17).
 *
 *   FREE -> LOCKING -> FLUSHING (evidence) -> LOADING -> READING -> WRITING
 *        -> CHECKING -> RECORDING (evidence) -> FREE
 *
 * Legs that differ are written with FUA and read back.  What a flush at the
 * start made durable, and what is written so, can be agreed upon (H7).
 */
#include <errno.h>
#include <string.h>

#include "set.h"
#include "settle.h"

static uint64_t
settle_offset(const struct settle *st, uint32_t b)
{
	return st->set->raid->sb.layout.data_offset +
	       (st->unit * UNIT_BLOCKS + b) * BLOCK_BYTES;
}

/* --- the end --- */

/*
 * A block that no leg gave may have been acknowledged with a sum older than its
 * newest: a read error that passes must not decide it for good.  So its unit is
 * not CLEAN before the block is overwritten, discarded or can be read, and the
 * next start looks at all its sums again.
 */
static void
settle_decided(struct settle *st, struct unit *u)
{
	struct set *set = st->set;
	struct units *us = &set->units;
	bool open = st->open && !set_is_quiet(set) && !PLANTED(LOST_DECIDED);

	u->gen = set->flusher.gen;
	if (open && (u->open || us->open < us->open_max))
		unit_set_open(us, u, true);
	else
		settler_close(set, u);
}

static void
settle_finish(struct settle *st, int res)
{
	struct set *set = st->set;
	struct unit *u = units_find(&set->units, st->unit);

	st->step = st->abandoned ? SETTLE_STUCK : SETTLE_FREE;
	set->settler.busy--;
	set->settler.stuck += st->abandoned > 0;
	if (st->frame && !PLANTED(EVIDENCE_NOT_PINNED))
		pages_unpin(set, st->frame);
	st->frame = NULL;
	if (u)
		u->settling = false;
	if (u && u->resync && res == 0) {
		CHECK(st->evidence); /* its lock was held since */
		settle_decided(st, u);
	}
	/* A leg has what its sum says, or the record of a new one. */
	for (uint32_t b = 0; b < UNIT_BLOCKS && res == 0; b++)
		if (st->chosen >> b & 1)
			lost_readable(set, st->unit * UNIT_BLOCKS + b);
	range_unlock(&set->ranges, &st->range);
	settler_wake(set, st->unit, res);
}

/* --- a leg that was given up while it was read (R10) --- */

static void
settle_read_released(struct op *op, int res)
{
	struct settle *st = op->owner;

	(void)res;
	CHECK(st->abandoned > 0);
	if (--st->abandoned > 0 || st->step != SETTLE_STUCK)
		return;
	st->step = SETTLE_FREE;
	st->set->settler.stuck--;
}

bool
settle_is_abandoned(struct settle *st, struct op *op)
{
	if (!op->abandoned)
		return false;
	st->abandoned++;
	op->released = settle_read_released;
	return true;
}

/* --- recording what evidence decided --- */

static void
settle_recorded(struct job *job, int res)
{
	struct settle *st = container_of(job, struct settle, job);
	struct sums *s = &st->set->sums;

	for (uint32_t b = 0; b < UNIT_BLOCKS && res == 0; b++)
		if (st->record >> b & 1)
			sums_trim(s,
				  sums_newest(s, st->unit * UNIT_BLOCKS + b));
	settle_finish(st, res);
}

/* Older ones that wait must not ride along behind it (R3). */
static void
settle_put(struct set *set, struct record *rec, uint64_t block)
{
	struct node *n = sums_newest(&set->sums, block);

	CHECK(journal_put_again(set, rec, n, 0));
	while ((n = sums_node(&set->sums, n->older)) != NULL &&
	       !PLANTED(DECISION_OVERTAKEN))
		n->flags |= NODE_JOURNALED;
}

static void
settle_compose(struct job *job, struct record *rec)
{
	struct settle *st = container_of(job, struct settle, job);

	for (uint32_t b = 0; b < UNIT_BLOCKS; b++)
		if (st->record >> b & 1)
			settle_put(st->set, rec, st->unit * UNIT_BLOCKS + b);
}

/* The chain of a decided block is the value chosen, and nothing else. */
static void
settle_chain(struct settle *st, uint32_t b)
{
	struct sums *s = &st->set->sums;
	uint64_t block = st->unit * UNIT_BLOCKS + b;
	struct node *n = sums_newest(s, block);

	if (!n && !(st->record >> b & 1))
		return; /* its page says so already */
	if (n && n->sum == st->sum[b] && (n->flags & NODE_JOURNALED)) {
		n->flags |= NODE_DONE | NODE_SETTLED;
		n->gen = st->set->flusher.gen;
		sums_trim(s, n);
		st->record &= (uint16_t) ~(1u << b);
		return;
	}
	/* What is older goes when the record is durable. */
	store_drop(st->set, block, 1);
	n = sums_push(s, block, st->sum[b], NODE_DONE | NODE_SETTLED);
	n->gen = st->set->flusher.gen;
	st->record |= (uint16_t)(1u << b);
}

static void
settle_record(struct settle *st)
{
	if (!st->evidence) {
		settle_finish(st, 0);
		return;
	}
	for (uint32_t b = 0; b < UNIT_BLOCKS; b++)
		if (st->chosen >> b & 1)
			settle_chain(st, b);
	if (st->record == 0 || PLANTED(RESYNC_NOT_RECORDED)) {
		settle_finish(st, 0);
		return;
	}
	st->step = SETTLE_RECORDING;
	st->job.compose = settle_compose;
	st->job.done = settle_recorded;
	st->job.urgent = true;
	st->job.bytes = UNIT_BLOCKS * 24;
	st->job.sums = UNIT_BLOCKS;
	journal_submit(st->set, &st->job);
}

/* --- reading back --- */

/* Written and acknowledged, and not there: once more. */
static void
settle_check_failed(struct settle *st, struct leg *leg, uint32_t b, int err)
{
	uint64_t block = st->unit * UNIT_BLOCKS + b;
	struct repair *rp = NULL;

	if (err < 0)
		verdict_give(leg, VERDICT_READ_ERROR, err, block * BLOCK_BYTES,
			     BLOCK_BYTES);
	else
		verdict_give_block(
			leg, block,
			verdict_place(st->set, block,
				      settle_block(st, leg->index, b)));
	if (!st->repair.again)
		rp = repair_ask(st->set, st->unit);
	if (!rp)
		return;
	rp->again = true;
	rp->told[leg->index] |= (uint16_t)(1u << b);
	rp->asked[leg->index] |= (uint16_t)(1u << b);
}

static void
settle_check_block(struct settle *st, struct leg *leg, uint32_t b, int res)
{
	uint64_t block = st->unit * UNIT_BLOCKS + b;

	if (res < 0 || sum_of(st->set->sum_base, block,
			      settle_block(st, leg->index, b)) != st->sum[b]) {
		settle_check_failed(st, leg, b, res);
		return;
	}
	leg->repaired++;
	st->set->settler.rewritten++;
	if (!st->evidence || (st->repair.told[leg->index] >> b & 1))
		raid_note(leg->raid, NOTE_REPAIRED, st->set, leg, 0,
			  block * BLOCK_BYTES, 0);
}

static void
settle_check_done(struct op *op, int res)
{
	struct settle *st = op->owner;

	if (!settle_is_abandoned(st, op))
		settle_check_block(st, op->leg, (uint32_t)op->tag, res);
	if (--st->pending == 0)
		settle_record(st);
}

/* One by one: others of the unit may be unreadable. */
static void
settle_check_leg(struct settle *st, struct leg *leg)
{
	for (uint32_t b = 0; b < UNIT_BLOCKS; b++) {
		if (!(st->to_write[leg->index] >> b & 1))
			continue;
		st->pending++;
		op_submit(leg, IO_READ, settle_offset(st, b), BLOCK_BYTES,
			  settle_block(st, leg->index, b), false,
			  settle_check_done, st, b);
	}
}

static void
settle_written(struct fan *fan, int res)
{
	struct settle *st = container_of(fan, struct settle, fan);

	if (res < 0) {
		settle_finish(st, st->evidence ? res : 0);
		return;
	}
	st->step = SETTLE_CHECKING;
	st->pending = 1;
	for (uint32_t i = 0; i < settle_legs(st); i++)
		if (st->set->legs[i].run == RUN_IN)
			settle_check_leg(st, &st->set->legs[i]);
	if (--st->pending == 0)
		settle_record(st);
}

/* --- writing --- */

static void
settle_compare(struct settle *st, uint32_t b)
{
	for (uint32_t i = 0; i < settle_legs(st); i++) {
		if (st->set->legs[i].run != RUN_IN)
			continue;
		if (!settle_is_readable(st, i, b) ||
		    memcmp(settle_block(st, i, b),
			   settle_block(st, st->source[b], b),
			   BLOCK_BYTES) != 0)
			st->to_write[i] |= (uint16_t)(1u << b);
	}
}

/* An unwritten block that a leg cannot read is of no value to anybody, but
 * each read across it would fail: zeros. */
static void
settle_blank(struct settle *st, uint32_t b)
{
	struct set *set = st->set;
	uint64_t block = st->unit * UNIT_BLOCKS + b;
	uint32_t sum;

	if (sum_lookup(set, block, &sum) != SUM_KNOWN || sum != SUM_UNWRITTEN ||
	    PLANTED(UNWRITTEN_LEFT_UNREADABLE))
		return;
	st->sum[b] = sum_of(set->sum_base, block, set->raid->zeros);
	for (uint32_t i = 0; i < settle_legs(st); i++)
		if (set->legs[i].run == RUN_IN && !settle_is_readable(st, i, b))
			st->to_write[i] |= (uint16_t)(1u << b);
}

/* What was decided holds for this run, or until a checkpoint says it: there
 * is nobody to agree with. */
static void
settle_keep(struct settle *st)
{
	struct sums *s = &st->set->sums;

	for (uint32_t b = 0; b < UNIT_BLOCKS; b++) {
		struct node *n = sums_newest(s, st->unit * UNIT_BLOCKS + b);

		if (!(st->chosen >> b & 1) || !n)
			continue; /* its page says so already */
		n->sum = st->sum[b];
		n->flags |= NODE_DONE | NODE_SETTLED | NODE_JOURNALED;
		n->gen = st->set->flusher.gen;
		sums_trim(s, n);
	}
	settle_finish(st, 0);
}

static void settle_load(struct settle *st);

/* The region's first page was stored while the legs were read: sums that were
 * in memory then are in it. */
static bool
settle_lacks_page(const struct settle *st)
{
	uint64_t region = set_region(st->set, st->unit * UNIT_BLOCKS);

	return !st->frame && map_slot(st->set->map[region]) != SLOT_NONE;
}

void
settle_decide(struct settle *st)
{
	struct set *set = st->set;

	if (settle_lacks_page(st)) {
		settle_load(st);
		return;
	}
	judge_tell(st);
	for (uint32_t b = 0; b < UNIT_BLOCKS; b++) {
		uint64_t block = st->unit * UNIT_BLOCKS + b;

		if (st->evidence &&
		    (!st->again || lost_is_listed(set, block, 1))) {
			judge_evidence(st, b);
			evidence_choose(st, b);
		} else {
			evidence_by_sum(st, b);
		}
		if (set_is_quiet(set))
			continue;
		if (st->chosen >> b & 1)
			settle_compare(st, b);
		else
			settle_blank(st, b);
	}
	if (set_is_quiet(set)) {
		settle_keep(st);
		return;
	}
	if (set->write_stopped) {
		settle_finish(st, st->evidence ? -EIO : 0);
		return;
	}
	st->step = SETTLE_WRITING;
	fan_begin(&st->fan, set, CAUSE_DATA, settle_written);
	for (uint32_t i = 0; i < settle_legs(st); i++)
		for (uint32_t b = 0; b < UNIT_BLOCKS; b++)
			if (st->to_write[i] >> b & 1)
				fan_write_leg(
					&st->fan, &set->legs[i],
					settle_offset(st, b), BLOCK_BYTES,
					st->chosen >> b & 1
						? settle_block(st,
							       st->source[b], b)
						: set->raid->zeros,
					!PLANTED(REPAIR_WITHOUT_FUA));
	fan_end(&st->fan);
}

/* --- reading --- */

static void
settle_unreadable(struct settle *st, struct leg *leg, uint32_t b, int err)
{
	uint16_t bit = (uint16_t)(1u << b);

	if ((st->repair.told[leg->index] & bit) && !PLANTED(ERROR_TOLD_TWICE))
		return;
	if (lost_is_listed(st->set, st->unit * UNIT_BLOCKS + b, 1))
		return; /* it was told when it was lost */
	st->repair.told[leg->index] |= bit;
	verdict_give(leg, VERDICT_READ_ERROR, err,
		     (st->unit * UNIT_BLOCKS + b) * BLOCK_BYTES, BLOCK_BYTES);
}

static void
settle_read_single_done(struct op *op, int res)
{
	struct settle *st = op->owner;
	struct leg *leg = op->leg;

	if (res == 0)
		st->readable[leg->index] |= (uint16_t)(1u << op->tag);
	else if (!settle_is_abandoned(st, op))
		settle_unreadable(st, leg, (uint32_t)op->tag, res);
	if (--st->pending == 0)
		judge_begin(st);
}

static void
settle_read_done(struct op *op, int res)
{
	struct settle *st = op->owner;
	struct leg *leg = op->leg;

	if (res == 0) {
		st->readable[leg->index] = 0xffff;
	} else if (!settle_is_abandoned(st, op) && leg->run == RUN_IN) {
		/* One bad sector fails the whole read: block by block. */
		for (uint32_t b = 0; b < UNIT_BLOCKS; b++) {
			st->pending++;
			op_submit(leg, IO_READ, settle_offset(st, b),
				  BLOCK_BYTES, settle_block(st, leg->index, b),
				  false, settle_read_single_done, st, b);
		}
	}
	if (--st->pending == 0)
		judge_begin(st);
}

static void
settle_read(struct settle *st)
{
	st->step = SETTLE_READING;
	/* The page is evidence: it must still be there when the legs are. */
	st->frame = pages_find(st->set,
			       set_region(st->set, st->unit * UNIT_BLOCKS));
	if (st->frame && !PLANTED(EVIDENCE_NOT_PINNED))
		pages_pin(st->frame);
	st->chosen = 0;
	st->open = false;
	st->record = 0;
	st->pending = 1;
	for (uint32_t i = 0; i < settle_legs(st); i++) {
		struct leg *leg = &st->set->legs[i];

		st->readable[i] = 0;
		st->to_write[i] = 0;
		if (leg->run != RUN_IN)
			continue;
		st->pending++;
		op_submit(leg, IO_READ, settle_offset(st, 0), UNIT_BYTES,
			  settle_block(st, i, 0), false, settle_read_done, st,
			  0);
	}
	st->pending--;
	CHECK(st->pending > 0);
}

static void
settle_page_done(struct page_wait *w)
{
	settle_read(container_of(w, struct settle, page));
}

static void
settle_load(struct settle *st)
{
	st->step = SETTLE_LOADING;
	st->page.done = settle_page_done;
	if (pages_need(st->set, set_region(st->set, st->unit * UNIT_BLOCKS),
		       &st->page))
		settle_read(st);
}

static void
settle_flushed(struct flush_wait *w, int res)
{
	struct settle *st = container_of(w, struct settle, flush);

	if (res < 0)
		settle_finish(st, res);
	else
		settle_load(st);
}

static void
settle_granted(struct range *range)
{
	struct settle *st = container_of(range, struct settle, range);
	struct unit *u = units_find(&st->set->units, st->unit);

	st->evidence = u && u->resync;
	st->again = u && u->open;
	if (!st->evidence || !flush_is_needed(st->set)) {
		settle_load(st);
		return;
	}
	/* What is agreed upon must be durable (R16). */
	st->step = SETTLE_FLUSHING;
	st->flush.done = settle_flushed;
	flush_request(st->set, &st->flush);
}

void
settle_start(struct set *set, uint64_t unit)
{
	struct settle *st = set->settler.settles;
	struct unit *u = units_find(&set->units, unit);

	while (st->step != SETTLE_FREE)
		st++;
	st->step = SETTLE_LOCKING;
	st->unit = unit;
	repair_take(set, unit, &st->repair);
	CHECK(st->abandoned == 0);
	set->settler.busy++;
	if (u)
		u->settling = true;
	if (range_lock(&set->ranges, &st->range,
		       (PLANTED(REPAIR_WITHOUT_LOCK) ? set->blocks : 0) +
			       unit * UNIT_BLOCKS,
		       UNIT_BLOCKS, true, settle_granted))
		settle_granted(&st->range);
}
