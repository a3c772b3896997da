/* SPDX-License-Identifier: MIT */
/*
 * The start of an array (R13, R16, R19): sets look at their legs side by
 * side, then the start's epoch, then each set makes its journals equal and
 * serves.
 *
 *   CREATING ------------------------.
 *   SCANNING -> MAP -> REPLAY -> READY -> COPY -> SERVING
 *        '-> UNUSABLE
 */
#include <errno.h>

#include "set.h"
#include "start.h"

void
start_carve(struct set *set, struct arena *a)
{
	ARENA_TAKE(a, set, scans, SB_LEGS_MAX, 64);
	ARENA_TAKE_BUFFERS(a, set, scan_bufs, SB_LEGS_MAX * START_BLOCKS);
}

/* --- after the epoch: equal journals (H4), then service --- */

static void
start_served(struct flush_wait *w, int res)
{
	struct set *set = container_of(w, struct set, stop_flush);

	if (res < 0)
		raid_note(set->raid, NOTE_WRITE_STOPPED, set, NULL, res,
			  CAUSE_FLUSH, 0);
	set->start = set_is_recut(set) ? SET_RECUT : SET_SERVING;
}

static void
start_copied(struct fan *fan, int res)
{
	struct set *set = fan->set;

	if (res < 0)
		set->write_stopped = true;
	set->stop_flush.done = start_served;
	flush_request(set, &set->stop_flush);
}

static void
start_erased(struct fan *fan, int res)
{
	struct set *set = fan->set;

	if (res == 0 && set->erase_left > 0)
		tail_erase_last(set, start_erased);
	else
		start_copied(fan, res);
}

/* The last record to every leg: one may have missed it.  Not so if others
 * came behind it (R20). */
static void
start_copy_last(struct set *set)
{
	const struct journal *j = &set->journal;
	uint64_t count = 0;

	if (set->erase_left > 0) {
		tail_erase_last(set, start_erased);
		return;
	}
	if (!set->raid->create && !set_is_recut(set) && !PLANTED(GAP_APPENDED))
		count = reference_of(set)->last_count;
	fan_begin(&set->start_fan, set, CAUSE_APPEND, start_copied);
	journal_write_ring(set, &set->start_fan,
			   (j->head + j->ring_blocks - count) % j->ring_blocks,
			   count);
	fan_end(&set->start_fan);
}

static void
start_wiped(struct fan *fan, int res)
{
	if (res < 0)
		start_copied(fan, res);
	else
		start_copy_last(fan->set);
}

static void
start_copy(struct set *set)
{
	set->start = SET_COPY;
	if (set->raid->create || !tail_wipe_heads(set, start_wiped))
		start_copy_last(set);
}

void
start_epoch_done(struct raid *r, int res)
{
	if (res < 0) {
		r->phase = PHASE_STOPPED;
		r->start_failed = res;
		return;
	}
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++)
		start_copy(&r->sets[i]);
}

/* --- which legs are good --- */

void
start_unusable(struct set *set, int err)
{
	set->start = SET_UNUSABLE;
	raid_note(set->raid, NOTE_SET_UNUSABLE, set, NULL, err, 0, 0);
}

/* Behind the reference by one append at most, and the same (R19, H21). */
bool
scan_agrees(const struct scan *s, const struct scan *ref)
{
	if (PLANTED(LAGGING_LEG_ACCEPTED))
		return true;
	if (s->sequence == ref->sequence)
		return s->crc == ref->crc;
	return s->sequence + 1 == ref->sequence && s->crc == ref->crc_before;
}

/* Lost what it had acknowledged: out, and wholly stale.  That is made
 * durable with the start's epoch and the first checkpoint. */
static void
start_evict(struct set *set, struct leg *leg, enum raid_cause cause)
{
	leg->why = cause;
	if (leg->run == RUN_IN)
		leg_set_run(leg, RUN_FAILING);
	set->wholly_stale |= leg->bit;
}

/* What could not be read has been told. */
static void
start_evict_damaged(struct set *set, struct leg *leg, int err)
{
	start_evict(set, leg, CAUSE_JOURNAL);
	if (err == -EBADMSG)
		err = 0;
	leg->verdicts[VERDICT_MISMATCH] += err == 0;
	raid_note(set->raid, NOTE_LEG_DAMAGED, set, leg, err, 0, 0);
}

/* Its chain ends where the set's goes on: with older records there, or none,
 * it lost what it had. */
static void
start_evict_short(struct set *set, const struct scan *s, const struct scan *ref)
{
	if (s->rot && s->sequence != ref->sequence) {
		start_evict_damaged(set, s->leg, 0);
		return;
	}
	start_evict(set, s->leg, CAUSE_LAG);
	s->leg->verdicts[VERDICT_WENT_BACK]++;
	raid_note(set->raid, NOTE_LEG_LAGGED, set, s->leg, 0, s->sequence,
		  ref->sequence);
}

/* Of the longest chain; NULL: no leg has a whole one. */
static struct scan *
start_longest(struct set *set)
{
	struct scan *longest = NULL;

	for (uint32_t i = 0; i < start_legs(set); i++) {
		struct scan *s = &set->scans[i];

		if (s->leg && s->res == 0 &&
		    (!longest || (s->sequence > longest->sequence &&
				  !PLANTED(FIRST_CHAIN_WINS))))
			longest = s;
	}
	return longest;
}

/* Records that this one, too, had acknowledged stand behind the damage of
 * another leg's chain: it lost them, and nobody has them whole (H21). */
