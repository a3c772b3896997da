/* SPDX-License-Identifier: MIT */
/*
 * Sets that cannot start: read-only salvage of what is there, and going on
 * from it (R24).
 */
#include <errno.h>

#include "check.h"
#include "script.h"

/* Members of two sets of two: 0.0, 0.1, 1.0, 1.1. */
#define M00 1u
#define M01 2u
#define M10 4u
#define M11 8u
#define ALL (M00 | M01 | M10 | M11)

/* What a damaged journal does not say any more, nobody may be asked for. */
static void
expect_holes(struct sim *s)
{
	s->lenient = true;
	s->oracle.lenient = true;
	s->oracle.page_lost = true;
}

/* Nor is what comes now the newest: any value that was there once will do. */
static void
expect_old(struct sim *s)
{
	expect_holes(s);

	s->oracle.old = true;
}

static struct raid_salvage
report(struct sim *s, uint32_t set)
{
	struct raid_salvage out;

	raid_salvage(s->raid, set, &out);
	return out;
}

static void
rot(struct sim *s, unsigned member, uint64_t offset)
{
	EXPECT(s, disk_flip(&s->member[member].disk, offset + 200, 1));
}

static bool
starts(struct sim *s, uint32_t members)
{
	static struct assembly a;

	if (!sim_assemble(s, members, false, &a))
		return false;
	sim_start(s, &a, members, false);
	if (sim_wait_started(s))
		return true;
	daemon_dies(s);
	return false;
}

/* Records 0 to 2 say blocks 0 to 2; then rot in the same one on both legs. */
static void
damage_journal(struct sim *s, unsigned record)
{
	for (unsigned i = 0; i < 3; i++)
		EXPECT(s, do_write(s, BLOCK(i), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, on_set(s, 1), BLOCK(3), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	for (unsigned i = 0; i < 2; i++)
		rot(s, i, s->layout.journal_offset + BLOCK(record));
	expect_holes(s);
	EXPECT(s, !starts(s, ALL));
}

/* What stands before the damage is read; what may stand behind it is EIO, and
 * not zeros. */
static void
salvage_damaged_journal(struct sim *s, unsigned variant)
{
	struct raid_salvage r;

	damage_journal(s, variant);
	EXPECT(s, restart_salvage(s, ALL));
	r = report(s, 0);
	EXPECT(s, r.source == SOURCE_DAMAGED && r.journal_damaged);
	EXPECT(s, r.journal_seen > r.journal_last + 1);
	EXPECT(s, report(s, 1).source == SOURCE_WHOLE);
	for (unsigned i = 0; i < 3; i++)
		EXPECT(s, do_read(s, BLOCK(i), BLOCK(1)) ==
				  (i < variant ? 0 : -EIO));
	EXPECT(s, do_read(s, on_set(s, 1), BLOCK(3)) == 0);
	sim_read_all(s);
	EXPECT(s, sim_stop(s));
}

/* The only in-sync leg is gone: what the other one has is from before. */
static void
salvage_old_leg(struct sim *s, unsigned variant)
{
	struct raid_salvage r;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, do_write(s, on_set(s, 1), BLOCK(2), RAID_FUA) == 0);
	EXPECT(s, fail_leg(s, 0, 0) == 0);
	pass(s, SECONDS(1));
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, BLOCK(8), BLOCK(1), RAID_FUA) == 0);
	if (variant == 1)
		EXPECT(s, sim_stop(s));
	else
		power_cut(s, FATE_DROP);
	expect_old(s);
	EXPECT(s, !starts(s, M00 | M10 | M11));
	EXPECT(s, restart_salvage(s, M00 | M10 | M11));
	r = report(s, 0);
	EXPECT(s, r.source == SOURCE_OLD && r.leg == 0 && r.epoch > 0);
	EXPECT(s, r.use[0] == USE_MAIN && r.use[1] == USE_NONE);
	EXPECT(s, !r.unwritten_doubtful);
	EXPECT(s, do_read(s, 0, BLOCK(4)) == 0);
	EXPECT(s, do_read(s, on_set(s, 1), BLOCK(2)) == 0);
	sim_read_all(s);
}

