/* SPDX-License-Identifier: MIT */
/*
 * Two lists of each kind: `now` is what is lost, `said` what a replay of the
 * journal would find, or more than that while a record is under way.  What
 * one has and the other has not is appended, a record at a time; nobody waits
 * for it.
 *
 *   lost:        now += it; a record says LOST       said += it (composed)
 *   readable:    now -= it; a record says LOST, GONE said -= it (durable)
 *   overwritten: the record of its sum says LOST, GONE, too
 *   discarded:   UNWRITTEN says it
 *
 * An overwriting write takes the way of first writes (R4): its data is durable
 * before the record that makes both the sum and the end of the entry.  So at
 * no time is a block without entry unless its newest sum, or "unwritten",
 * stands for data that a leg has.
 */
#include <errno.h>

#include "set.h"

void
lost_carve(struct set *set, struct arena *a, uint32_t max)
{
	struct lost *l = set ? &set->lost : NULL;

	for (unsigned k = 0; k < LOST_KINDS; k++) {
		ARENA_TAKE(a, l ? &l->now[k] : NULL, all, max, 64);
		ARENA_TAKE(a, l ? &l->said[k] : NULL, all, 2 * max, 64);
	}
}

static void lost_compose(struct job *job, struct record *rec);
static void lost_recorded(struct job *job, int res);

void
lost_init(struct set *set, uint32_t max)
{
	struct lost *l = &set->lost;

	for (unsigned k = 0; k < LOST_KINDS; k++) {
		l->now[k].max = max;
		l->said[k].max = 2 * max;
	}
	l->job.compose = lost_compose;
	l->job.done = lost_recorded;
	l->job.bytes = (LOST_ITEMS + 1) * 24;
}

void
lost_reset(struct set *set)
{
	struct lost *l = &set->lost;

	for (unsigned k = 0; k < LOST_KINDS; k++) {
		l->now[k].used = 0;
		l->said[k].used = 0;
	}
	l->more = false;
	l->said_more = false;
}

static uint64_t
lost_wall_s(const struct set *set)
{
	const struct raid *r = set->raid;

	return r->wall_s + (r->now - r->init_ns) / 1000000000;
}

/* --- what is lost now --- */

/* False: it was there already. */
static bool
lost_enter(struct set *set, enum lost_kind kind, uint64_t at)
{
	struct lost *l = &set->lost;

	if (extents_touch(&l->now[kind], at, 1))
		return false;
	if (!extents_add(&l->now[kind], at, 1, lost_wall_s(set)))
		l->more = true;
	l->changed = true;
	return true;
}

/* Units that were left to R17 for blocks that are lost no more (settle.c). */
static void
lost_close_units(struct set *set, uint64_t block, uint64_t count)
{
	list_for_each (l, following, &set->units.lru) {
		struct unit *u = list_entry(l, struct unit, lru);
		uint64_t first = u->number * UNIT_BLOCKS;

		if (u->open && first < block + count &&
		    block < first + UNIT_BLOCKS &&
		    !extents_touch(&set->lost.now[LOST_BLOCKS], first,
				   UNIT_BLOCKS))
			settler_close(set, u);
	}
}

/* False: nothing of it was there. */
static bool
lost_drop(struct set *set, enum lost_kind kind, uint64_t at, uint64_t count)
{
	struct lost *l = &set->lost;

	if (!extents_touch(&l->now[kind], at, count))
		return false;
	if (!extents_remove(&l->now[kind], at, count))
		l->more = true;
	/* Of those that found no room nothing is known any more. */
	if (l->now[LOST_BLOCKS].used == 0 && l->now[LOST_PAGES].used == 0)
		l->more = false;
	l->changed = true;
	return true;
}

void
lost_add(struct set *set, uint64_t block)
{
	if (PLANTED(LOST_NOT_LISTED))
		return;
	if (lost_enter(set, LOST_BLOCKS, block))
		raid_note(set->raid, NOTE_LOST_BLOCK, set, NULL, 0,
			  block * BLOCK_BYTES, BLOCK_BYTES);
}

void
lost_add_page(struct set *set, uint64_t region)
{
	if (lost_enter(set, LOST_PAGES, region))
		raid_note(set->raid, NOTE_PAGE_LOST, set, NULL, 0, region, 0);
}

void
lost_readable(struct set *set, uint64_t block)
{
	if (!lost_drop(set, LOST_BLOCKS, block, 1))
		return;
	lost_close_units(set, block, 1);
	raid_note(set->raid, NOTE_LOST_READABLE, set, NULL, 0,
		  block * BLOCK_BYTES, BLOCK_BYTES);
}

