/* SPDX-License-Identifier: MIT */
/*
 * What is found wrong with what a leg gave: counted by kind, told, and charged
 * to the budget over which the leg is failed (R11).  And which kind it is: the
 * sum of data is mixed with its place, so data can be held against places it
 * may have come from, and against sums that its own place had before.
 */
#include <string.h>

#include "set.h"

static const enum raid_note_kind verdict_notes[] = {
	[VERDICT_READ_ERROR] = NOTE_READ_ERROR,
	[VERDICT_MISMATCH] = NOTE_MISMATCH,
	[VERDICT_LOST_WRITE] = NOTE_LOST_WRITE,
	[VERDICT_MISDIRECTED] = NOTE_MISDIRECTED,
	[VERDICT_PAGE_BAD] = NOTE_PAGE_BAD,
	[VERDICT_WENT_BACK] = NOTE_WENT_BACK,
};

_Static_assert(ARRAY_SIZE(verdict_notes) == VERDICT_COUNT,
	       "a note for each verdict");

void
verdict_give(struct leg *leg, enum raid_verdict verdict, int err, uint64_t a,
	     uint64_t b)
{
	struct raid *r = leg->raid;

	/* Nobody counts on it; one that is out has had its last verdict. */
	if (leg->aside || leg->run != RUN_IN)
		return;
	leg->verdicts[verdict]++;
	raid_note(r, verdict_notes[verdict], leg->set, leg, err, a, b);
	/* The sum that it had once may be known no more. */
	if (err == 0 && verdict != VERDICT_WENT_BACK)
		recall_ask(leg);
	leg->budget_used++;
	if (leg->budget_used > r->limits.read_error_budget &&
	    leg_is_expendable(leg))
		leg_fail(leg, CAUSE_READS, err);
}

void
verdict_give_block(struct leg *leg, uint64_t block, uint64_t place)
{
	uint64_t at = block * BLOCK_BYTES;

	if (place == PLACE_UNKNOWN)
		verdict_give(leg, VERDICT_MISMATCH, 0, at, BLOCK_BYTES);
	else if (place == verdict_own_place(leg->set, block))
		verdict_give(leg, VERDICT_LOST_WRITE, 0, at, BLOCK_BYTES);
	else
		verdict_give(leg, VERDICT_MISDIRECTED, 0, at, place);
}

uint64_t
verdict_own_place(const struct set *set, uint64_t block)
{
	return layout_array_offset(&set->raid->sb.geometry, set->index,
				   block * BLOCK_BYTES);
}

/* Has the block, or did it have, this sum, as far as memory can tell? */
static bool
verdict_block_had(struct set *set, uint64_t block, uint32_t sum)
{
	uint64_t region = set_region(set, block);
	uint32_t at = (uint32_t)(block & ((1ull << set->region_shift) - 1));

	for (const struct node *n = sums_newest(&set->sums, block); n;
	     n = sums_node(&set->sums, n->older))
		if (n->sum == sum)
			return true;
	if (map_slot(set->map[region]) == SLOT_NONE)
		return false;
	const struct frame *f = pages_find(set, region);

	return f && f->state == FRAME_READY && page_get(f, at) == sum;
}

static bool
verdict_is_from(struct set *set, uint64_t block, uint32_t crc)
{
	return verdict_block_had(set, block,
				 sum_of_crc(set->sum_base, block, crc));
}

/* One byte over and over, like zeros, may be anybody's. */
static bool
block_is_uniform(const uint8_t *data)
{
	return memcmp(data, data + 1, BLOCK_BYTES - 1) == 0;
}

/* Where a disk may have taken it from: near by, or an address with one bit
 * wrong, or the same place in another set. */
static uint64_t
verdict_elsewhere(struct set *set, uint64_t block, uint32_t crc)
{
	const struct raid *r = set->raid;
	uint64_t first = set_region(set, block) << set->region_shift;

	for (uint64_t b = first; b < first + (1ull << set->region_shift); b++)
		if (b != block && verdict_is_from(set, b, crc))
			return verdict_own_place(set, b);
	for (uint64_t bit = 1; bit < set->blocks; bit <<= 1)
		if ((block ^ bit) < set->blocks &&
		    verdict_is_from(set, block ^ bit, crc))
			return verdict_own_place(set, block ^ bit);
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++)
		if (i != set->index &&
		    verdict_is_from(&r->sets[i], block, crc))
			return verdict_own_place(&r->sets[i], block);
	return PLACE_UNKNOWN;
}

uint64_t
verdict_place(struct set *set, uint64_t block, const void *data)
{
	uint32_t crc = crc32c(data, BLOCK_BYTES);

	if (verdict_is_from(set, block, crc))
		return verdict_own_place(set, block);
	if (block_is_uniform(data) && !PLANTED(ZEROS_ARE_MISDIRECTED))
		return PLACE_UNKNOWN;
	return verdict_elsewhere(set, block, crc);
}
