/* SPDX-License-Identifier: MIT */
/*
 * Salvage and recovery: a set is started from what is there (R24).
 *
 * All legs present are looked at, in-sync or not.  The one whose metadata
 * counts is the best of: in-sync and whole; in-sync and damaged; the freshest
 * of the others.  Whatever leg a block then comes from, its sum must verify.
 *
 * Salvage reads, and never writes.  Recovery goes on from that leg: the others
 * are out and wholly stale, and before it serves, a checkpoint says all that
 * is known in records with sequences above all that were ever seen, so that
 * what was cut off stays cut off:
 *
 *   ... COPY -> RECUT: units that were DIRTY are decided, in memory
 *                      -> checkpoint -> the rest of the ring erased
 *                      -> SERVING
 */
#include <errno.h>
#include <string.h>

#include "set.h"
#include "start.h"

static const char *const source_words[] = {
	[SOURCE_WHOLE] = "whole",
	[SOURCE_DAMAGED] = "damaged",
	[SOURCE_OLD] = "old",
	[SOURCE_NOTHING] = "nothing",
};

_Static_assert(ARRAY_SIZE(source_words) == SOURCE_COUNT, "a word for each");

const char *
raid_source_word(enum raid_source source)
{
	CHECK(source < SOURCE_COUNT);
	return source_words[source];
}

bool
raid_rescues(const struct raid *r)
{
	return r->salvage || r->recover;
}

bool
set_is_quiet(const struct set *set)
{
	return set->raid->salvage || set->start == SET_RECUT;
}

bool
set_is_dark(const struct set *set)
{
	return set->raid->salvage && set->salvage.source == SOURCE_NOTHING;
}

static bool
set_metadata_is_damaged(const struct set *set)
{
	const struct scan *s = &set->scans[set->reference];

	return s->cut || s->holes || s->torn || set->salvage.behind;
}

bool
set_has_gap(const struct set *set)
{
	return set->raid->salvage && set->salvage.source != SOURCE_NOTHING &&
	       set_metadata_is_damaged(set) &&
	       !PLANTED(SALVAGE_GAP_READS_ZEROS);
}

/* --- which leg's metadata --- */

static bool
leg_is_current(const struct leg *leg)
{
	const struct sb_place *p = sb_place_const(
		&leg->raid->sb, leg->set->index, leg->index);

	return p->state == LEG_IN_SYNC && leg->behind_epoch == 0;
}

static uint64_t
leg_epoch(const struct leg *leg)
{
	if (leg->behind_epoch != 0)
		return leg->behind_epoch;
	return sb_place_const(&leg->raid->sb, leg->set->index, leg->index)
		->last_in_sync;
}

/* By how many records, at least, another in-sync leg is ahead.  More than one:
 * this one acknowledged some of them, too, and lost them (R19). */
static uint64_t
scan_lag(const struct scan *s)
{
	const struct set *set = s->leg->set;
	uint64_t newest = s->sequence;

	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		const struct scan *other = &set->scans[i];

		if (!other->leg || !other->has_head ||
		    !leg_is_current(other->leg))
			continue;
		if (other->sequence > newest)
			newest = other->sequence;
		if (other->seen_max > newest)
			newest = other->seen_max;
	}
	return newest - s->sequence;
}

static enum raid_source
scan_source(const struct scan *s)
{
	if (!s->leg || !s->has_head)
		return SOURCE_NOTHING;
	if (!leg_is_current(s->leg) || (s->res == 0 && scan_lag(s) > 1))
		return SOURCE_OLD;
	return s->res == 0 ? SOURCE_WHOLE : SOURCE_DAMAGED;
}

static bool
scan_is_better(const struct scan *a, const struct scan *b)
{
	enum raid_source source = scan_source(a);

	if (source != scan_source(b))
		return source < scan_source(b);
	if (source == SOURCE_OLD && leg_epoch(a->leg) != leg_epoch(b->leg))
		return leg_epoch(a->leg) > leg_epoch(b->leg);
	if ((a->res == 0) != (b->res == 0))
		return a->res == 0;
	return a->sequence > b->sequence;
}

static struct scan *
salvage_best(struct set *set)
{
	struct scan *best = &set->scans[0];

	for (uint32_t i = 1; i < set->raid->sb.geometry.legs; i++)
		if (scan_is_better(&set->scans[i], best))
			best = &set->scans[i];
	return best;
}

/*
 * What else a leg is good for.  One that is in-sync, but with a damaged
 * journal, holds all that was acknowledged; any other may verify by the set's
 * sums, if these are known to be the newest.
 */
