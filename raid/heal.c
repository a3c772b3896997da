/* SPDX-License-Identifier: MIT */
/*
 * Pages of sums of which a leg has a bad copy (R11, R21).  The page is stored
 * anew, to the other slot on all legs, like any other: nothing that is in use
 * is written over, and what keeps stores apart keeps these apart.  Then the
 * leg's new copy is read back.
 *
 * Of a leg that went back in time all pages are looked at, one after the other:
 * what is in memory nobody would read in this run, and the next might have no
 * other leg.
 */
#include "set.h"

/* The page that an entry names, be the rest of it what it may. */
static bool
heal_is_same_page(map_entry a, map_entry b)
{
	return map_slot(a) == map_slot(b) && map_crc(a) == map_crc(b);
}

void
heal_carve(struct set *set, struct arena *a)
{
	ARENA_TAKE_BUFFERS(a, set ? &set->healer : NULL, buf, 1);
}

bool
heal_page(struct set *set, struct leg *leg, uint64_t region, map_entry entry)
{
	struct healer *hr = &set->healer;
	struct heal *h = hr->heals;

	if (set->raid->salvage)
		return true; /* nothing is written */
	while (h < hr->heals + hr->count && h->region != region)
		h++;
	if (h == hr->heals + hr->count) {
		if (hr->count == HEAL_MAX)
			return true; /* the next read of it finds it again */
		*h = (struct heal){.region = region, .entry = entry};
		hr->count++;
	}
	if (heal_is_same_page(h->entry, entry) && (h->legs & leg->bit))
		return false;
	h->entry = entry;
	h->legs |= leg->bit;
	return true;
}

void
heal_give_up(struct set *set, uint64_t region)
{
	struct healer *hr = &set->healer;

	for (uint32_t i = 0; i < hr->count; i++)
		if (hr->heals[i].region == region)
			hr->heals[i].legs = 0;
}

static void
heal_remove(struct healer *hr, struct heal *h)
{
	CHECK(!hr->reading);
	*h = hr->heals[--hr->count];
}

static uint64_t
heal_place(const struct set *set, uint64_t region)
{
	return (region << set->region_shift) * BLOCK_BYTES;
}

static void
heal_well(struct set *set, struct heal *h, struct leg *leg)
{
	h->legs &= (uint8_t)~leg->bit;
	if (h->quiet)
		return;
	raid_note(set->raid, NOTE_PAGE_REPAIRED, set, leg, 0,
		  heal_place(set, h->region),
		  BLOCK_BYTES << set->region_shift);
}

static void
heal_read_done(struct op *op, int res)
{
	struct set *set = op->owner;
	struct healer *hr = &set->healer;
	struct heal *h = &hr->heals[hr->at];
	map_entry e = set->map[h->region];

	hr->reading = false;
	if (op->abandoned)
		hr->buf = op->spare;
	/* Given up, or there is another page by now: look again. */
	if (op->abandoned || !heal_is_same_page(e, hr->entry))
		return;
	if (res == 0 && page_crc(&set->name, h->region, map_slot(e) - SLOT_0,
				 hr->buf) == map_crc(e)) {
		op->leg->repaired++;
		heal_well(set, h, op->leg);
		return;
	}
	h->entry = e;
	h->quiet = false;
	verdict_give(op->leg, VERDICT_PAGE_BAD, res, heal_place(set, h->region),
		     BLOCK_BYTES << set->region_shift);
	/* Once is enough: else a leg that can keep no page has us store for
	 * ever. */
	if (h->again)
		h->legs &= (uint8_t)~op->leg->bit;
	h->again = true;
}

static void
heal_read_back(struct set *set, struct heal *h, struct leg *leg)
{
	struct healer *hr = &set->healer;
	struct op *op;

	hr->reading = true;
	hr->entry = set->map[h->region];
	op = op_submit(leg, IO_READ,
		       set->raid->sb.layout.sums_offset +
			       (h->region * 2 +
				(map_slot(hr->entry) - SLOT_0)) *
				       4096,
		       4096, hr->buf, false, heal_read_done, set, 0);
	op->spared = true;
}

/* The first leg of them that is in use; of the others nothing is to be
 * healed. */
static struct leg *
heal_leg(struct set *set, struct heal *h)
{
	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		struct leg *leg = &set->legs[i];

		if (!(h->legs & leg->bit))
			continue;
		if (leg->run == RUN_IN)
			return leg;
		h->legs &= (uint8_t)~leg->bit;
	}
	return NULL;
}