/* Nothing is written, though there is enough to be mended; a start afterwards
 * finds all as it was. */
static void
salvage_changes_nothing(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(8), RAID_FUA) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	if (variant == 1) {
		EXPECT(s, do_write(s, BLOCK(4), BLOCK(2), 0) == 0);
		EXPECT(s, do_flush(s) == 0);
	}
	power_cut(s, FATE_KEEP);
	rot(s, 0, s->layout.data_offset + BLOCK(6));
	EXPECT(s, restart_salvage(s, ALL));
	EXPECT(s, report(s, 0).source == SOURCE_WHOLE);
	sim_read_all(s);
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == -EROFS);
	EXPECT(s, do_discard(s, 0, BLOCK(1)) == -EROFS);
	EXPECT(s, do_zeroes(s, 0, BLOCK(1), 0) == -EROFS);
	EXPECT(s, do_flush(s) == 0);
	EXPECT(s, fail_leg(s, 0, 1) == -EROFS);
	pass(s, SECONDS(30));
	EXPECT(s, sim_stop(s));
	EXPECT(s, restart(s, ALL));
	sim_read_all(s);
}

/* A unit was DIRTY, and nothing in it verifies: a start takes one leg's word
 * for it, a salvage does not. */
static void
salvage_takes_nothing_unverified(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	for (unsigned i = 0; i < 2; i++)
		rot(s, i, s->layout.data_offset + BLOCK(variant));
	expect_holes(s);
	EXPECT(s, restart_salvage(s, ALL));
	for (unsigned i = 0; i < 4; i++)
		EXPECT(s, do_read(s, BLOCK(i), BLOCK(1)) ==
				  (i == variant ? -EIO : 0));
	EXPECT(s, report(s, 0).lost_blocks > 0);
}

/* A map that cannot be read: what the journal says still counts.  Without a
 * header not even that. */
