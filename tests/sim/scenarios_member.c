/* SPDX-License-Identifier: MIT */
/*
 * Legs that fail, epochs, who may start, and the last leg.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "script.h"

/* Members of two sets of two: 0.0, 0.1, 1.0, 1.1. */
#define M00 1u
#define M01 2u
#define M10 4u
#define M11 8u

/* 0.0 fails a write; the epoch without it reaches 0.1 only; power fails. */
static void
epoch_on_one_member(struct sim *s)
{
	struct rule *hold[4];
	struct rule *fail;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	fail = on(s, 0, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_FAIL);
	fail->res = -EIO;
	for (int i = 0; i < 2; i++)
		for (int end = 0; end < 2; end++)
			hold[i * 2 + end] = on(s, 2 + i, AREA_SUPERBLOCK,
					       IO_WRITE, RULE_SUBMIT,
					       RULE_HOLD);
	s->member[0].tainted = true;
	client_send(s, RAID_WRITE, RAID_FUA, 0, BLOCK(1));
	EXPECT(s, await_rule(s, hold[0], 1));
	pass(s, SECONDS(1));
	EXPECT(s, s->client.busy == 1);
	power_cut(s, FATE_DROP);
}

static void
epoch_not_in_force_is_adopted(struct sim *s, unsigned variant)
{
	(void)variant;
	epoch_on_one_member(s);
	if (restart(s, M01 | M10)) {
		EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
		power_cut(s, FATE_DROP);
	}
	/* Either it waits, or what was acknowledged is there. */
	if (restart(s, M00 | M10 | M11))
		sim_read_all(s);
}

static void
sibling_epochs_lose_nothing(struct sim *s, unsigned variant)
{
	struct rule *fail;

	(void)variant;
	epoch_on_one_member(s);
	EXPECT(s, restart(s, M00 | M10 | M11));
	fail = on(s, 2, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_FAIL);
	fail->res = -EIO;
	EXPECT(s, do_write(s, on_set(s, 1), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	if (restart(s, M01 | M10))
		sim_read_all(s);
}

/* The leg left behind by an honest crash is stale, not a fork. */
static void
honest_crash_is_no_fork(struct sim *s, unsigned variant)
{
	(void)variant;
	epoch_on_one_member(s);
	EXPECT(s, restart(s, M00 | M10 | M11));
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, M00 | M01 | M10 | M11));
	EXPECT(s, leg_state(s, 0, 1) != LEG_IN_SYNC);
	sim_read_all(s);
}

/* Away for more epochs than the history holds. */
static void
long_absence_is_no_fork(struct sim *s, unsigned variant)
{
	(void)variant;
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	EXPECT(s, sim_stop(s));
	for (unsigned i = 0; i < SB_HISTORY + 8; i++) {
		EXPECT(s, restart(s, M00 | M10 | M11));
		EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
		if (i % 2 == 0)
			EXPECT(s, sim_stop(s));
		else
			power_cut(s, FATE_DRAW);
	}
	EXPECT(s, restart(s, M00 | M01 | M10 | M11));
	EXPECT(s, leg_state(s, 0, 1) != LEG_IN_SYNC);
	sim_read_all(s);
}

/* A leg fails something: nothing is lost and the other goes on. */
static void
leg_fails(struct sim *s, unsigned variant)
{
	static const struct {
		int area, op;
	} what[] = {
		{AREA_DATA, IO_WRITE},	     {AREA_JOURNAL, IO_WRITE},
		{AREA_NONE, IO_FLUSH},	     {AREA_SUMS, IO_WRITE},
		{AREA_MAP, IO_WRITE},
	};
	struct rule *r = on(s, (int)(variant & 1), what[variant / 2].area,
			    what[variant / 2].op, RULE_SUBMIT, RULE_FAIL);

	r->res = -EIO;
	s->guard[0] = !(variant & 1);
	client_run(s, 1000);
	EXPECT(s, sim_wait_idle(s));
	EXPECT(s, r->hits == 1);
	EXPECT(s, leg_state(s, 0, variant & 1) == LEG_FAILED);
	EXPECT(s, leg_state(s, 0, !(variant & 1)) == LEG_IN_SYNC);
	sim_read_all(s);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, M00 | M01 | M10 | M11));
	EXPECT(s, leg_state(s, 0, variant & 1) == LEG_FAILED);
	sim_read_all(s);
}

