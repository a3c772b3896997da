/* SPDX-License-Identifier: MIT */
/*
 * After a run, in a process of its own: metadata is damaged, on all legs as it
 * may be, and then the array is salvaged (R24).
 *
 *  - Not a byte is written (sim_io.c).
 *  - What is read is what a start would have to return, if each set is read
 *    from in-sync legs; else what was there some time; or EIO.
 *  - Recovery from the legs whose metadata counts serves, and reads all that
 *    they gave before; what is then written is there after the next start,
 *    which is a start like any other.
 *  - With nothing left of a set it is refused, and nothing is written either.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "sim.h"

#define WRITES 8u

static bool
salvage_answered(struct sim *s, void *arg)
{
	(void)s;
	return !((struct slot *)arg)->busy;
}

static int
salvage_do(struct sim *s, enum raid_op op, uint64_t block)
{
	struct slot *slot = client_send(s, op, op == RAID_WRITE ? RAID_FUA : 0,
					block * ORACLE_BLOCK, ORACLE_BLOCK);

	if (!sim_run_until(s, salvage_answered, slot, SIM_ANSWER_NS))
		sim_fail(s, "sim", "a run ended in a salvage");
	return slot->res;
}

static uint64_t
salvage_blocks(const struct sim *s)
{
	return s->oracle.granules * s->oracle.granule_bytes / ORACLE_BLOCK;
}

static void
salvage_rot(struct sim *s, unsigned member, enum sim_area area)
{
	struct rng *r = &s->storm;
	uint64_t offset, length;

	sim_area_range(s, area, &offset, &length);
	for (uint64_t n = rng_between(r, 1, 4); n > 0; n--) {
		uint64_t at = offset + rng_below(r, length);

		/* What is lost by a disk that lies stays unreadable. */
		if (rng_percent(r, 80) || s->options.lies != LIES_NONE)
			(void)disk_flip(&s->member[member].disk, at, 1);
		else
			(void)disk_make_bad(&s->member[member].disk,
					    at - at % ORACLE_BLOCK,
					    ORACLE_BLOCK);
	}
}

static uint32_t
salvage_damage(struct sim *s)
{
	struct rng *r = &s->storm;
	uint32_t mask = sim_all_members(s);

	faults_heal(s);
	if (rng_percent(r, 40))
		mask = (uint32_t)rng_between(r, 1, mask);
	for (unsigned i = 0; i < s->members; i++) {
		if (rng_percent(r, 60))
			salvage_rot(s, i, AREA_JOURNAL);
		if (rng_percent(r, 20))
			salvage_rot(s, i, AREA_MAP);
		if (rng_percent(r, 10))
			salvage_rot(s, i, AREA_SUMS);
	}
	return mask;
}

static struct raid_salvage
salvage_set(const struct sim *s, unsigned set)
{
	struct raid_salvage out;

	raid_salvage(s->raid, set, &out);
	return out;
}

/* Is the newest known of every set?  What was discarded may be there again if
 * the record that said so is lost. */
static bool
salvage_is_exact(const struct sim *s)
{
	const struct options *o = &s->options;

	if (s->has_forced || o->unbounded || o->lies != LIES_NONE)
		return false;
	for (unsigned i = 0; i < s->members; i++)
		if (s->member[i].tainted)
			return false;
	for (unsigned set = 0; set < o->geometry.sets; set++) {
		enum raid_source source = salvage_set(s, set).source;

		if (source == SOURCE_OLD ||
		    (source == SOURCE_DAMAGED &&
		     o->weights[RAID_DISCARD] + o->weights[RAID_ZEROES] > 0))
			return false;
	}
	return true;
}

static bool
salvage_start(struct sim *s, uint32_t mask)
{
	if (!sim_start_rescue(s, mask, false))
		return false;
	if (!sim_wait_started(s))
		sim_fail(s, "R24", "no salvage: %d", s->start_res);
	s->oracle.old = !salvage_is_exact(s);
	return true;
}

/* Bit per block: it could be read.  Those marked before must still be. */
static void
salvage_read(struct sim *s, uint8_t *readable, bool again)
{
	for (uint64_t b = 0; b < salvage_blocks(s); b++) {
		int res = salvage_do(s, RAID_READ, b);

		if (again && readable[b] && res != 0)
			sim_fail(s, "R24", "block %llu of the array could be "
				 "read before, and cannot now",
				 (unsigned long long)b);
		readable[b] = res == 0;
	}
}

