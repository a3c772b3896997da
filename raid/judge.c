/* SPDX-License-Identifier: MIT */
/*
 * Verdicts on the copies of a unit that is being settled: its legs have been
 * read under an exclusive lock, so that what does not verify is not right.
 * What is there may still match the page of sums before this one, in the
 * region's other slot: it is read only to tell a lost write.
 */
#include "set.h"
#include "settle.h"

static bool
judge_sum(const struct settle *st, uint32_t b, uint32_t *sum)
{
	return sum_lookup(st->set, st->unit * UNIT_BLOCKS + b, sum) ==
	       SUM_KNOWN;
}

/* The leg's copy of a block does not match the block's sum. */
static bool
judge_is_bad(const struct settle *st, uint32_t leg, uint32_t b, uint32_t sum)
{
	return settle_is_readable(st, leg, b) &&
	       sum_of(st->set->sum_base, st->unit * UNIT_BLOCKS + b,
		      settle_block(st, leg, b)) != sum;
}

/* Those not told yet, with what is known without I/O of what they are. */
static void
judge_block(struct settle *st, uint32_t leg, uint32_t b)
{
	struct repair *rp = &st->repair;
	uint16_t bit = (uint16_t)(1u << b);

	st->bad[leg] |= bit;
	if (rp->told[leg] & bit)
		return;
	if (!(rp->suspects[leg] & bit) &&
	    lost_is_listed(st->set, st->unit * UNIT_BLOCKS + b, 1))
		return; /* it was told when it was lost */
	rp->suspects[leg] |= bit;
	rp->places[leg][b] =
		verdict_place(st->set, st->unit * UNIT_BLOCKS + b,
			      settle_block(st, leg, b));
}

static void
judge_all(struct settle *st)
{
	uint32_t sum;

	st->known = 0;
	for (uint32_t leg = 0; leg < settle_legs(st); leg++)
		st->bad[leg] = 0;
	for (uint32_t b = 0; b < UNIT_BLOCKS && !st->evidence; b++) {
		if (!judge_sum(st, b, &sum))
			continue;
		st->known |= (uint16_t)(1u << b);
		for (uint32_t leg = 0; leg < settle_legs(st); leg++)
			if (sum != SUM_UNWRITTEN &&
			    judge_is_bad(st, leg, b, sum))
				judge_block(st, leg, b);
	}
}

/* --- the page before this one --- */

/* Is there something of which it may tell that it was there before? */
static bool
judge_is_in_doubt(const struct settle *st)
{
	const struct repair *rp = &st->repair;

	for (uint32_t leg = 0; leg < settle_legs(st); leg++)
		for (uint32_t b = 0; b < UNIT_BLOCKS; b++)
			if ((st->bad[leg] & rp->suspects[leg]) >> b & 1 &&
			    rp->places[leg][b] !=
				    verdict_own_place(
					    st->set,
					    st->unit * UNIT_BLOCKS + b))
				return true;
	return false;
}

/* The page has no CRC any more; that 32 bits match is enough. */
static void
judge_by_older(struct settle *st)
{
	struct repair *rp = &st->repair;
	uint64_t first = st->unit * UNIT_BLOCKS;
	struct frame page = {.data = settle_block(st, SB_LEGS_MAX, 0)};
	uint64_t mask = (1ull << st->set->region_shift) - 1;

	for (uint32_t leg = 0; leg < settle_legs(st); leg++)
		for (uint32_t b = 0; b < UNIT_BLOCKS; b++)
			if ((st->bad[leg] & rp->suspects[leg]) >> b & 1 &&
			    page_get(&page, (uint32_t)((first + b) & mask)) ==
				    sum_of(st->set->sum_base, first + b,
					   settle_block(st, leg, b)))
				rp->places[leg][b] =
					verdict_own_place(st->set, first + b);
}

static void
judge_read_done(struct op *op, int res)
{
	struct settle *st = op->owner;

	if (!settle_is_abandoned(st, op) && res == 0)
		judge_by_older(st);
	settle_decide(st);
}

