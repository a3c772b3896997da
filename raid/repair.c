/* SPDX-License-Identifier: MIT */
/*
 * Repairs asked for: units of which some leg gave what was not right, and what
 * reads saw there.  A bad copy gets one verdict however often it is read
 * before it is settled: for an error at once, for data that does not verify
 * when the unit is settled, since more is known then (judge.c).  What there is
 * no room to remember gets none yet: it would get another with each look.
 */
#include "set.h"

static struct repair *
repair_queued(struct set *set, uint64_t unit)
{
	struct settler *sr = &set->settler;

	for (uint32_t i = 0; i < sr->repair_count; i++)
		if (sr->repairs[i].unit == unit)
			return &sr->repairs[i];
	return NULL;
}

/* Asked for, and not locked yet: what is read meanwhile is about the same. */
static struct repair *
repair_find(struct set *set, uint64_t unit)
{
	for (uint32_t i = 0; i < SETTLE_SLOTS; i++) {
		struct settle *st = &set->settler.settles[i];

		if (st->step == SETTLE_LOCKING && st->unit == unit)
			return &st->repair;
	}
	return repair_queued(set, unit);
}

struct repair *
repair_ask(struct set *set, uint64_t unit)
{
	struct settler *sr = &set->settler;
	struct repair *rp = repair_find(set, unit);

	if (rp || PLANTED(MISMATCH_NOT_REPAIRED) || set->raid->salvage)
		return rp;
	/* When full it is dropped: the next read finds it again, and tells. */
	if (sr->repair_count == REPAIR_MAX)
		return NULL;
	rp = &sr->repairs[sr->repair_count++];
	*rp = (struct repair){.unit = unit};
	return rp;
}

void
repair_suspect(struct set *set, struct leg *leg, uint64_t block,
	       const void *data)
{
	struct repair *rp = repair_ask(set, block / UNIT_BLOCKS);
	uint16_t bit = (uint16_t)(1u << block % UNIT_BLOCKS);

	if (!rp) {
		if (set->raid->salvage) /* nothing is repaired */
			verdict_give_block(leg, block,
					   verdict_place(set, block, data));
		return;
	}
	if ((rp->told[leg->index] | rp->suspects[leg->index]) & bit)
		return;
	/* Lost: all legs were told of it then. */
	if (lost_is_listed(set, block, 1) && !PLANTED(LOST_TOLD_AGAIN)) {
		rp->told[leg->index] |= bit;
		return;
	}
	rp->suspects[leg->index] |= bit;
	rp->places[leg->index][block % UNIT_BLOCKS] =
		verdict_place(set, block, data);
}

void
repair_tell(struct set *set, uint64_t block)
{
	struct repair *rp = repair_find(set, block / UNIT_BLOCKS);
	uint16_t bit = (uint16_t)(1u << block % UNIT_BLOCKS);

	if (!rp)
		return;
	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		if (!(rp->suspects[i] & (uint16_t)~rp->told[i] & bit))
			continue;
		rp->told[i] |= bit;
		rp->asked[i] |= bit;
		verdict_give_block(&set->legs[i], block,
				   rp->places[i][block % UNIT_BLOCKS]);
	}
}

/* Blocks of the unit in the range. */
static uint16_t
repair_mask(uint64_t unit, uint64_t block, uint64_t count)
{
	uint64_t first = unit * UNIT_BLOCKS;
	uint16_t mask = 0;

	for (uint32_t b = 0; b < UNIT_BLOCKS; b++)
		if (first + b >= block && first + b < block + count)
			mask |= (uint16_t)(1u << b);
	return mask;
}

void
repair_read_error(struct set *set, struct leg *leg, uint64_t block,
		  uint64_t count, int err)
{
	uint64_t last = (block + count - 1) / UNIT_BLOCKS;
	bool taken = set->raid->salvage;
	/* Perhaps it is only that: block by block, then. */
	bool lost = lost_is_listed(set, block, count) &&
		    !PLANTED(LOST_TOLD_AGAIN);
	bool told = lost;

	for (uint64_t unit = block / UNIT_BLOCKS; unit <= last; unit++) {
		const struct repair *rp = repair_find(set, unit);

		told |= rp && (rp->told[leg->index] &
			       repair_mask(unit, block, count));
	}
	for (uint64_t unit = block / UNIT_BLOCKS; unit <= last; unit++) {
		struct repair *rp = repair_ask(set, unit);

		if (!rp)
			continue;
		taken = true;
		if (lost)
			continue;
		rp->told[leg->index] |= repair_mask(unit, block, count);
		/* One block is to be called well again, if all are. */
		if (!told && unit == block / UNIT_BLOCKS)
			rp->asked[leg->index] |= repair_mask(unit, block, 1);
	}
	if (taken && !told)
		verdict_give(leg, VERDICT_READ_ERROR, err, block * BLOCK_BYTES,
			     count * BLOCK_BYTES);
}

void
repair_take(struct set *set, uint64_t unit, struct repair *out)
{
	struct settler *sr = &set->settler;
	struct repair *rp = repair_queued(set, unit);

	*out = (struct repair){.unit = unit};
	if (!rp)
		return;
	*out = *rp;
	*rp = sr->repairs[--sr->repair_count];
}
