/* SPDX-License-Identifier: MIT */
/*
 * Replay: records applied to the map as a checkpoint left it.  Records state
 * whole values, so blocks of the map that are newer do no harm.
 *
 * Nodes of units that end up DIRTY are evidence (R17) and stay as they are;
 * all others are settled.
 */
#include <errno.h>

#include "set.h"

static uint32_t
replay_units_per_region(const struct set *set)
{
	return 1u << (set->region_shift - 4);
}

static bool
replay_dirty(struct set *set, uint64_t unit)
{
	struct unit *u = units_find(&set->units, unit);

	if (u)
		return true;
	u = units_add(&set->units, unit);
	if (!u)
		return false;
	unit_set_state(u, UNIT_DIRTY);
	return true;
}

static void
replay_settle(struct set *set, uint64_t block)
{
	struct node *n = sums_newest(&set->sums, block);

	if (!n)
		return;
	n->flags |= NODE_DONE | NODE_SETTLED;
	sums_trim(&set->sums, n);
}

static void
replay_clean(struct set *set, uint64_t unit)
{
	struct unit *u = units_find(&set->units, unit);

	for (uint32_t b = 0; b < UNIT_BLOCKS && !PLANTED(CLEAN_IS_NO_BASE); b++)
		replay_settle(set, unit * UNIT_BLOCKS + b);
	if (!u)
		return;
	unit_set_state(u, UNIT_CLEANING);
	unit_set_state(u, UNIT_CLEAN);
	units_remove(&set->units, u);
}

static bool
replay_units(struct set *set, const struct item *item)
{
	uint32_t per_region = replay_units_per_region(set);

	if (item->start >= set->regions ||
	    (per_region < 64 && item->extra >> per_region != 0))
		return false;
	if (item->stale)
		map_add_stale(set, item->start, item->stale);
	for (uint32_t bit = 0; bit < per_region; bit++) {
		uint64_t unit = item->start * per_region + bit;

		if (!(item->extra >> bit & 1))
			continue;
		if (item->type == ITEM_CLEAN)
			replay_clean(set, unit);
		else if (!replay_dirty(set, unit))
			return false;
	}
	return true;
}

static bool
replay_sum(struct set *set, uint64_t block, uint32_t sum, uint8_t flags)
{
	struct sums *s = &set->sums;
	struct node *newest = sums_newest(s, block);

	if (flags & (ITEM_BASE | ITEM_AGAIN))
		sums_drop(s, block);
	else if (newest && newest->sum == sum)
		return true;
	if (s->free == NODE_NONE)
		return false;
	sums_push(s, block, sum,
		  (flags & ITEM_BASE) ? NODE_JOURNALED | NODE_SETTLED
				      : NODE_JOURNALED);
	return true;
}

static bool
replay_sums(struct set *set, const struct item *item)
{
	if (item->start >= set->blocks ||
	    item->count > set->blocks - item->start)
		return false;
	for (uint32_t i = 0; i < item->count; i++) {
		uint64_t block = item->start + i;
		uint32_t sum = item_sum(item, i);

		if (item->stale)
			map_add_stale(set, set_region(set, block), item->stale);
		if (sum == SUM_UNWRITTEN ||
		    !replay_sum(set, block, sum, item->flags))
			return false;
	}
	return true;
}

static bool
replay_unwritten(struct set *set, const struct item *item)
{
	uint64_t edges = 2ull << set->region_shift;

	if (item->start >= set->blocks || item->extra == 0 ||
	    item->extra > set->blocks - item->start)
		return false;
	if (item->extra < edges)
		edges = item->extra;
	if (set->sums.used + edges > set->sums.count)
		return false;
	if (item->stale)
		for (uint64_t i = set_region(set, item->start);
		     i <= set_region(set, item->start + item->extra - 1); i++)
			map_add_stale(set, i, item->stale);
	set_apply_unwritten(set, item->start, item->extra);
	return true;
}

/* The page holds all that was said before (R21); what is newer follows. */
static bool
replay_page(struct set *set, const struct item *item)
{
	uint64_t first = item->start << set->region_shift;

	if (item->start >= set->regions || item->slot > 1)
		return false;
	if (item->stale)
		map_add_stale(set, item->start, item->stale);
	if (set->sums.per_region[item->start] > 0 &&
	    !PLANTED(PAGE_VOIDS_NOTHING))
		for (uint64_t b = 0; b < 1ull << set->region_shift; b++)
			sums_drop(&set->sums, first + b);
	set_apply_page(set, item->start, SLOT_0 + item->slot, item->count,
		       (item->flags & ITEM_FULL) != 0);
	return true;
}

static bool
replay_stale(struct set *set, const struct item *item)
{
	if (item->start >= set->regions ||
	    item->extra > set->regions - item->start)
		return false;
	for (uint64_t i = item->start; i < item->start + item->extra; i++) {
		map_entry e = set->map[i];
		uint8_t stale =
			(map_stale(e) & (uint8_t)~item->slot) | item->stale;

		map_set(set, i,
			map_entry_of(map_slot(e), map_is_full(e), stale,
				     map_crc(e)));
	}
	return true;
}

static bool
replay_item(struct set *set, const struct item *item)
{
	switch (item->type) {
	case ITEM_DIRTY:
	case ITEM_CLEAN:
		return replay_units(set, item);
	case ITEM_SUMS:
		return replay_sums(set, item);
	case ITEM_UNWRITTEN:
		return replay_unwritten(set, item);
	case ITEM_PAGE:
		return replay_page(set, item);
	case ITEM_STALE:
		return replay_stale(set, item);
	case ITEM_LOST:
		return lost_replay(set, item);
	}
	return false;
}

bool
replay_block(struct set *set, const void *block, const struct record_head *head)
{
	struct item item;
	uint32_t at = 0;
	int res;

	while ((res = record_next(block, head, &at, &item)) > 0) {
		if (!replay_item(set, &item))
			return false;
		/* What replay needed, and will need again. */
		if (set->sums.used > set->journal.sums_live)
			set->journal.sums_live = set->sums.used;
	}
	return res == 0;
}

void
replay_end(struct set *set)
{
	uint8_t absent = set_absent_mask(set);

	for (uint32_t i = 1; i <= set->sums.high; i++) {
		struct node *n = &set->sums.nodes[i];

		if ((n->flags & NODE_HEAD) &&
		    !units_find(&set->units, n->block / UNIT_BLOCKS))
			replay_settle(set, n->block);
	}
	list_for_each (l, following, &set->units.lru) {
		struct unit *u = list_entry(l, struct unit, lru);
		uint64_t region = set_region(set, u->number * UNIT_BLOCKS);

		if (PLANTED(NO_RESYNC))
			continue;
		u->used_ns = set->raid->now;
		unit_set_resync(&set->units, u, true);
		set->resync_in[region]++;
		/* Its legs may differ from those that are not here (R18). */
		if (absent)
			map_add_stale(set, region, absent);
	}
}