static void
heal_one(struct set *set, struct heal *h)
{
	struct healer *hr = &set->healer;
	map_entry e = set->map[h->region];
	struct leg *leg = heal_leg(set, h);

	hr->at = (uint32_t)(h - hr->heals);
	if (!leg) {
		heal_remove(hr, h);
	} else if (map_slot(e) != SLOT_0 && map_slot(e) != SLOT_1) {
		heal_well(set, h, leg); /* of a page nobody wants */
	} else if (!heal_is_same_page(e, h->entry)) {
		heal_read_back(set, h, leg);
	} else if (set->resync_in[h->region] == 0) {
		store_anew(set, h->region);
	}
}

/* --- all pages of a leg --- */

void
heal_all(struct leg *leg)
{
	struct healer *hr = &leg->set->healer;

	if (PLANTED(PAGES_LEFT_BACK))
		return;
	/* From the beginning for those that are being swept, too. */
	hr->sweep |= leg->bit;
	hr->swept = 0;
}

bool
heal_is_sweeping(const struct leg *leg)
{
	return (leg->set->healer.sweep & leg->bit) != 0;
}

/* There is room for it.  That the leg went back is told: of its pages only an
 * error is. */
static void
heal_swept_bad(struct leg *leg, uint64_t region, int res)
{
	struct set *set = leg->set;
	struct healer *hr = &set->healer;
	uint32_t count = hr->count;

	if (!heal_page(set, leg, region, set->map[region]))
		return; /* known */
	if (hr->count > count)
		hr->heals[count].quiet = res == 0;
	if (res < 0)
		verdict_give(leg, VERDICT_PAGE_BAD, res,
			     heal_place(set, region),
			     BLOCK_BYTES << set->region_shift);
}

static void
heal_swept_done(struct op *op, int res)
{
	struct set *set = op->owner;
	struct healer *hr = &set->healer;
	map_entry e = set->map[op->tag];

	hr->reading = false;
	if (op->abandoned)
		hr->buf = op->spare;
	if (op->abandoned || hr->swept != op->tag)
		return; /* begun anew */
	hr->swept++;
	/* A page stored meanwhile is not of an earlier time. */
	if (!heal_is_same_page(e, hr->entry) ||
	    (res == 0 && page_crc(&set->name, op->tag, map_slot(e) - SLOT_0,
				  hr->buf) == map_crc(e)))
		return;
	heal_swept_bad(op->leg, op->tag, res);
}

/* The leg whose turn it is; those that are out need no page. */
static struct leg *
heal_sweep_leg(struct set *set)
{
	struct healer *hr = &set->healer;

	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		struct leg *leg = &set->legs[i];

		if (!(hr->sweep & leg->bit))
			continue;
		if (leg->run == RUN_IN && hr->swept < set->regions)
			return leg;
		hr->sweep &= (uint8_t)~leg->bit;
		hr->swept = 0;
	}
	return NULL;
}

static void
heal_sweep(struct set *set)
{
	struct healer *hr = &set->healer;
	struct leg *leg;
	struct op *op;

	while ((leg = heal_sweep_leg(set)) != NULL &&
	       map_slot(set->map[hr->swept]) != SLOT_0 &&
	       map_slot(set->map[hr->swept]) != SLOT_1)
		hr->swept++;
	if (!leg || hr->count == HEAL_MAX)
		return;
	hr->reading = true;
	hr->entry = set->map[hr->swept];
	op = op_submit(leg, IO_READ,
		       set->raid->sb.layout.sums_offset +
			       (hr->swept * 2 +
				(map_slot(hr->entry) - SLOT_0)) *
				       4096,
		       4096, hr->buf, false, heal_swept_done, set, hr->swept);
	op->spared = true;
}

void
heal_tick(struct set *set)
{
	struct healer *hr = &set->healer;

	if (set->write_stopped || PLANTED(BAD_PAGE_KEPT))
		return;
	for (uint32_t i = hr->count; i > 0 && !hr->reading; i--)
		heal_one(set, &hr->heals[i - 1]);
	if (hr->sweep && !hr->reading && set->raid->phase == PHASE_SERVING)
		heal_sweep(set);
}

bool
heal_is_idle(const struct set *set)
{
	const struct healer *hr = &set->healer;

	if (hr->reading)
		return false;
	for (uint32_t i = 0; i < hr->count; i++)
		if (set->resync_in[hr->heals[i].region] == 0 &&
		    !PLANTED(BAD_PAGE_KEPT))
			return false;
	return true;
}
