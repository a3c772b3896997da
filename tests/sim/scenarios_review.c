/* SPDX-License-Identifier: MIT */
/* Disks that are slow together, or hang together (R10). */
#include <errno.h>

#include "check.h"
#include "script.h"

#define M0 1u
#define M1 2u
#define BOTH (M0 | M1)

/* From now on every disk takes so long for these. */
static void
all_stall(struct sim *s, int area, int op, uint64_t ns)
{
	for (unsigned i = 0; i < s->members; i++) {
		struct rule *r = on(s, (int)i, area, op, RULE_SUBMIT,
				    RULE_STALL);

		r->again = true;
		r->stall_ns = ns;
	}
}

/* Both legs are slow to read from, all at once: reads are answered all the
 * same, none goes from one to the other for ever (R10). */
static void
slow_together(struct sim *s, unsigned variant)
{
	uint64_t bytes = variant == 0 ? BLOCK(2) : 512;
	uint64_t from_ns;

	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	for (unsigned i = 0; i < 40; i++)
		EXPECT(s, do_read(s, 0, bytes) == 0);
	all_stall(s, AREA_DATA, IO_READ, SECONDS(1) / 10);
	from_ns = s->now_ns;
	for (unsigned i = 0; i < 4; i++)
		EXPECT(s, do_read(s, 0, bytes) == 0);
	EXPECT(s, s->now_ns - from_ns < SECONDS(3));
}

/* What serves both legs stops for a while, just when one was done with a write
 * and the other not: nobody is out for it (H27), though that one has nothing
 * else to do (variants 2, 3). */
static void
hung_together(struct sim *s, unsigned variant)
{
	struct rule *r;

	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	r = on(s, (int)(variant & 1), AREA_DATA, IO_WRITE, RULE_SUBMIT,
	       RULE_STALL);
	r->stall_ns = SECONDS(30);
	client_send(s, RAID_WRITE, 0, 0, BLOCK(1));
	pass(s, SECONDS(1) / 100);
	all_stall(s, RULE_ANY, RULE_ANY, SECONDS(30));
	for (unsigned i = 1; variant < 2 && i < 4; i++)
		client_send(s, RAID_WRITE, 0, BLOCK(i), BLOCK(1));
	pass(s, SECONDS(28));
	rules_clear(s);
	EXPECT(s, sim_wait_idle(s));
	EXPECT(s, leg_state(s, 0, 0) == LEG_IN_SYNC);
	EXPECT(s, leg_state(s, 0, 1) == LEG_IN_SYNC);
}

/* A leg that hangs while its headers are read is not damaged (R10). */
static void
hung_header_is_not_damage(struct sim *s, unsigned variant)
{
	struct rule *r;

	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	r = on(s, (int)variant, AREA_MAP, IO_READ, RULE_SUBMIT, RULE_STALL);
	r->again = true;
	r->stall_ns = SECONDS(100);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, leg_state(s, 0, variant) == LEG_FAILED);
	EXPECT(s, s->notes[NOTE_LEG_DAMAGED] == 0);
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
}

/* The page of the last leg cannot be read when part of a block is written: if
 * the rest is zeros or data nobody can tell (R24). */
static void
lost_page_takes_no_part(struct sim *s, unsigned variant)
{
	struct rule *r;

	s->oracle.lenient = true;
	EXPECT(s, fail_leg(s, 0, 1) == 0);
	pass(s, SECONDS(1));
	s->guard[0] = 0;
	for (unsigned i = 0; i < 16; i++)
		EXPECT(s, do_write(s, BLOCK(16 * i), BLOCK(8), RAID_FUA) == 0);
	EXPECT(s, sim_stop(s));
	EXPECT(s, restart(s, 1));
	r = on(s, 0, AREA_SUMS, IO_READ, RULE_LAND, RULE_FAIL);
	r->res = -EIO;
	r->again = true;
	for (unsigned i = 0; i < 4; i++)
		EXPECT(s, do_write(s, BLOCK(16 * i + 12 * variant) + 512, 512,
				   0) == -EIO);
	EXPECT(s, s->notes[NOTE_PAGE_LOST] > 0);
	rules_clear(s);
	for (unsigned i = 0; i < 4; i++)
		(void)do_read(s, BLOCK(16 * i + 12 * variant), BLOCK(1));
}

const struct scenario review_scenarios[] = {
	{.name = "slow-together", .run = slow_together,
	 .hole = "R10: a read goes from one slow leg to the other for ever",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "hung-together", .run = hung_together,
	 .hole = "H27: a deadline on a common cause",
	 .variants = 4, .sets = 1, .legs = 2},
	{.name = "hung-header-is-not-damage", .run = hung_header_is_not_damage,
	 .hole = "R10: a leg that hangs is said to be damaged",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "lost-page-takes-no-part", .run = lost_page_takes_no_part,
	 .hole = "R24: what is left of a block whose page is lost is noise",
	 .variants = 2, .sets = 1, .legs = 2, .sums_max = 64, .lenient = true},
};

const unsigned review_scenario_count = ARRAY_SIZE(review_scenarios);