static bool
start_is_outrun(struct set *set, const struct scan *ref)
{
	for (uint32_t i = 0; i < start_legs(set); i++) {
		const struct scan *s = &set->scans[i];

		if (!s->leg || s->seen_max <= ref->sequence + 1)
			continue;
		raid_note(set->raid,
			  ref->rot ? NOTE_LEG_DAMAGED : NOTE_LEG_LAGGED, set,
			  ref->leg, 0, ref->sequence, s->seen_max);
		return !PLANTED(LAGGING_LEG_ACCEPTED);
	}
	return false;
}

static void
start_judge(struct set *set, struct scan *s, const struct scan *ref)
{
	const struct map_head *head = &s->heads[s->copy];

	if (!s->leg)
		return;
	if (s->res == -ETIMEDOUT && s->leg->run != RUN_IN)
		return; /* given up, and said so (R10) */
	if (s->res < 0)
		start_evict_damaged(set, s->leg, s->res);
	else if (!scan_agrees(s, ref))
		start_evict_short(set, s, ref);
	s->leg->map_flip = s->copy;
	recall_rewrite_map(s);
	if (head->sequence > set->checkpoint.head_sequence)
		set->checkpoint.head_sequence = head->sequence;
}

static void
start_choose(struct set *set)
{
	struct scan *ref;

	if (raid_rescues(set->raid) && salvage_choose(set))
		return;
	ref = start_longest(set);
	if (!ref || start_is_outrun(set, ref)) {
		start_unusable(set, -EUCLEAN);
		return;
	}
	set->reference = (int)(ref - set->scans);
	for (uint32_t i = 0; i < start_legs(set); i++)
		start_judge(set, &set->scans[i], ref);
	tail_drop(set, ref);
	set->at = 0;
	reference_read_map(set);
}

void
start_choose_again(struct set *set, int err)
{
	struct scan *s = reference_of(set);

	/* A salvage takes what it can of the map. */
	if (raid_rescues(set->raid) && set->start == SET_MAP && !s->holes)
		s->holes = true;
	else
		s->has_head = false;
	s->res = err;
	tables_reset(set);
	start_choose(set);
}

/* --- all sets --- */

void
start_begin(struct raid *r)
{
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++) {
		struct set *set = &r->sets[i];

		if (r->create) {
			create_begin(set);
			continue;
		}
		set->start = SET_SCANNING;
		for (uint32_t l = 0; l < start_legs(set); l++) {
			set->scans[l].buf = set->scan_bufs +
					    (size_t)l * START_BLOCKS * 4096;
			if (set->legs[l].run == RUN_IN)
				scan_start(&set->scans[l], &set->legs[l]);
		}
	}
}

static bool
start_scans_are_done(const struct set *set)
{
	for (uint32_t i = 0; i < start_legs(set); i++)
		if (set->scans[i].leg && set->scans[i].step != SCAN_DONE)
			return false;
	return true;
}

/* Legs that lost what they acknowledged miss every written region (R18). */
static void
start_mark_wholly_stale(struct set *set)
{
	if (!set->wholly_stale || PLANTED(EVICTED_LEG_NOT_STALE))
		return;
	for (uint64_t i = 0; i < set->regions; i++)
		if (map_slot(set->map[i]) != SLOT_NONE ||
		    set->sums.per_region[i] > 0)
			map_add_stale(set, i, set->wholly_stale);
	checkpoint_want(set);
}

/* A leg in-sync in all epochs since the one in force (R13)? */
static bool
start_set_has_kept_leg(const struct set *set)
{
	if (set->raid->recover) /* the operator's word */
		return true;
	for (uint32_t i = 0; i < start_legs(set); i++)
		if (set->legs[i].run == RUN_IN &&
		    sb_place_const(&set->raid->sb, set->index, i)->kept)
			return true;
	return false;
}

static void
start_epoch(struct raid *r)
{
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++) {
		struct set *set = &r->sets[i];

		start_mark_wholly_stale(set);
		if (!start_set_has_kept_leg(set)) {
			start_unusable(set, -EUCLEAN);
			r->phase = PHASE_STOPPED;
			r->start_failed = -EUCLEAN;
			return;
		}
	}
	r->epoch_begun = true;
	if (PLANTED(START_WITHOUT_EPOCH) && !r->create) {
		r->meta.started = true;
		start_epoch_done(r, 0);
		return;
	}
	if (r->create)
		meta_create(r);
	else
		meta_change(r);
}

void
start_tick(struct raid *r)
{
	bool ready = true;
	bool serving = true;
	bool unusable = false;

	for (uint32_t i = 0; i < r->sb.geometry.sets; i++) {
		struct set *set = &r->sets[i];

		if (set->start == SET_SCANNING && start_scans_are_done(set))
			start_choose(set);
		else if (set->start == SET_RECUT)
			salvage_recut(set);
		ready &= set->start == SET_READY;
		serving &= set->start == SET_SERVING;
		unusable |= set->start == SET_UNUSABLE;
	}
	if (unusable && r->ops_busy == 0) {
		CHECK(!r->epoch_begun);
		r->phase = PHASE_STOPPED;
		r->start_failed = -EUCLEAN;
	} else if (ready && r->salvage) {
		for (uint32_t i = 0; i < r->sb.geometry.sets; i++)
			r->sets[i].start = SET_SERVING;
	} else if (ready && !r->epoch_begun) {
		start_epoch(r);
	} else if (serving) {
		r->phase = PHASE_SERVING;
		raid_note(r, NOTE_STARTED, NULL, NULL, 0,
			  r->sb.history[0].number, 0);
		r->start_done(r, 0, r->start_arg);
	}
}
