/* SPDX-License-Identifier: MIT */
/*
 * Pages of sums, cached: a frame holds what the page on disk says.  Sums that
 * are newer are nodes (sums.c) and overrule it.
 */
#include <string.h>

#include "le.h"
#include "set.h"

void
pages_carve(struct set *set, struct arena *a, uint32_t count)
{
	struct pages *ps = set ? &set->pages : NULL;

	ARENA_TAKE(a, ps, frames, count, 64);
	ARENA_TAKE_BUFFERS(a, ps, data, count);
}

void
pages_init(struct set *set, uint32_t count)
{
	struct pages *ps = &set->pages;

	ps->count = count;
	list_init(&ps->lru);
	list_init(&ps->starved);
	for (uint32_t i = 0; i < count; i++) {
		struct frame *f = &ps->frames[i];

		f->set = set;
		f->data = ps->data + (size_t)i * 4096;
		list_init(&f->waits);
		list_append(&ps->lru, &f->lru);
	}
}

uint32_t
page_get(const struct frame *f, uint32_t i)
{
	le32 v;

	memcpy(&v, f->data + (size_t)i * 4, sizeof(v));
	return le32_get(v);
}

void
page_put(uint8_t *page, uint32_t i, uint32_t sum)
{
	le32 v = le32_of(sum);

	memcpy(page + (size_t)i * 4, &v, sizeof(v));
}

/* Whatever its state; NULL: none. */
static struct frame *
pages_frame(struct set *set, uint64_t region)
{
	uint32_t i = set->pages.index[region];

	return i ? &set->pages.frames[i - 1] : NULL;
}

struct frame *
pages_find(struct set *set, uint64_t region)
{
	struct frame *f = pages_frame(set, region);

	return f && f->state != FRAME_LOADING ? f : NULL;
}

void
pages_pin(struct frame *f)
{
	if (f->pins++ == 0)
		list_remove(&f->lru);
}

void
pages_unpin(struct set *set, struct frame *f)
{
	CHECK(f->pins > 0);
	if (--f->pins > 0)
		return;
	list_append(&set->pages.lru, &f->lru);
	if (list_empty(&set->pages.starved))
		return;
	struct list starved;

	list_init(&starved);
	list_splice(&starved, &set->pages.starved);
	while (!list_empty(&starved)) {
		struct page_wait *w =
			list_first(&starved, struct page_wait, link);

		list_remove(&w->link);
		if (pages_need(set, w->region, w))
			w->done(w);
	}
}

static void
frame_clear(struct set *set, struct frame *f)
{
	if (f->state == FRAME_FREE)
		return;
	CHECK(f->state != FRAME_LOADING);
	set->pages.index[f->region] = 0;
	f->state = FRAME_FREE;
}

void
pages_forget(struct set *set, uint64_t region)
{
	struct frame *f = pages_frame(set, region);

	if (!f || f->state == FRAME_LOADING)
		return; /* its load will see the entry changed */
	frame_clear(set, f);
	if (f->pins == 0) {
		list_remove(&f->lru);
		list_prepend(&set->pages.lru, &f->lru);
	}
}

static void pages_load(struct set *set, struct frame *f);

static void
pages_loaded(struct set *set, struct frame *f, enum frame_state state)
{
	struct list waits;

	f->state = state;
	list_init(&waits);
	list_splice(&waits, &f->waits);
	if (map_slot(set->map[f->region]) == SLOT_NONE)
		frame_clear(set, f);
	while (!list_empty(&waits)) {
		struct page_wait *w =
			list_first(&waits, struct page_wait, link);

		list_remove(&w->link);
		w->done(w);
	}
	pages_unpin(set, f);
}

static void
pages_read_done(struct op *op, int res)
{
	struct frame *f = op->owner;
	struct set *set = f->set;
	struct leg *leg = op->leg;
	map_entry e = set->map[f->region];

	if (op->abandoned) {
		f->data = op->spare;
		f->slow |= leg->bit;
	}
	/* All became unwritten meanwhile.  No other page can have been
	 * stored: who stores one waits for this one. */
	if (map_slot(e) == SLOT_NONE) {
		pages_loaded(set, f, FRAME_READY);
		return;
	}
	CHECK(map_slot(e) == map_slot(f->entry) &&
	      map_crc(e) == map_crc(f->entry));
	if (res == 0 && (PLANTED(PAGE_NOT_VERIFIED) ||
			 page_crc(&set->name, f->region, map_slot(e) - SLOT_0,
				  f->data) == map_crc(e))) {
		lost_page_readable(set, f->region);
		pages_loaded(set, f, FRAME_READY);
		return;
	}
	if (!op->abandoned) {
		f->tried |= leg->bit;
		/* Of one that is lost all legs were told when it was. */
		if (heal_page(set, leg, f->region, e) &&
		    !lost_page_is_listed(set, f->region))
			verdict_give(leg, VERDICT_PAGE_BAD, res,
				     (f->region << set->region_shift) *
					     BLOCK_BYTES,
				     BLOCK_BYTES << set->region_shift);
	}
	pages_load(set, f);
}

