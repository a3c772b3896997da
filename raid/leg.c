/* SPDX-License-Identifier: MIT */
/*
 * Legs as this run uses them: what a failure means (R2, R7), which leg a read
 * goes to, the budget of bad reads.
 */
#include <errno.h>

#include "set.h"

void
raid_note(struct raid *r, enum raid_note_kind kind, struct set *set,
	  struct leg *leg, int err, uint64_t a, uint64_t b)
{
	struct raid_note note = {
		.kind = kind,
		.set = set ? (uint16_t)set->index : 0,
		.leg = leg ? leg->index : NOTE_NO_LEG,
		.err = err,
		.a = a,
		.b = b,
	};

	r->io->ops->note(r->io, &note);
}

void
leg_set_run(struct leg *leg, enum leg_run run)
{
	struct set *set = leg->set;

	CHECK(run != RUN_FAILING || leg->run == RUN_IN);
	leg->run = run;
	set->in_mask &= (uint8_t)~leg->bit;
	set->counted_mask &= (uint8_t)~leg->bit;
	if (run == RUN_IN)
		set->in_mask |= leg->bit;
	if (run != RUN_OUT)
		set->counted_mask |= leg->bit;
}

bool
leg_is_expendable(const struct leg *leg)
{
	const struct set *set = leg->set;
	const struct raid *r = leg->raid;

	if (r->salvage) /* no epoch could say that it is out */
		return false;
	for (uint32_t i = 0; i < r->sb.geometry.legs; i++) {
		const struct leg *other = &set->legs[i];

		if (other != leg && other->run == RUN_IN &&
		    sb_place_const(&r->sb, set->index, i)->kept)
			return true;
	}
	return false;
}

/* The last leg failed something: does the set still take writes (R7)? */
static void
leg_fail_last(struct leg *leg, enum raid_cause cause, int err)
{
	struct set *set = leg->set;

	raid_note(leg->raid, NOTE_LAST_LEG_ERROR, set, leg, err, cause, 0);
	if (cause == CAUSE_DATA || cause == CAUSE_OPERATOR ||
	    set->write_stopped ||
	    (PLANTED(LAST_LEG_GOES_ON_AFTER_FLUSH) && cause == CAUSE_FLUSH) ||
	    (PLANTED(LAST_LEG_GOES_ON_AFTER_APPEND) && cause == CAUSE_APPEND))
		return;
	set->write_stopped = true;
	raid_note(leg->raid, NOTE_WRITE_STOPPED, set, leg, err, cause, 0);
	/* Those that wait for an epoch get EIO now, in the next tick. */
	list_splice(&leg->raid->ready, &set->fans);
}

bool
leg_fail(struct leg *leg, enum raid_cause cause, int err)
{
	struct set *set = leg->set;
	struct raid *r = leg->raid;

	if (cause != CAUSE_READS && cause != CAUSE_OPERATOR)
		leg->write_errors++;
	if (leg->run != RUN_IN)
		return true;
	if (!leg_is_expendable(leg) && !PLANTED(LAST_LEG_EVICTED)) {
		leg_fail_last(leg, cause, err);
		return false;
	}
	leg->why = cause;
	leg_set_run(leg, RUN_FAILING);
	raid_note(r, NOTE_LEG_FAILED, set, leg, err, cause, 0);
	/* What was DIRTY when it left is stale for it (R18).  Recorded with
	 * the CLEAN of each unit, and again by whoever replays DIRTY. */
	for (const struct list *l = set->units.lru.next; l != &set->units.lru;
	     l = l->next) {
		const struct unit *u = container_of(l, struct unit, lru);

		map_add_stale(set, set_region(set, u->number * UNIT_BLOCKS),
			      leg->bit);
	}
	meta_change(r);
	return true;
}

static bool
leg_is_better(const struct leg *a, const struct leg *b)
{
	if (a->aside != b->aside)
		return b->aside;
	bool a_shunned = a->raid->now < a->shun_until_ns;
	bool b_shunned = b->raid->now < b->shun_until_ns;

	if (a_shunned != b_shunned)
		return b_shunned;
	return a->in_flight < b->in_flight;
}

/* Of those not among not_these: one not slow of late, the least busy; NULL:
 * none. */
struct leg *
leg_pick(struct set *set, uint8_t not_these)
{
	uint32_t legs = set->raid->sb.geometry.legs;
	struct leg *best = NULL;

	set->pick++;
	for (uint32_t i = 0; i < legs; i++) {
		struct leg *leg = &set->legs[(set->pick + i) % legs];

		if (leg->run != RUN_IN || (leg->bit & not_these))
			continue;
		if (!best || leg_is_better(leg, best))
			best = leg;
	}
	return best;
}

uint8_t
set_absent_mask(const struct set *set)
{
	uint8_t all = (uint8_t)((1u << set->raid->sb.geometry.legs) - 1);

	return all & (uint8_t)~set->in_mask;
}

bool
set_can_record(const struct set *set)
{
	if (set->write_stopped)
		return false;
	return set->raid->meta.state != META_STUCK ||
	       set->in_mask == set->counted_mask;
}
