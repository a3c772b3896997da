/* SPDX-License-Identifier: MIT */
/*
 * A clean stop: requests in flight finish, every unit becomes CLEAN, a last
 * checkpoint, and nothing is left in flight.
 */
#include <errno.h>

#include "set.h"

enum { STOP_WAIT, STOP_CLEAN, STOP_CHECKPOINT, STOP_DONE };

static bool
stop_set_is_quiet(const struct set *set)
{
	return set->settler.busy == 0 && store_is_idle(set) &&
	       heal_is_idle(set) && set->checkpoint.whole == 0 &&
	       list_empty(&set->journal.jobs);
}

/* One step; true: this set is done. */
static bool
stop_set(struct set *set)
{
	struct checkpoint *ck = &set->checkpoint;

	if (set->write_stopped || set->raid->salvage)
		set->stop_step = STOP_DONE;
	switch (set->stop_step) {
	case STOP_WAIT:
		if (!stop_set_is_quiet(set))
			return false;
		set->stop_step = STOP_CLEAN;
		return false;
	case STOP_CLEAN:
		/* cleaner.c does it; what waits for R17 stays DIRTY. */
		if (set->units.used > set->units.resync ||
		    ck->state != CK_IDLE)
			return false;
		checkpoint_want(set);
		set->stop_head = ck->head_sequence;
		set->stop_step = STOP_CHECKPOINT;
		return false;
	case STOP_CHECKPOINT:
		if (ck->head_sequence == set->stop_head || ck->state != CK_IDLE)
			return false;
		set->stop_step = STOP_DONE;
		return true;
	default:
		return set->settler.busy == 0 && store_is_idle(set) &&
		       !set->cleaner.running;
	}
}

void
stop_tick(struct raid *r)
{
	bool all = true;
	int res = 0;

	if (r->requests > 0)
		return;
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++) {
		all &= stop_set(&r->sets[i]);
		if (r->sets[i].write_stopped)
			res = -EIO;
	}
	/* A change that is wanted is under way: meta_tick came before. */
	if (!all || r->ops_busy > 0)
		return;
	CHECK(r->meta.state != META_WRITING);
	r->phase = PHASE_STOPPED;
	raid_note(r, NOTE_STOPPED, NULL, NULL, res, 0, 0);
	r->stop_done(r, res, r->stop_arg);
}