/* The legs by whose metadata sets are read; 0: one has none. */
static uint32_t
salvage_main_legs(const struct sim *s)
{
	unsigned legs = s->options.geometry.legs;
	uint32_t mask = 0;

	for (unsigned set = 0; set < s->options.geometry.sets; set++) {
		struct raid_salvage r = salvage_set(s, set);

		if (r.source == SOURCE_NOTHING)
			return 0;
		for (unsigned leg = 0; leg < legs; leg++)
			if (leg == r.leg || (r.source == SOURCE_WHOLE &&
					     r.use[leg] == USE_MAIN))
				mask |= 1u << (set * legs + leg);
	}
	return mask;
}

static void
salvage_stop(struct sim *s)
{
	if (!sim_stop(s))
		sim_fail(s, "sim", "a run ended in a salvage");
}

static void
recover_is_refused(struct sim *s, uint32_t mask)
{
	uint64_t seq[SIM_LEGS_MAX];

	for (unsigned i = 0; i < s->members; i++)
		seq[i] = s->member[i].sb_sequence;
	if (sim_start_rescue(s, mask, true) && sim_wait_started(s))
		sim_fail(s, "R24", "recovered from nothing");
	if (s->watch.data_writes != 0)
		sim_fail(s, "R24", "a refused recovery writes data");
	for (unsigned i = 0; i < s->members; i++)
		if (s->member[i].sb_sequence > seq[i])
			sim_fail(s, "R24", "a refused recovery writes to %u",
				 i);
}

static void
recover_write(struct sim *s, uint64_t *written)
{
	s->oracle.old = false;
	for (unsigned i = 0; i < WRITES; i++) {
		written[i] = rng_below(&s->storm, salvage_blocks(s));
		if (salvage_do(s, RAID_WRITE, written[i]) != 0 ||
		    salvage_do(s, RAID_READ, written[i]) != 0)
			sim_fail(s, "R24", "block %llu takes no write after a "
				 "recovery", (unsigned long long)written[i]);
	}
}

/* An end like any other, a start like any other.  Where disks lie a power cut
 * takes the recovery back. */
static void
recover_goes_on(struct sim *s, uint32_t mask, const uint64_t *written)
{
	static struct assembly a;

	if (rng_percent(&s->storm, 30)) {
		salvage_stop(s);
	} else {
		bool cut = rng_percent(&s->storm, 50) &&
			   s->options.lies == LIES_NONE;

		s->end = cut ? END_CUT : END_CRASH;
		sim_carry_out_end(s);
	}
	if (!sim_assemble(s, mask, false, &a))
		sim_fail(s, "R24", "no start after a recovery: verdict %d",
			 (int)a.verdict);
	sim_start(s, &a, mask, false);
	if (!sim_wait_started(s))
		sim_fail(s, "R24", "no start after a recovery: %d",
			 s->start_res);
	for (unsigned i = 0; i < WRITES; i++)
		if (salvage_do(s, RAID_READ, written[i]) != 0)
			sim_fail(s, "R24", "block %llu was written after a "
				 "recovery", (unsigned long long)written[i]);
}

static void
salvage_recover(struct sim *s, uint32_t mask)
{
	uint8_t *readable = calloc(salvage_blocks(s), 1);
	uint64_t written[WRITES];

	CHECK(readable != NULL);
	if (!salvage_start(s, mask))
		sim_fail(s, "R24", "no second salvage");
	salvage_read(s, readable, false);
	salvage_stop(s);
	if (!sim_start_rescue(s, mask, true) || !sim_wait_started(s))
		sim_fail(s, "R24", "no recovery: %d", s->start_res);
	s->oracle.old = true;
	salvage_read(s, readable, true);
	recover_write(s, written);
	recover_goes_on(s, mask, written);
	free(readable);
}

static void
salvage_life(struct sim *s)
{
	uint32_t mask = salvage_damage(s);
	uint32_t legs;
	uint8_t *readable = calloc(salvage_blocks(s), 1);

	CHECK(readable != NULL);
	s->branch = true;
	s->faults = false;
	s->lenient = true;
	s->oracle.lenient = true;
	s->oracle.page_lost = true;
	s->oracle.peek = true;
	if (!salvage_start(s, mask))
		return;
	salvage_read(s, readable, false);
	legs = salvage_main_legs(s);
	salvage_stop(s);
	if (legs == 0)
		recover_is_refused(s, mask);
	else
		salvage_recover(s, legs);
	free(readable);
}

void
sim_salvage(struct sim *s)
{
	int status = 0;
	pid_t child;

	/* What a request wrote of a granule, nobody could tell later. */
	if (!rng_percent(&s->storm, s->options.branch_percent) ||
	    s->options.byte_percent > 0 || s->oracle.granule_bytes != 512)
		return;
	fflush(stdout);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		salvage_life(s);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	if (status != 0)
		exit(1);
}