static void
salvage_use_leg(struct set *set, const struct scan *ref, struct leg *leg)
{
	const struct scan *s = &set->scans[leg->index];
	enum raid_source source = set->salvage.source;
	bool main = s == ref;

	if (source == SOURCE_WHOLE && scan_source(s) == SOURCE_WHOLE)
		main |= scan_agrees(s, ref);
	/* It holds all that was acknowledged, be its metadata what it is. */
	main |= source == SOURCE_DAMAGED && leg_is_current(leg) &&
		scan_source(s) != SOURCE_OLD;
	leg->aside = !main;
	if (!main && set_metadata_is_damaged(set))
		leg_set_run(leg, RUN_OUT);
}

/* --- recovery: the leg chosen, and no other --- */

bool
set_is_recut(const struct set *set)
{
	return set->raid->recover && set->salvage.source != SOURCE_WHOLE;
}

/* In-sync legs are what a start has; the others were only looked at. */
static void
recover_whole(struct set *set)
{
	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		struct leg *leg = &set->legs[i];

		leg->aside = false;
		if (!leg->present || leg_is_current(leg))
			continue;
		leg_set_run(leg, RUN_OUT);
		set->scans[i].leg = NULL;
	}
}

static void
recover_alone(struct set *set, struct leg *chosen)
{
	struct scan *s = &set->scans[chosen->index];

	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		struct leg *leg = &set->legs[i];

		leg->aside = false;
		if (leg == chosen)
			continue;
		set->wholly_stale |= leg->bit;
		leg->why = CAUSE_OPERATOR;
		if (leg->run == RUN_IN)
			leg_set_run(leg, leg_is_current(leg) ? RUN_FAILING
							     : RUN_OUT);
	}
	/* Of the header that is not there any more the sequence may have been
	 * one more. */
	for (unsigned copy = 0; copy < 2; copy++)
		if (s->heads[copy].sequence >= set->checkpoint.head_sequence)
			set->checkpoint.head_sequence =
				s->heads[copy].sequence + 1;
	chosen->map_flip = s->copy;
}

void
salvage_go_on(struct set *set)
{
	const struct scan *s = &set->scans[set->reference];
	struct journal *j = &set->journal;
	uint64_t seen = s->seen_max > s->sequence ? s->seen_max : s->sequence;

	for (unsigned copy = 0; copy < 2; copy++)
		if (s->head_res[copy] == 0 &&
		    s->heads[copy].journal_said > seen)
			seen = s->heads[copy].journal_said;

	j->head = s->index;
	j->used = s->blocks;
	j->before_crc = s->crc;
	j->nonce = set->raid->io->ops->random(set->raid->io);
	/* Above all that is in the ring: an unreadable block in it holds one
	 * of the last that many records. */
	j->sequence = s->sequence + 1;
	if (s->cut)
		j->sequence = seen + j->ring_blocks + 1;
	replay_end(set);
	salvage_replayed(set);
	set->start = SET_READY;
}

/* What it keeps is decided, and durable: in no record it is DIRTY any more. */
static void
recut_clean_units(struct set *set)
{
	list_for_each (l, following, &set->units.lru) {
		struct unit *u = list_entry(l, struct unit, lru);

		unit_set_state(u, UNIT_CLEANING);
		unit_set_state(u, UNIT_CLEAN);
		units_remove(&set->units, u);
	}
}

static void recut_erase(struct set *set);

static void
recut_erased(struct fan *fan, int res)
{
	if (res < 0)
		fan->set->write_stopped = true;
	else
		recut_erase(fan->set);
}

/* Records of this run, too, are erased, that the checkpoint made needless: a
 * leg that lacks them did not go back (recall.c). */
static void
recut_forget(struct set *set)
{
	struct journal *j = &set->journal;

	if (j->run_blocks > j->used)
		j->run_blocks = j->used;
}

/* What lies in the rest of the ring is of no chain any more; and what cannot be
 * read there would be damage to the next start. */
static void
recut_erase(struct set *set)
{
	const struct journal *j = &set->journal;
	uint64_t left = j->ring_blocks - j->used - set->salvage.erased;
	uint64_t at = (j->head + set->salvage.erased) % j->ring_blocks;

	if (left > j->ring_blocks - at)
		left = j->ring_blocks - at;
	if (left > SB_BYTES / 4096)
		left = SB_BYTES / 4096;
	set->salvage.erased += left;
	if (left == 0) {
		set->start = SET_SERVING;
		return;
	}
	fan_begin(&set->start_fan, set, CAUSE_APPEND, recut_erased);
	fan_write(&set->start_fan,
		  set->raid->sb.layout.journal_offset + at * 4096, left * 4096,
		  set->raid->zeros, true);
	fan_end(&set->start_fan);
}