void
lost_page_readable(struct set *set, uint64_t region)
{
	if (lost_drop(set, LOST_PAGES, region, 1))
		raid_note(set->raid, NOTE_PAGE_READABLE, set, NULL, 0, region,
			  0);
}

bool
lost_is_listed(const struct set *set, uint64_t block, uint64_t count)
{
	const struct lost *l = &set->lost;

	return extents_touch(&l->now[LOST_BLOCKS], block, count) ||
	       extents_touch(&l->said[LOST_BLOCKS], block, count);
}

bool
lost_page_is_listed(const struct set *set, uint64_t region)
{
	return extents_touch(&set->lost.now[LOST_PAGES], region, 1) ||
	       extents_touch(&set->lost.said[LOST_PAGES], region, 1);
}

bool
lost_is_possible(const struct set *set, uint64_t block)
{
	return set->lost.more || lost_is_listed(set, block, 1);
}

/* --- blocks overwritten or unwritten --- */

void
lost_leaving(struct set *set, uint64_t block, uint64_t count)
{
	uint64_t first =
		(block + (1ull << set->region_shift) - 1) >> set->region_shift;
	uint64_t end = (block + count) >> set->region_shift;

	(void)lost_drop(set, LOST_BLOCKS, block, count);
	if (end > first)
		(void)lost_drop(set, LOST_PAGES, first, end - first);
}

void
lost_put_gone(struct set *set, struct record *rec, uint64_t block,
	      uint64_t count)
{
	struct item item = {
		.type = ITEM_LOST,
		.flags = ITEM_GONE,
		.start = block,
		.extra = count,
	};

	(void)lost_drop(set, LOST_BLOCKS, block, count);
	CHECK(record_add(rec, &item));
}

void
lost_left(struct set *set, uint64_t block, uint64_t count)
{
	(void)lost_drop(set, LOST_BLOCKS, block, count);
	if (set->units.open > 0)
		lost_close_units(set, block, count);
	/* What found no room is said again, or looked at by a start. */
	(void)extents_remove(&set->lost.said[LOST_BLOCKS], block, count);
}

void
lost_page_left(struct set *set, uint64_t region)
{
	(void)lost_drop(set, LOST_PAGES, region, 1);
	(void)extents_remove(&set->lost.said[LOST_PAGES], region, 1);
}

/* --- the journal --- */

static uint8_t
lost_flags(enum lost_kind kind)
{
	return kind == LOST_PAGES ? ITEM_OF_PAGES : 0;
}

static bool
lost_put(struct record *rec, enum lost_kind kind, uint8_t flags,
	 const struct extent *e)
{
	struct item item = {
		.type = ITEM_LOST,
		.flags = flags | lost_flags(kind),
		.count = (flags & ITEM_GONE) ? 0 : (uint32_t)e->since_s,
		.start = e->start,
		.extra = e->count,
	};

	return record_add(rec, &item);
}

static bool
lost_put_more(struct record *rec, bool more)
{
	struct item item = {
		.type = ITEM_LOST,
		.flags = ITEM_MORE | (more ? 0 : ITEM_GONE),
	};

	return record_add(rec, &item);
}

static void
lost_compose(struct job *job, struct record *rec)
{
	struct lost *l = container_of(job, struct lost, job);
	uint32_t left = LOST_ITEMS;
	struct extent e;

	l->going_count = 0;
	for (unsigned k = 0; k < LOST_KINDS; k++)
		for (uint64_t at = 0;
		     left > 0 &&
		     extents_minus(&l->said[k], &l->now[k], &at, &e);
		     left--) {
			CHECK(lost_put(rec, k, ITEM_GONE, &e));
			l->going_kind[l->going_count] = (uint8_t)k;
			l->going[l->going_count++] = e;
		}
	for (unsigned k = 0; k < LOST_KINDS; k++)
		for (uint64_t at = 0;
		     left > 0 &&
		     extents_minus(&l->now[k], &l->said[k], &at, &e);
		     left--)
			if (extents_add(&l->said[k], e.start, e.count,
					e.since_s))
				CHECK(lost_put(rec, k, 0, &e));
	if (l->more != l->said_more)
		CHECK(lost_put_more(rec, l->more));
	l->said_more = l->more;
}

static void
lost_recorded(struct job *job, int res)
{
	struct lost *l = container_of(job, struct lost, job);

	l->busy = false;
	l->changed = true; /* perhaps not all found room */
	for (uint32_t i = 0; i < l->going_count && res == 0; i++)
		(void)extents_remove(&l->said[l->going_kind[i]],
				     l->going[i].start, l->going[i].count);
	l->going_count = 0;
}