static void
pages_load(struct set *set, struct frame *f)
{
	struct leg *leg = leg_pick(set, f->tried | f->slow);
	map_entry e = f->entry;
	const struct layout *l = &set->raid->sb.layout;

	if (!leg) /* those that are slow come last, and are waited for */
		leg = leg_pick(set, f->tried);
	if (!leg || map_slot(e) == SLOT_UNKNOWN) {
		lost_add_page(set, f->region);
		heal_give_up(set, f->region);
		pages_loaded(set, f, FRAME_LOST);
		return;
	}
	set->raid->counters.page_loads++;
	uint8_t others = (uint8_t) ~(f->tried | f->slow | leg->bit);
	struct op *op = op_submit(
		leg, IO_READ,
		l->sums_offset +
			(f->region * 2 + (map_slot(e) - SLOT_0)) * 4096,
		4096, f->data, false, pages_read_done, f, 0);

	op->spared = true;
	op->hedged = (set->in_mask & others) != 0;
}

/* A frame to be filled; NULL: all are pinned. */
static struct frame *
pages_take(struct set *set)
{
	struct pages *ps = &set->pages;

	if (list_empty(&ps->lru))
		return NULL;
	struct frame *f = list_first(&ps->lru, struct frame, lru);

	frame_clear(set, f);
	return f;
}

bool
pages_need(struct set *set, uint64_t region, struct page_wait *w)
{
	struct frame *f = pages_frame(set, region);

	w->region = region;
	list_init(&w->link);
	if (map_slot(set->map[region]) == SLOT_NONE)
		return true;
	if (f && f->state == FRAME_LOADING) {
		list_append(&f->waits, &w->link);
		return false;
	}
	if (f) {
		if (f->pins == 0) {
			list_remove(&f->lru);
			list_append(&set->pages.lru, &f->lru);
		}
		return true;
	}
	f = pages_take(set);
	if (!f) {
		list_append(&set->pages.starved, &w->link);
		return false;
	}
	f->state = FRAME_LOADING;
	f->region = region;
	f->entry = set->map[region];
	f->tried = 0;
	f->slow = 0;
	set->pages.index[region] = (uint32_t)(f - set->pages.frames) + 1;
	pages_pin(f); /* until it is loaded and those waiting were told */
	list_append(&f->waits, &w->link);
	pages_load(set, f);
	return false;
}

/* What it holds is for R17 to say, and that could not be recorded. */
static bool
sum_is_undecided(const struct set *set, uint64_t block)
{
	const struct node *n = sums_newest(&set->sums, block);
	const struct unit *u = units_find(&set->units, block / UNIT_BLOCKS);

	return u && u->resync && !u->open && n && !(n->flags & NODE_DONE);
}

enum sum_known
sum_lookup(struct set *set, uint64_t block, uint32_t *sum)
{
	uint64_t region = set_region(set, block);
	uint32_t at = (uint32_t)(block & ((1ull << set->region_shift) - 1));
	const struct node *n = sums_visible(&set->sums, block);

	if (set->doubt_count > 0 && set_is_doubtful(set, block))
		return SUM_LOST;
	if (set->units.resync > 0 && sum_is_undecided(set, block))
		return SUM_LOST;
	if (n) {
		*sum = n->sum;
		return SUM_KNOWN;
	}
	if (map_slot(set->map[region]) == SLOT_NONE) {
		*sum = SUM_UNWRITTEN;
		return SUM_KNOWN;
	}
	const struct frame *f = pages_find(set, region);

	if (!f)
		return SUM_NEEDS_PAGE;
	if (PLANTED(LOST_PAGE_READS_UNWRITTEN) && f->state == FRAME_LOST) {
		*sum = SUM_UNWRITTEN;
		return SUM_KNOWN;
	}
	if (f->state == FRAME_LOST)
		return SUM_LOST;
	*sum = page_get(f, at);
	return SUM_KNOWN;
}

enum sum_known
sum_is_written(struct set *set, uint64_t block, bool *written)
{
	uint64_t region = set_region(set, block);
	uint32_t sum = SUM_UNWRITTEN;

	*written = true;
	if (set_has_gap(set) || set_is_dark(set))
		return SUM_KNOWN; /* for all we know */
	if (set->doubt_count == 0 && map_is_full(set->map[region]) &&
	    set->sums.per_region[region] == 0)
		return SUM_KNOWN;
	enum sum_known known = sum_lookup(set, block, &sum);

	if (known == SUM_KNOWN)
		*written = sum != SUM_UNWRITTEN;
	else if (map_is_full(set->map[region]))
		return SUM_KNOWN;
	return known;
}
