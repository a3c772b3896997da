/* SPDX-License-Identifier: MIT */
/*
 * The calm phase: nothing goes wrong any more.  Every request is answered,
 * what is to be resynced is, a start without requests writes no data, the
 * array stops cleanly; the members then hold the same bytes, and a new start
 * reads back everything.  Damage done before is still there to be found.
 */
#include <stdlib.h>

#include "check.h"
#include "sim.h"

#define CALM_READ_BYTES (64u << 10)
#define CALM_RESYNC_NS (60ull * 1000000000ull)

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

/* Within bounded time all that is to be resynced is (I19, I32). */
static void
calm_resync(struct sim *s)
{
	struct raid_status *st = malloc(sizeof(*st));

	CHECK(st != NULL);
	if (!sim_run_until(s, calm_resynced, st, CALM_RESYNC_NS))
		sim_fail(s, "sim", "a run ended in the calm phase");
	free(st);
}

static void
calm_stop(struct sim *s)
{
	if (!sim_stop(s))
		sim_fail(s, "sim", "a run ended in the calm phase");
	if (!s->lenient)
		sim_check_members(s);
	witness_check(s);
}

/* False: it waits for a member that is gone, or for the operator. */
static bool
calm_start(struct sim *s)
{
	static struct assembly a;

	if (!sim_assemble(s, sim_all_members(s), false, &a))
		return false;
	sim_start(s, &a, sim_all_members(s), false);
	sim_wait_started(s);
	return true;
}

/* What is on disk is what was said of it (I36). */
static void
calm_compare_status(struct sim *s)
{
	static struct assembly a;
	unsigned legs = s->options.geometry.legs;

	if (!sim_assemble(s, sim_all_members(s), false, &a))
		return;
	for (unsigned i = 0; i < s->members; i++)
		if ((s->last.legs[i].state == LEG_IN_SYNC) !=
		    sim_found_in_sync(s, &a, i / legs, i % legs))
			sim_fail(s, "I36", "leg %u.%u is not on disk what it"
				 " was said to be", i / legs, i % legs);
}

/* A start after which nobody asks for anything writes no data (I35). */
static void
calm_start_idle(struct sim *s, bool resynced)
{
	if (!calm_start(s))
		return;
	calm_resync(s);
	sim_pass_time(s, 10000000000);
	if (resynced && s->watch.data_writes != 0)
		sim_fail(s, "I35", "%llu writes of data in a run without a"
			 " request",
			 (unsigned long long)s->watch.data_writes);
}

/* The daemon dies, or power fails, when all is resynced, and again. */
static void
calm_again(struct sim *s)
{
	for (unsigned i = 0; i < s->members; i++)
		if (s->member[i].lies)
			return; /* it may have forgotten what was resynced */
	s->end = rng_percent(&s->storm, 50) ? END_CUT : END_CRASH;
	sim_carry_out_end(s);
	calm_start_idle(s, true);
}

static uint64_t
calm_in_sync(struct sim *s)
{
	uint64_t legs = 0;

	raid_status(s->raid, &s->last);
	for (unsigned i = 0; i < s->members; i++)
		legs |= (uint64_t)(s->last.legs[i].state == LEG_IN_SYNC) << i;
	return legs;
}

/* What a leg alone had is lost when so much else on it was bad that it is
 * failed: all is read again then. */
static void
calm_read_all(struct sim *s)
{
	uint64_t legs;

	do {
		legs = calm_in_sync(s);
		sim_read_all(s);
	} while (calm_in_sync(s) != legs);
}

/* All that is lost, and nothing else, is listed (I20). */
static void
calm_check_listed(struct sim *s)
{
	calm_read_all(s);
	calm_do(s, RAID_FLUSH, 0, 0);
	sim_pass_time(s, 20000000000);
	sim_check_listed(s, true);
}

/* Last legs have suffered: once more on disks that are whole.  What no leg
 * has is lost, and matches no sum: members are not compared. */
static void
calm_heal(struct sim *s)
{
	calm_check_listed(s);
	if (!sim_stop(s))
		sim_fail(s, "sim", "a run ended in the calm phase");
	faults_heal(s);
	if (!calm_start(s))
		sim_fail(s, "R15", "no start after a stop, of whole disks");
	calm_resync(s);
}

void
sim_calm(struct sim *s)
{
	sim_begin_run(s, SIM_RUN_CALM);
	trace_add(&s->trace, s->now_ns, TRACE_PHASE, "calm", 0, 0, 0, 0);
	if (s->lenient)
		calm_heal(s);
	calm_resync(s);
	calm_again(s);
	if (s->raid == NULL)
		return;
	client_run(s, s->options.calm_requests);
	sim_wait_idle(s);
	calm_check_listed(s);
	raid_check(s->raid);
	calm_stop(s);
	calm_compare_status(s);
	calm_start_idle(s, true);
	if (s->raid == NULL && !s->has_forced)
		sim_fail(s, "R15", "no start after a clean stop");
	if (s->raid == NULL)
		return;
	sim_check_listed(s, true);
	sim_read_all(s);
	raid_check(s->raid);
	calm_stop(s);
}