void
judge_begin(struct settle *st)
{
	struct set *set = st->set;
	uint64_t region = set_region(set, st->unit * UNIT_BLOCKS);
	enum map_slot slot = map_slot(set->map[region]);
	struct leg *leg = leg_pick(set, 0);

	judge_all(st);
	if (!leg || (slot != SLOT_0 && slot != SLOT_1) ||
	    !judge_is_in_doubt(st) || PLANTED(OLDER_PAGE_IGNORED)) {
		settle_decide(st);
		return;
	}
	op_submit(leg, IO_READ,
		  set->raid->sb.layout.sums_offset +
			  (region * 2 + (slot == SLOT_0)) * 4096,
		  4096, settle_block(st, SB_LEGS_MAX, 0), false,
		  judge_read_done, st, 0);
}

/* --- telling --- */

static void
judge_tell_block(struct settle *st, struct leg *leg, uint32_t b)
{
	struct repair *rp = &st->repair;
	uint16_t bit = (uint16_t)(1u << b);
	uint64_t block = st->unit * UNIT_BLOCKS + b;
	uint32_t i = leg->index;

	if (rp->suspects[i] & (uint16_t)~rp->told[i] & bit) {
		verdict_give_block(leg, block, rp->places[i][b]);
		rp->told[i] |= bit;
		rp->asked[i] |= bit;
	}
	if ((rp->asked[i] & st->known & (uint16_t)~st->bad[i] & bit) &&
	    settle_is_readable(st, i, b))
		raid_note(leg->raid, NOTE_REPAIRED, st->set, leg, 0,
			  block * BLOCK_BYTES, 1);
}

void
judge_tell(struct settle *st)
{
	for (uint32_t i = 0; i < settle_legs(st); i++)
		for (uint32_t b = 0; b < UNIT_BLOCKS; b++)
			judge_tell_block(st, &st->set->legs[i], b);
}

/* --- evidence --- */

/* Below the base, what does a leg's copy match (R17)? */
static bool
judge_is_older(const struct settle *st, uint32_t b, const struct node *base,
	       uint32_t sum)
{
	const struct set *set = st->set;
	uint64_t block = st->unit * UNIT_BLOCKS + b;
	const struct node *n = base;

	while ((n = sums_node(&set->sums, n->older)) != NULL) {
		if (n->sum == SUM_UNWRITTEN)
			return false;
		if (n->sum == sum)
			return true;
	}
	return map_slot(set->map[set_region(set, block)]) != SLOT_NONE &&
	       st->frame && st->frame->state == FRAME_READY &&
	       page_get(st->frame,
			(uint32_t)(block & ((1ull << set->region_shift) - 1))) ==
		       sum;
}

/* What is settled was on every counted leg: one that only has what was there
 * before has lost it. */
void
judge_evidence(struct settle *st, uint32_t b)
{
	struct set *set = st->set;
	uint64_t block = st->unit * UNIT_BLOCKS + b;
	const struct node *newest = sums_newest(&set->sums, block);
	const struct node *base = newest;

	while (base && !node_is_settled(base, set->flusher.done_gen))
		base = sums_node(&set->sums, base->older);
	if (!base || base->sum == SUM_UNWRITTEN ||
	    lost_is_listed(set, block, 1)) /* it was told when it was lost */
		return;
	for (uint32_t i = 0; i < settle_legs(st); i++) {
		const struct node *n = newest;
		uint32_t sum;

		if (!settle_is_readable(st, i, b))
			continue;
		sum = sum_of(set->sum_base, block, settle_block(st, i, b));
		while (n->sum != sum && n != base)
			n = sums_node(&set->sums, n->older);
		if (n->sum == sum || !judge_is_older(st, b, base, sum))
			continue;
		verdict_give_block(&set->legs[i], block,
				   verdict_own_place(set, block));
		st->repair.told[i] |= (uint16_t)(1u << b);
	}
}