/* Nothing is acknowledged before the epoch without it is in force (R2). */
static void
ack_waits_for_the_epoch(struct sim *s, unsigned variant)
{
	epoch_on_one_member(s);
	if (variant == 0)
		EXPECT(s, restart(s, M00 | M01 | M10 | M11));
	else if (!restart(s, M00 | M10 | M11))
		return;
	sim_read_all(s);
}

/* One set: with a leg missing it waits, and is started by force only. */
static void
half_a_pair_waits(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, !restart(s, 1u << variant));
	EXPECT(s, restart_forced(s, 1u << variant));
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	sim_read_all(s);
	EXPECT(s, sim_stop(s));
	/* The other went nowhere: it is behind, or a fork; not in-sync. */
	EXPECT(s, restart(s, 3));
	EXPECT(s, leg_state(s, 0, !variant) != LEG_IN_SYNC);
	sim_read_all(s);
}

/* After a failed flush the last leg takes nothing more (R7). */
static void
last_leg_fails_a_flush(struct sim *s, unsigned variant)
{
	struct rule *r;

	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	EXPECT(s, fail_leg(s, 0, 1) == 0);
	pass(s, SECONDS(1));
	s->guard[0] = 0;
	EXPECT(s, fail_leg(s, 0, 0) == -EBUSY);
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	r = on(s, 0, variant == 0 ? RULE_ANY : AREA_JOURNAL,
	       variant == 0 ? IO_FLUSH : IO_WRITE, RULE_SUBMIT, RULE_FAIL);
	r->res = -EIO;
	if (variant == 1)
		EXPECT(s, do_write(s, BLOCK(40), BLOCK(1), RAID_FUA) == -EIO);
	EXPECT(s, do_flush(s) == -EIO);
	EXPECT(s, do_flush(s) == -EIO);
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), 0) == -EIO);
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), RAID_FUA) == -EIO);
	EXPECT(s, do_read(s, BLOCK(1), BLOCK(1)) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, 1));
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	EXPECT(s, do_flush(s) == 0);
}

/* What a failed write left on the last leg is old or new, not an error. */
static void
last_leg_fails_a_write(struct sim *s, unsigned variant)
{
	struct rule *r;

	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	EXPECT(s, fail_leg(s, 0, 1) == 0);
	pass(s, SECONDS(1));
	s->guard[0] = 0;
	r = on(s, 0, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_FAIL);
	r->res = -EIO;
	EXPECT(s, do_write(s, 0, BLOCK(1), variant == 0 ? 0 : RAID_FUA) ==
	       -EIO);
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_flush(s) == 0);
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, 1));
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
}

/* An epoch that cannot come into force answers EIO to what waits for it. */
static void
epoch_that_cannot_be(struct sim *s, unsigned variant)
{
	struct rule *sb, *data;

	(void)variant;
	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, fail_leg(s, 1, 1) == 0);
	pass(s, SECONDS(1));
	sb = on(s, 2, AREA_SUPERBLOCK, IO_WRITE, RULE_SUBMIT, RULE_FAIL);
	sb->res = -EIO;
	sb->again = true;
	data = on(s, 0, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_FAIL);
	data->res = -EIO;
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == -EIO);
	EXPECT(s, do_read(s, BLOCK(1), BLOCK(3)) == 0);
	power_cut(s, FATE_DROP);
	if (restart(s, M00 | M10))
		sim_read_all(s);
}

