/* SPDX-License-Identifier: MIT */
/* What operators see of an array: raid_status(). */
#include <string.h>

#include "set.h"

static enum raid_health
set_health(const struct raid *r, const struct set *set, uint32_t in_sync)
{
	if (in_sync == 0 || set->write_stopped)
		return HEALTH_FAILED;
	return in_sync < r->sb.geometry.legs ? HEALTH_DEGRADED : HEALTH_OPTIMAL;
}

static enum sb_leg_state
leg_state(const struct raid *r, const struct leg *leg)
{
	enum sb_leg_state state =
		sb_place_const(&r->sb, leg->set->index, leg->index)->state;

	/* The epoch that says so is still on its way. */
	if (state == LEG_IN_SYNC && leg->run != RUN_IN)
		return leg->present ? LEG_FAILED : LEG_STALE;
	return state;
}

static uint64_t
leg_oldest_ns(const struct raid *r, const struct leg *leg)
{
	const struct op *op;

	if (list_empty(&leg->ops))
		return 0;
	op = container_of(leg->ops.next, struct op, link);
	return r->now - op->since_ns;
}

static void
leg_status(const struct raid *r, const struct leg *leg,
	   struct raid_leg_status *out)
{
	const struct set *set = leg->set;

	*out = (struct raid_leg_status){
		.state = leg_state(r, leg),
		.present = leg->present,
		.read_errors = leg->verdicts[VERDICT_READ_ERROR],
		.write_errors = leg->write_errors,
		.mismatches = leg->verdicts[VERDICT_MISMATCH] +
			      leg->verdicts[VERDICT_LOST_WRITE] +
			      leg->verdicts[VERDICT_MISDIRECTED] +
			      leg->verdicts[VERDICT_PAGE_BAD],
		.repaired = leg->repaired,
		.budget_used = leg->budget_used,
		.budget = r->limits.read_error_budget,
		.in_flight = leg->in_flight,
		.oldest_ns = leg_oldest_ns(r, leg),
		.slow_reads = leg->slow_reads,
		.abandoned = leg->zombies,
	};
	memcpy(out->verdicts, leg->verdicts, sizeof(out->verdicts));
	if (out->state == LEG_IN_SYNC)
		return;
	for (uint64_t i = 0; i < set->regions; i++)
		out->stale_regions += (map_stale(set->map[i]) & leg->bit) != 0;
}

static void
set_status(const struct raid *r, const struct set *set,
	   struct raid_set_status *out)
{
	uint32_t in_sync =
		r->salvage ? salvage_in_sync(set)
			   : (uint32_t)__builtin_popcount(set->in_mask);

	*out = (struct raid_set_status){
		.health = set_health(r, set, in_sync),
		.in_sync = in_sync,
		.write_stopped = set->write_stopped,
		.dirty_units = set->units.used,
		.resync_units = units_resync_left(&set->units),
		.sums_pending = set->sums.used,
		.journal_used_bytes = set->journal.used * 4096,
		.journal_bytes = set->journal.ring_blocks * 4096,
		.lost_blocks = extents_sum(&set->lost.now[LOST_BLOCKS]),
		.lost_regions = extents_sum(&set->lost.now[LOST_PAGES]),
		.lost_more = set->lost.more,
		.lost_reads = set->lost_reads,
		.unverified_blocks = set->unverified_blocks,
		.discards_left_bytes = trim_left(set) * BLOCK_BYTES,
	};
	for (uint64_t i = 0; i < set->regions; i++)
		if (map_slot(set->map[i]) != SLOT_NONE ||
		    set->sums.per_region[i] > 0)
			out->written_bytes += BLOCK_BYTES << set->region_shift;
}

void
raid_status(const struct raid *r, struct raid_status *out)
{
	memset(out, 0, sizeof(*out));
	out->salvage = r->salvage;
	out->serving = r->phase == PHASE_SERVING;
	out->stopping = r->phase == PHASE_STOPPING;
	out->stopped = r->phase == PHASE_STOPPED;
	out->epoch = r->sb.history[0].number;
	out->epoch_in_force = r->sb.in_force_number;
	out->requests = r->requests;
	out->counters = r->counters;
	out->health = HEALTH_OPTIMAL;
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++) {
		set_status(r, &r->sets[i], &out->sets[i]);
		if (out->sets[i].health > out->health)
			out->health = out->sets[i].health;
	}
	for (uint32_t i = 0; i < r->leg_count; i++)
		leg_status(r, &r->legs[i], &out->legs[i]);
}
