/* SPDX-License-Identifier: MIT */
/*
 * The region map in memory, and what records do to it: the same functions
 * at run time, when a record became durable, and in replay.
 */
#include <string.h>

#include "set.h"

uint64_t
set_region(const struct set *set, uint64_t block)
{
	return block >> set->region_shift;
}

void
map_set(struct set *set, uint64_t region, map_entry e)
{
	map_entry old = set->map[region];

	CHECK(region < set->regions);
	if (old == e)
		return;
	set->map[region] = e;
	set->map_dirty[region / MAP_ENTRIES] = PLANTED(MAP_ONE_COPY) ? 1 : 3;
}

void
tables_reset(struct set *set)
{
	memset(set->map, 0, set->regions * sizeof(set->map[0]));
	set->journal.sums_live = 0;
	sums_reset(&set->sums, set->regions);
	lost_reset(set);
	units_reset(&set->units);
}

void
map_add_stale(struct set *set, uint64_t region, uint8_t mask)
{
	map_entry e = set->map[region];

	if (PLANTED(STALE_MARK_MISSING))
		return;
	map_set(set, region,
		map_entry_of(map_slot(e), map_is_full(e), map_stale(e) | mask,
			     map_crc(e)));
}

void
set_apply_page(struct set *set, uint64_t region, enum map_slot slot,
	       uint32_t crc, bool full)
{
	lost_page_left(set, region);
	map_set(set, region,
		map_entry_of(slot, full, map_stale(set->map[region]), crc));
}

/* Some blocks of a region, not all. */
static void
apply_unwritten_blocks(struct set *set, uint64_t block, uint64_t count)
{
	uint64_t region = set_region(set, block);
	map_entry e = set->map[region];

	for (uint64_t b = block; b < block + count; b++) {
		sums_drop(&set->sums, b);
		/* A page that says otherwise is overruled by a node. */
		if (map_slot(e) == SLOT_NONE)
			continue;
		struct node *n =
			sums_push(&set->sums, b, SUM_UNWRITTEN,
				  NODE_DONE | NODE_JOURNALED | NODE_SETTLED);
		n->gen = set->flusher.gen;
	}
	if (map_is_full(e))
		map_set(set, region,
			map_entry_of(map_slot(e), false, map_stale(e),
				     map_crc(e)));
}

static void
apply_unwritten_region(struct set *set, uint64_t region)
{
	uint64_t first = region << set->region_shift;
	map_entry e = set->map[region];

	if (set->sums.per_region[region] > 0)
		for (uint64_t b = 0; b < 1ull << set->region_shift; b++)
			sums_drop(&set->sums, first + b);
	map_set(set, region,
		map_entry_of(SLOT_NONE, false, map_stale(set->map[region]), 0));
	if (PLANTED(DISCARD_KEEPS_PAGE))
		map_set(set, region, e);
	lost_page_left(set, region);
	pages_forget(set, region);
}

void
set_apply_unwritten(struct set *set, uint64_t block, uint64_t count)
{
	uint64_t region_blocks = 1ull << set->region_shift;
	uint64_t end = block + count;

	if (!PLANTED(LOST_KEPT_AFTER_DISCARD))
		lost_left(set, block, count);
	while (block < end) {
		uint64_t region = set_region(set, block);
		uint64_t next = (region + 1) << set->region_shift;

		if (next > end)
			next = end;
		if (next - block == region_blocks)
			apply_unwritten_region(set, region);
		else
			apply_unwritten_blocks(set, block, next - block);
		block = next;
	}
}

void
set_doubt(struct set *set, uint64_t block, uint64_t count)
{
	if (set->doubt_count < DOUBT_MAX)
		set->doubts[set->doubt_count] =
			(struct doubt){.block = block, .count = count};
	set->doubt_count++;
}

bool
set_is_doubtful(const struct set *set, uint64_t block)
{
	if (set->doubt_count > DOUBT_MAX)
		return true;
	for (uint32_t i = 0; i < set->doubt_count; i++)
		if (block >= set->doubts[i].block &&
		    block - set->doubts[i].block < set->doubts[i].count)
			return true;
	return false;
}