/* The only leg left by an epoch fails to write it: that stays its child. */
static void
eviction_is_not_taken_back(struct sim *s, unsigned variant)
{
	struct rule *data, *sb;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	data = on(s, 0, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_FAIL);
	data->res = -EIO;
	sb = on(s, 1, AREA_SUPERBLOCK, IO_WRITE,
		variant == 0 ? RULE_SUBMIT : RULE_LAND, RULE_FAIL);
	sb->res = -EIO;
	sb->again = true;
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == -EIO);
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), RAID_FUA) == -EIO);
	EXPECT(s, do_read(s, BLOCK(2), BLOCK(1)) == 0);
	power_cut(s, FATE_DROP);
	if (restart(s, M01))
		sim_read_all(s);
}

/* A member went back in time: it lost what it had acknowledged. */
static void
leg_went_back_in_time(struct sim *s, unsigned variant)
{
	struct disk old;
	struct disk *d = &s->member[0].disk;

	EXPECT(s, do_write(s, 0, BLOCK(8), RAID_FUA) == 0);
	EXPECT(s, do_flush(s) == 0);
	disk_copy_media(&old, d);
	for (unsigned i = 0; i < 8; i++)
		EXPECT(s, do_write(s, BLOCK(i), BLOCK(2), RAID_FUA) == 0);
	if (variant == 0)
		EXPECT(s, sim_stop(s));
	else
		power_cut(s, FATE_KEEP);
	disk_put_media(d, &old);
	disk_fini(&old);
	EXPECT(s, restart(s, M00 | M01 | M10 | M11));
	EXPECT(s, leg_state(s, 0, 0) != LEG_IN_SYNC);
	sim_read_all(s);
}

/* A journal block rots: that leg is out; alone, it does not start. */
static void
journal_is_damaged(struct sim *s, unsigned variant)
{
	struct disk *d = &s->member[0].disk;

	for (unsigned i = 0; i < 6; i++)
		EXPECT(s, do_write(s, BLOCK(i), BLOCK(1), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, disk_flip(d, s->layout.journal_offset + BLOCK(variant / 2) +
			    200, 1));
	if (variant % 2 == 1) {
		static struct assembly a;

		EXPECT(s, sim_assemble(s, M00 | M10 | M11, false, &a));
		sim_start(s, &a, M00 | M10 | M11, false);
		if (sim_wait_started(s))
			sim_read_all(s);
		return;
	}
	EXPECT(s, restart(s, M00 | M01 | M10 | M11));
	sim_read_all(s);
}

/* An older sum does not vouch for a leg that lost a write. */
static void
lost_write_is_noticed(struct sim *s, unsigned variant)
{
	struct rule *r;

	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	r = on(s, 0, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_DROP);
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, r->hits == 1);
	pass(s, SECONDS(120));
	power_cut(s, FATE_DROP);
	if (variant == 0) {
		EXPECT(s, restart(s, M01 | M10 | M11 | M00));
		EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
		return;
	}
	EXPECT(s, restart(s, M00 | M10 | M11));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == -EIO);
}

/* All legs stand still for 12 s: none is evicted for it. */
static void
common_stall_evicts_nobody(struct sim *s, unsigned variant)
{
	struct rule *r[2];
	struct slot *slot;

	(void)variant;
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	for (int i = 0; i < 2; i++)
		r[i] = on(s, i, RULE_ANY, IO_WRITE, RULE_SUBMIT, RULE_HOLD);
	slot = client_send(s, RAID_WRITE, RAID_FUA, 0, BLOCK(1));
	EXPECT(s, await_rule(s, r[0], 1) && await_rule(s, r[1], 1));
	pass(s, SECONDS(12));
	rule_release(s, r[0]);
	rule_release(s, r[1]);
	EXPECT(s, await(s, slot) == 0);
	EXPECT(s, leg_state(s, 0, 0) == LEG_IN_SYNC);
	EXPECT(s, leg_state(s, 0, 1) == LEG_IN_SYNC);
}

