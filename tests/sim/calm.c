/* SPDX-License-Identifier: MIT */
/*
 * The calm phase: nothing goes wrong any more.  Every request is answered,
 * what is to be resynced is, the array stops cleanly; the members then hold
 * the same bytes, and a new start reads back everything.  Damage done before
 * is still there to be found.
 */
#include <stdlib.h>

#include "check.h"
#include "sim.h"

#define CALM_READ_BYTES (64u << 10)
#define CALM_RESYNC_NS (3600ull * 1000000000ull)

static bool
calm_answered(struct sim *s, void *arg)
{
	(void)s;
	return !((struct slot *)arg)->busy;
}

static void
calm_do(struct sim *s, enum raid_op op, uint64_t offset, uint64_t length)
{
	struct slot *slot = client_send(s, op, 0, offset, length);

	if (!sim_run_until(s, calm_answered, slot, SIM_ANSWER_NS))
		sim_fail(s, "sim", "a run ended in the calm phase");
}

void
sim_read_all(struct sim *s)
{
	uint64_t bytes = s->oracle.granules * s->oracle.granule_bytes;

	for (uint64_t at = 0; at < bytes; at += CALM_READ_BYTES) {
		uint64_t length = bytes - at < CALM_READ_BYTES ?
			bytes - at : CALM_READ_BYTES;

		calm_do(s, RAID_READ, at, length);
		calm_do(s, RAID_MAP, at, length);
	}
}

static bool
calm_resynced(struct sim *s, void *arg)
{
	struct raid_status *st = arg;

	raid_status(s->raid, st);
	for (unsigned set = 0; set < s->options.geometry.sets; set++)
		if (st->sets[set].resync_units != 0)
			return false;
	return true;
}

static void
calm_stop(struct sim *s)
{
	if (!sim_stop(s))
		sim_fail(s, "sim", "a run ended in the calm phase");
	if (!s->lenient)
		sim_check_members(s);
}

void
sim_calm(struct sim *s)
{
	static struct assembly a;
	struct raid_status *st = malloc(sizeof(*st));

	CHECK(st != NULL);
	sim_begin_run(s, SIM_RUN_CALM);
	trace_add(&s->trace, s->now_ns, TRACE_PHASE, "calm", 0, 0, 0, 0);
	client_run(s, s->options.calm_requests);
	sim_wait_idle(s);
	if (!s->lenient)
		sim_run_until(s, calm_resynced, st, CALM_RESYNC_NS);
	sim_read_all(s);
	calm_do(s, RAID_FLUSH, 0, 0);
	sim_pass_time(s, 20000000000);
	raid_check(s->raid);
	calm_stop(s);
	if (!sim_assemble(s, sim_all_members(s), false, &a) &&
	    !s->has_forced)
		sim_fail(s, "R15", "no start after a clean stop: verdict %d",
			 (int)a.verdict);
	if (a.verdict == ASSEMBLE_START) {
		sim_start(s, &a, sim_all_members(s), false);
		sim_wait_started(s);
		sim_read_all(s);
		raid_check(s->raid);
		calm_stop(s);
	}
	free(st);
}