static void
salvage_lost_map(struct sim *s, unsigned variant)
{
	struct raid_salvage r;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, do_write(s, on_set(s, 1), BLOCK(2), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	for (unsigned i = 0; i < 4; i++)
		rot(s, i / 2, s->layout.map_offset[i % 2] +
				      (variant == 0 ? BLOCK(1) : 0));
	expect_holes(s);
	EXPECT(s, !starts(s, ALL));
	EXPECT(s, restart_salvage(s, ALL));
	r = report(s, 0);
	EXPECT(s, r.source ==
			  (variant == 0 ? SOURCE_DAMAGED : SOURCE_NOTHING));
	EXPECT(s, variant != 0 || r.map_blocks_lost > 0);
	EXPECT(s, do_read(s, 0, BLOCK(4)) == (variant == 0 ? 0 : -EIO));
	EXPECT(s, do_read(s, BLOCK(8), BLOCK(1)) == -EIO);
	EXPECT(s, do_read(s, on_set(s, 1), BLOCK(2)) == 0);
	sim_read_all(s);
}

/* A damaged journal is of an in-sync leg; another, whole, ends long before:
 * it lost what it had acknowledged, and does not become the array. */
static void
salvage_prefers_what_is_newer(struct sim *s, unsigned variant)
{
	struct disk *d = &s->member[1].disk;
	struct disk old;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	disk_copy_media(&old, d);
	for (unsigned i = 0; i < 2; i++)
		EXPECT(s, do_write(s, BLOCK(4 + i), BLOCK(1), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	disk_put_media(d, &old);
	disk_fini(&old);
	rot(s, 0, s->layout.journal_offset + BLOCK(variant));
	expect_holes(s);
	EXPECT(s, !starts(s, ALL));
	EXPECT(s, restart_salvage(s, ALL));
	EXPECT(s, report(s, 0).source == SOURCE_DAMAGED);
	EXPECT(s, report(s, 0).leg == 0);
	EXPECT(s, do_read(s, 0, BLOCK(4)) == (variant == 1 ? 0 : -EIO));
	EXPECT(s, do_read(s, BLOCK(4), BLOCK(1)) == -EIO);
	sim_read_all(s);
}

/* From now on what is read is the newest again. */
static void
expect_newest(struct sim *s)
{
	s->oracle.old = false;
}

static void
expect_written(struct sim *s, uint64_t offset)
{
	expect_newest(s);
	EXPECT(s, do_write(s, offset, BLOCK(2), RAID_FUA) == 0);
	EXPECT(s, do_read(s, offset, BLOCK(2)) == 0);
}

/* It goes on from the records before the damage, and starts by itself ever
 * after, though old records with higher numbers are in the ring. */
static void
recover_damaged_journal(struct sim *s, unsigned variant)
{
	damage_journal(s, variant % 2);
	expect_old(s);
	if (variant >= 2) {
		/* Power goes before the checkpoint counts. */
		on(s, RULE_ANY, AREA_MAP, IO_WRITE, RULE_SUBMIT, RULE_CUT);
		EXPECT(s, !restart_recover(s, ALL));
		sim_carry_out_end(s);
		EXPECT(s, !starts(s, ALL));
	}
	EXPECT(s, restart_recover(s, ALL));
	EXPECT(s, report(s, 0).source == SOURCE_DAMAGED);
	EXPECT(s, leg_state(s, 0, 0) == LEG_IN_SYNC);
	EXPECT(s, leg_state(s, 0, 1) == LEG_FAILED);
	EXPECT(s, leg_state(s, 1, 1) == LEG_IN_SYNC);
	for (unsigned i = 0; i < variant % 2; i++)
		EXPECT(s, do_read(s, BLOCK(i), BLOCK(1)) == 0);
	sim_read_all(s);
	expect_written(s, BLOCK(4));
	power_cut(s, FATE_DROP);
	EXPECT(s, starts(s, ALL));
	expect_newest(s);
	EXPECT(s, do_read(s, BLOCK(4), BLOCK(2)) == 0);
	for (unsigned i = 0; i < variant % 2; i++)
		EXPECT(s, do_read(s, BLOCK(i), BLOCK(1)) == 0);
	EXPECT(s, do_read(s, on_set(s, 1), BLOCK(3)) == 0);
	expect_old(s);
	sim_read_all(s);
	EXPECT(s, sim_stop(s));
}

/* A leg that is behind becomes the set.  The one that is newer comes back, and
 * is not used. */
static void
recover_old_leg(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, fail_leg(s, 0, 0) == 0);
	pass(s, SECONDS(1));
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, on_set(s, 1), BLOCK(1), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	s->guard[0] = 0;
	expect_old(s);
	EXPECT(s, restart_recover(s, M00 | M10 | M11));
	EXPECT(s, leg_state(s, 0, 0) == LEG_IN_SYNC);
	EXPECT(s, leg_state(s, 0, 1) == LEG_STALE);
	EXPECT(s, do_read(s, 0, BLOCK(4)) == 0);
	expect_written(s, BLOCK(6));
	if (variant == 0)
		power_cut(s, FATE_DROP);
	else
		EXPECT(s, sim_stop(s));
	EXPECT(s, starts(s, ALL));
	EXPECT(s, leg_state(s, 0, 1) != LEG_IN_SYNC);
	EXPECT(s, do_read(s, BLOCK(6), BLOCK(2)) == 0);
	EXPECT(s, do_read(s, on_set(s, 1), BLOCK(1)) == 0);
	expect_old(s);
	sim_read_all(s);
}

/* A set of which there is nothing: nobody is written to. */
static void
recover_refuses_nothing(struct sim *s, unsigned variant)
{
	struct rule *writes;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	for (unsigned i = 0; i < 4; i++)
		rot(s, variant * 2 + i / 2, s->layout.map_offset[i % 2]);
	expect_holes(s);
	writes = on(s, RULE_ANY, RULE_ANY, IO_WRITE, RULE_SUBMIT, RULE_COUNT);
	EXPECT(s, !restart_recover(s, ALL));
	EXPECT(s, writes->hits == 0);
}

/* What did not verify is EIO, also after the next start, until it is written
 * over. */
static void
recover_keeps_lost_blocks(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	for (unsigned i = 0; i < 2; i++)
		EXPECT(s, do_write(s, BLOCK(32 + i), BLOCK(1), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	for (unsigned i = 0; i < 2; i++) {
		rot(s, i, s->layout.journal_offset + BLOCK(2));
		rot(s, i, s->layout.data_offset);
	}
	expect_old(s);
	EXPECT(s, !starts(s, ALL));
	EXPECT(s, restart_recover(s, ALL));
	for (unsigned i = 0; i < 2; i++) {
		EXPECT(s, do_read(s, 0, BLOCK(1)) == -EIO);
		EXPECT(s, do_read(s, BLOCK(1), BLOCK(1)) == 0);
		if (variant == 0)
			EXPECT(s, sim_stop(s));
		else
			power_cut(s, FATE_DROP);
		EXPECT(s, starts(s, ALL));
	}
	expect_written(s, 0);
}

/* The whole ring rots, of an array that was stopped clean: what the recovery
 * says is the truth at the next start, and above all that was said before,
 * also if no other leg is there to be told (variant 1). */
static void
recover_after_stop(struct sim *s, unsigned variant)
{
	uint32_t members = variant == 0 ? ALL : M00 | M10 | M11;
	uint64_t blocks = s->layout.journal_bytes / BLOCK_BYTES;

	for (unsigned i = 0; i < 8; i++)
		EXPECT(s, do_write(s, BLOCK(i), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, sim_stop(s));
	for (unsigned i = 0; i < 2 * blocks; i++)
		rot(s, i % 2, s->layout.journal_offset + BLOCK(i / 2));
	expect_old(s);
	EXPECT(s, !starts(s, ALL));
	EXPECT(s, restart_recover(s, members));
	power_cut(s, FATE_DROP);
	EXPECT(s, starts(s, members));
	expect_written(s, BLOCK(4));
}

const struct scenario salvage_scenarios[] = {
	{.name = "salvage-damaged-journal", .run = salvage_damaged_journal,
	 .hole = "R24: what the journal does not say reads as zeros",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "salvage-old-leg", .run = salvage_old_leg,
	 .hole = "R24: a failed leg that is all there is cannot be read",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "salvage-changes-nothing", .run = salvage_changes_nothing,
	 .hole = "R24: a salvage writes",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "salvage-takes-nothing-unverified",
	 .run = salvage_takes_nothing_unverified,
	 .hole = "R24: a salvage guesses",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "salvage-lost-map", .run = salvage_lost_map,
	 .hole = "R24: a lost map reads as unwritten",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "salvage-prefers-what-is-newer",
	 .run = salvage_prefers_what_is_newer,
	 .hole = "H21: a leg that lost appends becomes the array",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "recover-damaged-journal", .run = recover_damaged_journal,
	 .hole = "H22: the numbers of records that were cut off come again",
	 .variants = 4, .sets = 2, .legs = 2},
	{.name = "recover-after-stop", .run = recover_after_stop,
	 .hole = "H22: a recovery is not what the next start finds",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "recover-old-leg", .run = recover_old_leg,
	 .hole = "R24: what was given up comes back",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "recover-refuses-nothing", .run = recover_refuses_nothing,
	 .hole = "R24: an array is made up", .variants = 2, .sets = 2,
	 .legs = 2},
	{.name = "recover-keeps-lost-blocks", .run = recover_keeps_lost_blocks,
	 .hole = "R24: what was lost is data again",
	 .variants = 2, .sets = 2, .legs = 2},
};

const unsigned salvage_scenario_count = ARRAY_SIZE(salvage_scenarios);
