/* SPDX-License-Identifier: MIT */
/*
 * Which units are settled, and when: those that parts wait for, those whose
 * repair a read asked for, and in the background all that a crash left to
 * R16.  A few at a time.
 */
#include "set.h"
#include "settle.h"

void
settler_carve(struct set *set, struct arena *a)
{
	for (uint32_t i = 0; i < SETTLE_SLOTS; i++)
		ARENA_TAKE_BUFFERS(a, set ? &set->settler.settles[i] : NULL,
				   bufs, SB_LEGS_MAX * UNIT_BLOCKS + 1);
}

void
settler_init(struct set *set)
{
	list_init(&set->settler.waiting);
	for (uint32_t i = 0; i < SETTLE_SLOTS; i++)
		set->settler.settles[i].set = set;
}

bool
settler_is_needed(const struct set *set, uint64_t block, uint64_t count)
{
	uint64_t last = (block + count - 1) / UNIT_BLOCKS;

	if (units_resync_left(&set->units) == 0)
		return false;
	for (uint64_t i = block / UNIT_BLOCKS; i <= last; i++) {
		const struct unit *u = units_find(&set->units, i);

		if (u && u->resync && !u->open)
			return true;
	}
	return false;
}

void
settler_close(struct set *set, struct unit *u)
{
	unit_set_open(&set->units, u, false);
	unit_set_resync(&set->units, u, false);
	set->resync_in[set_region(set, u->number * UNIT_BLOCKS)]--;
}

/* --- who waits --- */

void
settler_wait(struct set *set, struct part *p)
{
	list_append(&set->settler.waiting, &p->link);
}

static bool
part_touches_unit(const struct part *p, uint64_t unit)
{
	return p->block < (unit + 1) * UNIT_BLOCKS &&
	       p->block + p->count > unit * UNIT_BLOCKS;
}

void
settler_wake(struct set *set, uint64_t unit, int res)
{
	struct list waiting;

	list_init(&waiting);
	list_splice(&waiting, &set->settler.waiting);
	while (!list_empty(&waiting)) {
		struct part *p = list_first(&waiting, struct part, link);

		list_remove(&p->link);
		if (!part_touches_unit(p, unit))
			list_append(&set->settler.waiting, &p->link);
		else if (res < 0 &&
			 (p->kind == PART_WRITE || set_can_record(set)))
			part_finish(p, res);
		else
			part_relock(p);
	}
}

/* --- what to settle next --- */

static bool
settler_is_underway(const struct set *set, uint64_t unit)
{
	for (uint32_t i = 0; i < SETTLE_SLOTS; i++)
		if (set->settler.settles[i].step != SETTLE_FREE &&
		    set->settler.settles[i].step != SETTLE_STUCK &&
		    set->settler.settles[i].unit == unit)
			return true;
	return false;
}

/* A unit that a part waits for. */
static bool
settler_next_waited(struct set *set, uint64_t *unit)
{
	list_for_each (l, following, &set->settler.waiting) {
		const struct part *p = list_entry(l, struct part, link);
		uint64_t last = (p->block + p->count - 1) / UNIT_BLOCKS;

		for (*unit = p->block / UNIT_BLOCKS; *unit <= last; ++*unit)
			if (settler_is_needed(set, *unit * UNIT_BLOCKS, 1) &&
			    !settler_is_underway(set, *unit))
				return true;
	}
	return false;
}

static bool
settler_next_repair(struct set *set, uint64_t *unit)
{
	struct settler *sr = &set->settler;

	for (uint32_t i = 0; i < sr->repair_count; i++) {
		*unit = sr->repairs[i].unit;
		if (!settler_is_underway(set, *unit))
			return true;
	}
	return false;
}

/* What a replay found on the list of what is lost. */
static bool
settler_next_lost(struct set *set, uint64_t *unit)
{
	return set->raid->phase != PHASE_STOPPING &&
	       !PLANTED(LOST_NOT_LOOKED_AT) && lost_next_look(set, unit);
}

static bool
settler_next_background(struct set *set, uint64_t *unit)
{
	struct settler *sr = &set->settler;
	struct units *us = &set->units;

	if (units_resync_left(us) == 0 || !set_can_record(set) ||
	    (set->raid->phase == PHASE_STOPPING && list_empty(&set->starved)))
		return false;
	for (uint32_t i = 0; i < us->count; i++) {
		const struct unit *u = &us->all[sr->cursor];

		sr->cursor = (sr->cursor + 1) % us->count;
		if (u->state != UNIT_CLEAN && u->resync && !u->open &&
		    !u->settling) {
			*unit = u->number;
			return true;
		}
	}
	return false;
}

static void
settler_announce(struct set *set)
{
	struct settler *sr = &set->settler;

	if (units_resync_left(&set->units) > 0 && !sr->announced) {
		sr->announced = true;
		sr->rewritten = 0;
		raid_note(set->raid, NOTE_RESYNC_START, set, NULL, 0,
			  units_resync_left(&set->units), 0);
	} else if (units_resync_left(&set->units) == 0 && sr->announced) {
		sr->announced = false;
		raid_note(set->raid, NOTE_RESYNC_DONE, set, NULL, 0,
			  sr->rewritten, 0);
	}
}

void
settler_tick(struct set *set)
{
	uint64_t unit;

	settler_announce(set);
	while (set->settler.busy < SETTLE_MAX &&
	       set->settler.busy + set->settler.stuck < SETTLE_SLOTS &&
	       (settler_next_waited(set, &unit) ||
		settler_next_repair(set, &unit) ||
		settler_next_lost(set, &unit) ||
		settler_next_background(set, &unit)))
		settle_start(set, unit);
}