static bool
lost_differs(const struct lost *l)
{
	bool differs = l->more != l->said_more;
	struct extent e;

	for (unsigned k = 0; k < LOST_KINDS && !differs; k++) {
		uint64_t at = 0;

		differs = extents_minus(&l->said[k], &l->now[k], &at, &e);
		at = 0;
		differs |= extents_minus(&l->now[k], &l->said[k], &at, &e);
	}
	return differs;
}

void
lost_tick(struct set *set)
{
	struct lost *l = &set->lost;

	if (!l->changed || l->busy || !set_can_record(set) || set_is_quiet(set))
		return;
	l->changed = false;
	if (!lost_differs(l))
		return;
	l->busy = true;
	journal_submit(set, &l->job);
}

/* Of `now`: what is said and not lost any more is owed to nobody.  There may
 * be some that no record of ours has said yet. */
bool
lost_put_again(struct set *set, struct record *rec, uint64_t at[LOST_KINDS])
{
	struct lost *l = &set->lost;

	for (unsigned k = 0; k < LOST_KINDS; k++) {
		const struct extent *e;

		while ((e = extents_from(&l->now[k], at[k])) != NULL) {
			if (!lost_put(rec, k, 0, e))
				return false;
			l->changed |= !extents_add(&l->said[k], e->start,
						   e->count, e->since_s);
			at[k] = e->start + e->count;
		}
	}
	return !l->more || lost_put_more(rec, true);
}

static void
lost_replay_extent(struct lost *l, enum lost_kind kind, const struct item *item)
{
	bool whole;

	if (item->flags & ITEM_GONE) {
		whole = extents_remove(&l->now[kind], item->start, item->extra);
		whole &= extents_remove(&l->said[kind], item->start,
					item->extra);
	} else {
		whole = extents_add(&l->now[kind], item->start, item->extra,
				    item->count);
		whole &= extents_add(&l->said[kind], item->start, item->extra,
				     item->count);
	}
	l->more |= !whole;
}

bool
lost_replay(struct set *set, const struct item *item)
{
	struct lost *l = &set->lost;
	enum lost_kind kind =
		(item->flags & ITEM_OF_PAGES) ? LOST_PAGES : LOST_BLOCKS;
	uint64_t end = kind == LOST_PAGES ? set->regions : set->blocks;

	if (item->flags & ITEM_MORE) {
		l->more = !(item->flags & ITEM_GONE);
		l->said_more = l->more;
		return true;
	}
	if (item->start >= end || item->extra == 0 ||
	    item->extra > end - item->start)
		return false;
	lost_replay_extent(l, kind, item);
	return true;
}

/* --- after a start --- */

bool
lost_next_look(struct set *set, uint64_t *unit)
{
	struct lost *l = &set->lost;
	const struct extent *e;

	e = extents_from(&l->now[LOST_BLOCKS], l->look[LOST_BLOCKS]);
	if (e) {
		uint64_t at = l->look[LOST_BLOCKS];

		*unit = (e->start > at ? e->start : at) / UNIT_BLOCKS;
		l->look[LOST_BLOCKS] = (*unit + 1) * UNIT_BLOCKS;
		return true;
	}
	l->look[LOST_BLOCKS] = set->blocks;
	e = extents_from(&l->now[LOST_PAGES], l->look[LOST_PAGES]);
	if (e) {
		uint64_t at = l->look[LOST_PAGES];

		if (e->start > at)
			at = e->start;
		*unit = (at << set->region_shift) / UNIT_BLOCKS;
		l->look[LOST_PAGES] = at + 1;
		return true;
	}
	l->look[LOST_PAGES] = set->regions;
	return false;
}

/* --- what is told --- */

static uint32_t
lost_tell(const struct set *set, enum lost_kind kind, struct raid_lost *out,
	  uint32_t max)
{
	const struct extents *x = &set->lost.now[kind];
	uint64_t bytes = BLOCK_BYTES
			 << (kind == LOST_PAGES ? set->region_shift : 0);
	uint32_t i;

	for (i = 0; i < x->used && i < max; i++)
		out[i] = (struct raid_lost){
			.offset = x->all[i].start * bytes,
			.length = x->all[i].count * bytes,
			.since_s = x->all[i].since_s,
			.page = kind == LOST_PAGES,
		};
	return i;
}

uint32_t
raid_lost(const struct raid *r, uint32_t set, struct raid_lost *out,
	  uint32_t max)
{
	const struct set *s = &r->sets[set];
	uint32_t count;

	CHECK(set < r->sb.geometry.sets);
	count = lost_tell(s, LOST_BLOCKS, out, max);
	return count + lost_tell(s, LOST_PAGES, out + count, max - count);
}

void
lost_check(const struct set *set)
{
	for (unsigned k = 0; k < LOST_KINDS; k++) {
		extents_check(&set->lost.now[k]);
		extents_check(&set->lost.said[k]);
	}
}
