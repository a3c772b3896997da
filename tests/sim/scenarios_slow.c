/* SPDX-License-Identifier: MIT */
/* Disks that take their time (R10). */
#include "check.h"
#include "script.h"

#define M0 1u
#define M1 2u
#define BOTH (M0 | M1)

/* From now on the disk takes so long for these. */
static struct rule *
stalls(struct sim *s, int member, int area, int op, uint64_t ns)
{
	struct rule *r = on(s, member, area, op, RULE_SUBMIT, RULE_STALL);

	r->again = true;
	r->stall_ns = ns;
	return r;
}

static uint64_t
took(struct sim *s, uint64_t since_ns)
{
	return s->now_ns - since_ns;
}

/* Both blocks written, nothing in memory that the disks are not asked for. */
static void
write_two(struct sim *s)
{
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
}

/* One leg does not answer any more: it is out in time, what waited for it is
 * answered, and what it does when it wakes up is nobody's business (I31). */
static void
hung_leg_is_evicted(struct sim *s, unsigned variant)
{
	static const int ops[] = {IO_WRITE, IO_FLUSH, RULE_ANY};
	uint64_t from_ns;

	write_two(s);
	from_ns = s->now_ns;
	stalls(s, 0, RULE_ANY, ops[variant % 3], SECONDS(40));
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	EXPECT(s, do_flush(s) == 0);
	EXPECT(s, took(s, from_ns) < SECONDS(12));
	EXPECT(s, leg_state(s, 0, 0) == LEG_FAILED);
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
	if (variant >= 3)
		pass(s, SECONDS(60)); /* all has landed */
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
	EXPECT(s, sim_stop(s));
}

/* The last leg does not answer: it is waited for. */
static void
hung_last_leg_is_waited_for(struct sim *s, unsigned variant)
{
	(void)variant;
	write_two(s);
	EXPECT(s, fail_leg(s, 0, 0) == 0);
	pass(s, SECONDS(1));
	stalls(s, 1, RULE_ANY, RULE_ANY, SECONDS(40));
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
	EXPECT(s, leg_state(s, 0, 1) == LEG_IN_SYNC);
}

/* A slow read is asked of the other leg, whole blocks (variants 0, 1) or part
 * of one; the leg stays, and what it reads at last goes nowhere (I21). */
static void
slow_read_is_asked_elsewhere(struct sim *s, unsigned variant)
{
	struct rule *r;
	uint64_t bytes = variant < 2 ? BLOCK(2) : 512;
	uint64_t from_ns;

	write_two(s);
	r = stalls(s, (int)(variant & 1), AREA_DATA, IO_READ, SECONDS(3));
	from_ns = s->now_ns;
	for (unsigned i = 0; i < 8; i++)
		EXPECT(s, do_read(s, 0, bytes) == 0);
	EXPECT(s, r->hits > 0);
	EXPECT(s, took(s, from_ns) < SECONDS(1));
	EXPECT(s, s->notes[NOTE_LEG_SLOW] > 0);
	EXPECT(s, do_write(s, 100, 200, 0) == 0);
	EXPECT(s, took(s, from_ns) < SECONDS(1));
	pass(s, SECONDS(5));
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
	EXPECT(s, leg_state(s, 0, variant & 1) == LEG_IN_SYNC);
	EXPECT(s, sim_stop(s));
	sim_check_members(s);
}

/* Slow, and the only one with a good copy: it is waited for. */
static void
slow_leg_with_the_only_copy(struct sim *s, unsigned variant)
{
	struct disk *d = &s->member[0].disk;

	write_two(s);
	EXPECT(s, disk_flip(d, s->layout.data_offset + 5, 1));
	stalls(s, 1, AREA_DATA, IO_READ, SECONDS(2));
	for (unsigned i = 0; i < 4; i++)
		EXPECT(s, do_read(s, variant == 0 ? 0 : 512,
				  variant == 0 ? BLOCK(2) : 512) == 0);
	EXPECT(s, s->notes[NOTE_LOST_BLOCK] == 0);
}

/* Pages of sums are read from the other leg, too. */
static void
slow_page_is_asked_elsewhere(struct sim *s, unsigned variant)
{
	uint64_t from_ns;

	client_run(s, 600);
	EXPECT(s, sim_wait_idle(s));
	EXPECT(s, sim_stop(s));
	EXPECT(s, restart(s, BOTH));
	stalls(s, (int)variant, AREA_SUMS, IO_READ, SECONDS(4));
	from_ns = s->now_ns;
	sim_read_all(s);
	EXPECT(s, took(s, from_ns) < SECONDS(30));
	EXPECT(s, s->notes[NOTE_PAGE_LOST] == 0);
}

/* After a crash a leg hangs while its units are resynced, or while it is
 * looked at: the array serves without it. */
static void
hung_leg_in_recovery(struct sim *s, unsigned variant)
{
	uint64_t from_ns;

	client_run(s, 300);
	pass(s, SECONDS(1) / 20);
	power_cut(s, FATE_DRAW);
	rules_clear(s);
	stalls(s, (int)(variant & 1),
	       variant < 2 ? AREA_DATA : AREA_JOURNAL, IO_READ, SECONDS(100));
	from_ns = s->now_ns;
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	sim_read_all(s);
	EXPECT(s, took(s, from_ns) < SECONDS(60));
	EXPECT(s, leg_state(s, 0, variant & 1) != LEG_IN_SYNC);
}

const struct scenario slow_scenarios[] = {
	{.name = "hung-leg-is-evicted", .run = hung_leg_is_evicted,
	 .hole = "R10, I31: a disk that hangs stops everything",
	 .variants = 6, .sets = 1, .legs = 2},
	{.name = "hung-last-leg-is-waited-for",
	 .run = hung_last_leg_is_waited_for,
	 .hole = "R7: the last leg is out for slowness",
	 .sets = 1, .legs = 2},
	{.name = "slow-read-is-asked-elsewhere",
	 .run = slow_read_is_asked_elsewhere,
	 .hole = "H11, I21: a late read lands in a buffer in use",
	 .variants = 4, .sets = 1, .legs = 2},
	{.name = "slow-leg-with-the-only-copy",
	 .run = slow_leg_with_the_only_copy,
	 .hole = "R10: slow is taken for lost",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "slow-page-is-asked-elsewhere",
	 .run = slow_page_is_asked_elsewhere,
	 .hole = "R10: a page waits for a slow leg",
	 .variants = 2, .sets = 1, .legs = 2, .sums_max = 64},
	{.name = "hung-leg-in-recovery", .run = hung_leg_in_recovery,
	 .hole = "R10: recovery waits for a leg that hangs",
	 .variants = 4, .sets = 1, .legs = 2},
};

const unsigned slow_scenario_count = ARRAY_SIZE(slow_scenarios);