void
salvage_recut(struct set *set)
{
	struct salvage *sv = &set->salvage;
	const struct checkpoint *ck = &set->checkpoint;

	if (set->write_stopped) {
		set->start = SET_SERVING;
	} else if (set->units.resync > 0) {
		return;
	} else if (!sv->said) {
		sv->said = true;
		sv->head = ck->head_sequence;
		recut_clean_units(set);
		checkpoint_want(set);
	} else if (ck->state == CK_IDLE && sv->erased == 0 &&
		   ck->head_sequence != sv->head) {
		recut_forget(set);
		recut_erase(set);
	}
}

bool
salvage_choose(struct set *set)
{
	struct scan *ref = salvage_best(set);

	set->salvage.source = scan_source(ref);
	set->salvage.behind = ref->leg && ref->has_head && scan_lag(ref) > 0;
	if (set->salvage.source == SOURCE_NOTHING) {
		raid_note(set->raid, NOTE_SET_UNUSABLE, set, NULL, -ENODATA, 0,
			  0);
		set->start = set->raid->recover ? SET_UNUSABLE : SET_READY;
		return true;
	}
	if (set->raid->recover && set->salvage.source == SOURCE_WHOLE) {
		recover_whole(set);
		return false;
	}
	set->reference = (int)(ref - set->scans);
	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		struct leg *leg = &set->legs[i];

		if (!leg->present)
			continue;
		leg_set_run(leg, RUN_IN);
		salvage_use_leg(set, ref, leg);
	}
	if (set->raid->recover)
		recover_alone(set, ref->leg);
	set->salvage.map_blocks_lost = 0;
	set->salvage.regions_unknown = 0;
	set->salvage.narrow = false;
	set->at = 0;
	reference_read_map(set);
	return true;
}

/* --- a map with holes --- */

void
salvage_lose_map_block(struct set *set, uint64_t index)
{
	uint64_t first = index * MAP_ENTRIES;

	set->salvage.map_blocks_lost++;
	for (uint64_t i = first;
	     i < first + MAP_ENTRIES && i < set->regions; i++)
		map_set(set, i, map_entry_of(SLOT_UNKNOWN, true, 0, 0));
}

void
salvage_replayed(struct set *set)
{
	set->salvage.regions_unknown = 0;
	for (uint64_t i = 0; i < set->regions; i++)
		if (map_slot(set->map[i]) == SLOT_UNKNOWN)
			set->salvage.regions_unknown++;
}

/* --- the report --- */

uint32_t
salvage_in_sync(const struct set *set)
{
	uint32_t count = 0;

	if (set->salvage.source != SOURCE_WHOLE)
		return 0;
	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++)
		count += set->legs[i].run == RUN_IN && !set->legs[i].aside;
	return count;
}

static void
salvage_report_scan(const struct set *set, struct raid_salvage *out)
{
	const struct scan *s = &set->scans[set->reference];

	out->leg = (uint32_t)set->reference;
	out->epoch = leg_epoch(s->leg);
	out->changed_s =
		sb_place_const(&set->raid->sb, set->index, out->leg)->changed_s;
	out->journal_first = s->heads[s->copy].journal_sequence;
	out->journal_last = s->sequence;
	out->journal_damaged = s->cut;
	out->journal_torn = s->torn || set->salvage.behind;
	out->journal_seen = s->cut ? s->seen_max : 0;
	out->unwritten_doubtful = set_metadata_is_damaged(set);
}

void
raid_salvage(const struct raid *r, uint32_t set_index, struct raid_salvage *out)
{
	const struct set *set = &r->sets[set_index];

	CHECK(set_index < r->sb.geometry.sets);
	*out = (struct raid_salvage){
		.source = set->salvage.source,
		.map_blocks_lost = set->salvage.map_blocks_lost,
		.regions_unknown = set->salvage.regions_unknown,
		.undecided_units = set->units.resync,
		.undecided_blocks = set->salvage.undecided_blocks,
		.lost_blocks = set->lost_reads,
	};
	for (uint32_t i = 0; i < r->sb.geometry.legs; i++) {
		const struct leg *leg = &set->legs[i];

		if (out->source != SOURCE_NOTHING && leg->run == RUN_IN)
			out->use[i] = leg->aside ? USE_ASIDE : USE_MAIN;
	}
	if (out->source != SOURCE_NOTHING)
		salvage_report_scan(set, out);
}
