/* SPDX-License-Identifier: MIT */
/*
 * Making units CLEAN (R5): those longest unused, when the table fills, when
 * they have been idle, when the array stops.
 *
 * A unit may be composed CLEAN when its last write ended before a flush of
 * every counted leg was submitted that succeeded (generations, flush.c) and
 * none is in flight; its sums go into the same record, before it.  Flushes
 * that clients ask for count; our own is asked for only if none came.
 */
#include "set.h"

#define CLEAN_IDLE_NS  5000000000ull
#define CLEAN_LOOK_MAX 512u

/* What is left of the block's chain is settled (R17's base). */
static void
cleaner_settle_block(struct set *set, uint64_t block)
{
	struct node *n = sums_visible(&set->sums, block);

	if (!n)
		return;
	n->flags |= NODE_SETTLED;
	sums_trim(&set->sums, n);
}

static void
cleaner_recorded(struct job *job, int res)
{
	struct cleaner *cl = container_of(job, struct cleaner, job);
	struct set *set = container_of(cl, struct set, cleaner);

	cl->running = false;
	cl->composed = false;
	for (uint32_t i = 0; i < cl->count; i++) {
		struct unit *u = cl->units[i];

		if (u->state != UNIT_CLEANING)
			continue; /* a write came: MARKING */
		if (res < 0) {
			unit_set_state(u, UNIT_DIRTY);
			continue;
		}
		for (uint32_t b = 0; b < UNIT_BLOCKS; b++)
			cleaner_settle_block(set, u->number * UNIT_BLOCKS + b);
		unit_set_state(u, UNIT_CLEAN);
		units_remove(&set->units, u);
	}
	cl->count = 0;
	part_wake_starved(set);
}

static void
cleaner_compose(struct job *job, struct record *rec)
{
	struct cleaner *cl = container_of(job, struct cleaner, job);
	struct set *set = container_of(cl, struct set, cleaner);
	uint32_t per_region = 1u << (set->region_shift - 4);

	cl->composed = true;
	for (uint32_t i = 0; i < cl->count; i++) {
		struct unit *u = cl->units[i];
		struct item item = {
			.type = ITEM_CLEAN,
			.stale = set_absent_mask(set),
			.start = u->number / per_region,
			.extra = 1ull << (u->number % per_region),
		};

		if (u->state != UNIT_CLEANING)
			continue;
		for (uint32_t b = 0; b < UNIT_BLOCKS; b++) {
			struct node *n = sums_visible(
				&set->sums, u->number * UNIT_BLOCKS + b);

			if (n && !(n->flags & NODE_JOURNALED))
				CHECK(journal_put_node(set, rec, n));
		}
		item.stale |= map_stale(set->map[item.start]);
		if (item.stale)
			map_add_stale(set, item.start, item.stale);
		CHECK(record_add(rec, &item));
	}
}

/* A write never waits for units while half of them are free: raid_init. */
static bool
cleaner_is_pressed(const struct set *set)
{
	return set->units.used > set->units.limit / 2 ||
	       set->raid->phase == PHASE_STOPPING;
}

static void
cleaner_flushed(struct flush_wait *w, int res)
{
	struct cleaner *cl = container_of(w, struct cleaner, flush);

	(void)res;
	cl->flushing = false;
}

void
cleaner_init(struct set *set)
{
	struct cleaner *cl = &set->cleaner;

	cl->flush.done = cleaner_flushed;
	cl->job.compose = cleaner_compose;
	cl->job.done = cleaner_recorded;
}

/* Collect those that may be CLEAN now; true: a flush would give more. */
static bool
cleaner_collect(struct set *set, bool pressed, uint32_t max)
{
	struct cleaner *cl = &set->cleaner;
	uint64_t now = set->raid->now;
	uint32_t looked = 0;
	bool stopping = set->raid->phase == PHASE_STOPPING;
	bool flush = false;

	list_for_each (l, following, &set->units.lru) {
		struct unit *u = list_entry(l, struct unit, lru);

		/* Units to be resynced cannot be cleaned; when stopping they
		 * are not settled any more, and must not hide the others. */
		if (u->open)
			continue;
		if (u->resync && stopping && !PLANTED(STOP_LOOKS_AT_RESYNC))
			continue;
		if (cl->count == max ||
		    ++looked > (PLANTED(STOP_LOOKS_AT_RESYNC) ? 4u
							      : CLEAN_LOOK_MAX))
			break;
		if (!pressed && u->used_ns + CLEAN_IDLE_NS > now)
			break;
		if (u->state != UNIT_DIRTY ||
		    (u->inflight > 0 && !PLANTED(CLEAN_WITH_WRITE_IN_FLIGHT)) ||
		    (u->resync && !PLANTED(CLEAN_BEFORE_RESYNC)))
			continue;
		if ((int32_t)(set->flusher.done_gen - u->gen) <=
			    (PLANTED(CLEAN_BY_FLUSH_UNDERWAY) ? -1 : 0) &&
		    !PLANTED(CLEAN_BEFORE_FLUSH)) {
			flush = true;
			continue;
		}
		cl->units[cl->count++] = u;
	}
	return flush;
}

/* As many as a small ring, and the room for sums in it, take at a time. */
static uint32_t
cleaner_batch(const struct set *set)
{
	uint64_t max = set->journal.ring_blocks / 16;

	if (max > set->sums.limit / (2 * UNIT_BLOCKS))
		max = set->sums.limit / (2 * UNIT_BLOCKS);
	return max < CLEAN_MAX ? (uint32_t)max : CLEAN_MAX;
}

void
cleaner_tick(struct set *set)
{
	struct cleaner *cl = &set->cleaner;
	uint32_t max = cleaner_batch(set);

	if (cl->running || set->write_stopped || set->units.used == 0)
		return;
	bool flush = cleaner_collect(set, cleaner_is_pressed(set), max);

	if (cl->count > 0) {
		cl->running = true;
		for (uint32_t i = 0; i < cl->count; i++)
			unit_set_state(cl->units[i], UNIT_CLEANING);
		cl->job.urgent = true;
		cl->job.bytes = cl->count * (24 + UNIT_BLOCKS * 48);
		cl->job.sums = cl->count * UNIT_BLOCKS * 2;
		journal_submit(set, &cl->job);
	} else if (flush && !cl->flushing) {
		cl->flushing = true;
		flush_request(set, &cl->flush);
	}
}