/* A bad copy is healed, from either leg, and both legs agree again. */
static void
bad_copy_is_healed(struct sim *s, unsigned variant)
{
	struct disk *d = &s->member[variant & 1].disk;
	uint64_t at = s->layout.data_offset + BLOCK(2) + 1000;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, do_flush(s) == 0);
	if (variant < 2)
		EXPECT(s, disk_flip(d, at, 1));
	else
		EXPECT(s, disk_make_bad(d, at / 512 * 512, 512));
	for (unsigned i = 0; i < 8; i++)
		EXPECT(s, do_read(s, BLOCK(2), BLOCK(1 + i / 4)) == 0);
	pass(s, SECONDS(10));
	EXPECT(s, !d->flips[0].live && !d->bad[0].live);
	EXPECT(s, s->notes[NOTE_REPAIRED] > 0);
	EXPECT(s, sim_stop(s));
	sim_check_members(s);
}

const struct scenario member_scenarios[] = {
	{.name = "epoch-not-in-force-is-adopted",
	 .run = epoch_not_in_force_is_adopted,
	 .hole = "H3a: an adopted epoch is not durable", .sets = 2, .legs = 2},
	{.name = "sibling-epochs-lose-nothing",
	 .run = sibling_epochs_lose_nothing,
	 .hole = "H3b: an epoch that never was in force starts an array",
	 .sets = 2, .legs = 2},
	{.name = "ack-waits-for-the-epoch", .run = ack_waits_for_the_epoch,
	 .hole = "R2, I10: an answer before the epoch is in force",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "half-a-pair-waits", .run = half_a_pair_waits,
	 .hole = "R15: a leg alone starts, and then the other",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "leg-fails", .run = leg_fails,
	 .hole = "R2: each thing that can fail evicts, and loses nothing",
	 .variants = 10, .sets = 2, .legs = 2, .sums_max = 64},
	{.name = "journal-is-damaged", .run = journal_is_damaged,
	 .hole = "H9: a damaged record reads as the end", .variants = 8,
	 .sets = 2, .legs = 2, .lenient = true},
	{.name = "last-leg-fails-a-flush", .run = last_leg_fails_a_flush,
	 .hole = "H10: the next flush says yes", .variants = 2,
	 .sets = 1, .legs = 2, .lenient = true},
	{.name = "epoch-that-cannot-be", .run = epoch_that_cannot_be,
	 .hole = "H19: a last leg that cannot write its superblock",
	 .sets = 2, .legs = 2, .lenient = true},
	{.name = "eviction-is-not-taken-back",
	 .run = eviction_is_not_taken_back,
	 .hole = "H20: an epoch is taken back", .variants = 2,
	 .sets = 1, .legs = 2, .lenient = true},
	{.name = "leg-went-back-in-time", .run = leg_went_back_in_time,
	 .hole = "H21: a leg that lost appends is taken for in-sync",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "lost-write-is-noticed", .run = lost_write_is_noticed,
	 .hole = "H24: an older sum vouches", .variants = 2,
	 .sets = 2, .legs = 2, .lenient = true},
	{.name = "honest-crash-is-no-fork", .run = honest_crash_is_no_fork,
	 .hole = "H26: a stale leg is refused as a fork",
	 .sets = 2, .legs = 2},
	{.name = "common-stall-evicts-nobody",
	 .run = common_stall_evicts_nobody,
	 .hole = "H27: a deadline on a common cause", .sets = 1, .legs = 2},
	{.name = "last-leg-fails-a-write", .run = last_leg_fails_a_write,
	 .hole = "H28: an error for ever", .variants = 2,
	 .sets = 1, .legs = 2, .lenient = true},
	{.name = "long-absence-is-no-fork", .run = long_absence_is_no_fork,
	 .hole = "H29: more epochs than the history holds",
	 .sets = 2, .legs = 2},
	{.name = "bad-copy-is-healed", .run = bad_copy_is_healed,
	 .hole = "R11: read repair", .variants = 4, .sets = 1, .legs = 2},
};

const unsigned member_scenario_count = ARRAY_SIZE(member_scenarios);
