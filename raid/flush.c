/* SPDX-License-Identifier: MIT */
/*
 * Flushes of a set's counted legs, in rounds (R3).
 *
 * A round covers what completed before it was submitted; who asks while one
 * is under way joins the next.  Generations count rounds: what completed at
 * generation g is durable when a round later than g is done.
 */
#include <errno.h>

#include "set.h"

void
flush_init(struct set *set)
{
	list_init(&set->flusher.waiting);
	list_init(&set->flusher.covered);
}

bool
flush_is_needed(const struct set *set)
{
	/* A counted leg that failed: only the epoch without it will do. */
	if (set->in_mask != set->counted_mask &&
	    !PLANTED(FLUSH_BESIDE_FAILING_LEG))
		return true;
	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		const struct leg *leg = &set->legs[i];

		if (leg->run == RUN_IN && !leg->write_through &&
		    leg->written != leg->flushed)
			return true;
	}
	return false;
}

void
flush_request(struct set *set, struct flush_wait *w)
{
	struct flusher *f = &set->flusher;

	list_append(PLANTED(FLUSH_JOINS_UNDERWAY) && f->running ? &f->covered
								: &f->waiting,
		    &w->link);
}

static void
flush_finish(struct list *waits, int res)
{
	struct list done;

	list_init(&done);
	list_splice(&done, waits);
	while (!list_empty(&done)) {
		struct flush_wait *w =
			list_first(&done, struct flush_wait, link);

		list_remove(&w->link);
		w->done(w, res);
	}
}

static void
flush_round_done(struct fan *fan, int res)
{
	struct set *set = fan->set;
	struct flusher *f = &set->flusher;

	f->running = false;
	if (res == 0)
		f->done_gen = f->gen;
	else if (!PLANTED(LAST_LEG_GOES_ON_AFTER_FLUSH))
		set->write_stopped = true; /* never retried (R7, H10) */
	flush_finish(&f->covered, res);
}

void
flush_tick(struct set *set)
{
	struct flusher *f = &set->flusher;

	if (f->running || list_empty(&f->waiting))
		return;
	if (set->write_stopped) {
		flush_finish(&f->waiting, -EIO);
		return;
	}
	list_splice(&f->covered, &f->waiting);
	f->running = true;
	f->gen++;
	set->raid->counters.leg_flushes++;
	fan_begin(&f->fan, set, CAUSE_FLUSH, flush_round_done);
	fan_flush(&f->fan);
	fan_end(&f->fan);
}
