/* SPDX-License-Identifier: MIT */
/*
 * Blocks that no leg verifies: EIO, named, and gone from the list when they are
 * overwritten, discarded or readable again; never before (I8, I20).
 */
#include <errno.h>

#include "check.h"
#include "script.h"

#define BOTH 3u

/* It stays so, whatever is in doubt there when a run ends. */
static void
rot(struct sim *s, unsigned member, uint64_t block)
{
	s->options.unbounded = true;
	EXPECT(s, disk_flip(&s->member[member].disk,
			    s->layout.data_offset + BLOCK(block) + 9, 1));
}

/* Written, known to be well, and then rotten on both legs. */
static void
lose(struct sim *s, uint64_t block, uint64_t count)
{
	EXPECT(s, do_write(s, BLOCK(block), BLOCK(count), RAID_FUA) == 0);
	pass(s, SECONDS(60)); /* CLEAN */
	for (uint64_t b = block; b < block + count; b++) {
		rot(s, 0, b);
		rot(s, 1, b);
		EXPECT(s, do_read(s, BLOCK(b), BLOCK(1)) == -EIO);
		EXPECT(s, sim_is_listed(s, 0, b));
	}
	pass(s, SECONDS(1)); /* said in a record */
}

static const struct raid_set_status *
lost_status(struct sim *s)
{
	static struct raid_status st;

	raid_status(s->raid, &st);
	return &st.sets[0];
}

/* The run ends in one of three ways, and there is another. */
static void
again(struct sim *s, unsigned how)
{
	if (how == 0)
		daemon_dies(s);
	else if (how == 1)
		power_cut(s, FATE_DROP);
	else
		EXPECT(s, sim_stop(s));
	EXPECT(s, restart(s, BOTH));
}

/* Its neighbours are written, so that R17 looks at its unit. */
static void
lost_block_stays_lost(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	lose(s, 1, 1);
	EXPECT(s, s->notes[NOTE_LOST_BLOCK] == 1);
	EXPECT(s, do_write(s, BLOCK(2), BLOCK(1), 0) == 0);
	if (variant / 3 == 1)
		EXPECT(s, do_flush(s) == 0);
	again(s, variant % 3);
	EXPECT(s, sim_is_listed(s, 0, 1));
	EXPECT(s, do_read(s, BLOCK(1), BLOCK(1)) == -EIO);
	EXPECT(s, do_read(s, BLOCK(2), BLOCK(1)) == 0);
	EXPECT(s, lost_status(s)->lost_blocks == 1);
	EXPECT(s, do_write(s, BLOCK(1) + 512, 512, 0) == -EIO);
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), 0) == 0);
	EXPECT(s, lost_status(s)->lost_blocks == 0);
	EXPECT(s, s->notes[NOTE_LOST_OVERWRITTEN] == 1);
	again(s, variant % 3);
	EXPECT(s, lost_status(s)->lost_blocks == 0);
	EXPECT(s, do_read(s, 0, BLOCK(4)) == 0);
	EXPECT(s, s->notes[NOTE_LOST_BLOCK] == 1);
	EXPECT(s, s->notes[NOTE_UNVERIFIED] == 0);
}

/* The ring goes round, several times: checkpoints say it again. */
static void
lost_block_outlives_the_ring(struct sim *s, unsigned variant)
{
	static struct raid_status st;

	lose(s, 3, 2);
	do {
		for (unsigned i = 1; i < 12; i++)
			EXPECT(s, do_write(s, BLOCK(16 * i), BLOCK(8),
					   RAID_FUA) == 0);
		raid_status(s->raid, &st);
	} while (st.counters.checkpoints < 3);
	again(s, variant);
	EXPECT(s, sim_is_listed(s, 0, 3) && sim_is_listed(s, 0, 4));
	EXPECT(s, do_read(s, BLOCK(3), BLOCK(1)) == -EIO);
	EXPECT(s, do_read(s, BLOCK(4), BLOCK(1)) == -EIO);
}

/* The write that would end it does not end: its data is on no leg, on one, on
 * both; the record of its sum is not. */
static void
lost_until_durable(struct sim *s, unsigned variant)
{
	struct rule *r[2];
	int area = variant < 3 ? AREA_DATA : AREA_JOURNAL;

	lose(s, 1, 1);
	for (int i = 0; i < 2; i++) {
		r[i] = on(s, i, area, IO_WRITE,
			  variant == 2 || (variant == 1 && i == 1) ?
				RULE_LAND : RULE_SUBMIT, RULE_HOLD);
		r[i]->skip = area == AREA_JOURNAL; /* DIRTY */
	}
	client_send(s, RAID_WRITE, 0, BLOCK(1), BLOCK(1));
	EXPECT(s, await_rule(s, r[0], 1) && await_rule(s, r[1], 1));
	EXPECT(s, variant >= 3 || sim_is_listed(s, 0, 1));
	pass(s, SECONDS(1));
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, sim_is_listed(s, 0, 1));
	EXPECT(s, do_read(s, BLOCK(1), BLOCK(1)) == -EIO);
	EXPECT(s, s->notes[NOTE_UNVERIFIED] == 0);
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), 0) == 0);
	EXPECT(s, do_read(s, BLOCK(1), BLOCK(1)) == 0);
	EXPECT(s, !sim_is_listed(s, 0, 1));
}

static void
lost_until_discarded(struct sim *s, unsigned variant)
{
	lose(s, 5, 2);
	EXPECT(s, do_discard(s, BLOCK(5), BLOCK(1)) == 0);
	EXPECT(s, !sim_is_listed(s, 0, 5) && sim_is_listed(s, 0, 6));
	EXPECT(s, do_read(s, BLOCK(5), BLOCK(1)) == 0);
	again(s, variant);
	EXPECT(s, lost_status(s)->lost_blocks == 1);
	EXPECT(s, do_discard(s, 0, BLOCK(16)) == 0);
	EXPECT(s, s->notes[NOTE_LOST_DISCARDED] == 2);
	EXPECT(s, lost_status(s)->lost_blocks == 0);
	again(s, variant);
	EXPECT(s, lost_status(s)->lost_blocks == 0);
	EXPECT(s, do_read(s, 0, BLOCK(16)) == 0);
}

/* What could not be read, and can be later, was never lost: found by a read,
 * or by the next start. */
static void
lost_until_readable(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	pass(s, SECONDS(60));
	for (unsigned i = 0; i < 2; i++)
		EXPECT(s, disk_make_bad(&s->member[i].disk,
					s->layout.data_offset + BLOCK(2), 512));
	EXPECT(s, do_read(s, 0, BLOCK(4)) == -EIO);
	EXPECT(s, sim_is_listed(s, 0, 2));
	EXPECT(s, lost_status(s)->lost_blocks == 1);
	pass(s, SECONDS(1));
	if (variant < 3)
		again(s, variant);
	pass(s, SECONDS(1));
	EXPECT(s, sim_is_listed(s, 0, 2));
	for (unsigned i = 0; i < 2; i++)
		disk_heal(&s->member[i].disk);
	if (variant < 3)
		again(s, variant);
	else
		EXPECT(s, do_read(s, BLOCK(2), BLOCK(1)) == 0);
	pass(s, SECONDS(1));
	EXPECT(s, lost_status(s)->lost_blocks == 0);
	EXPECT(s, s->notes[NOTE_LOST_READABLE] == 1);
	again(s, variant % 3);
	EXPECT(s, lost_status(s)->lost_blocks == 0);
	EXPECT(s, do_read(s, 0, BLOCK(4)) == 0);
}

/*
 * After a crash no leg can be read where one of two sums is to be chosen.  What
 * was acknowledged is not forgotten, though its unit is written meanwhile, and
 * cleaned, and the array stopped.
 */
static void
lost_until_decided(struct sim *s, unsigned variant)
{
	struct rule *r;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, fail_leg(s, 0, 1) == 0);
	pass(s, SECONDS(60));
	s->guard[0] = 0;
	r = on(s, 0, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_HOLD);
	client_send(s, RAID_WRITE, 0, BLOCK(1), BLOCK(1));
	EXPECT(s, await_rule(s, r, 1));
	power_cut(s, FATE_DROP);
	EXPECT(s, disk_make_bad(&s->member[0].disk,
				s->layout.data_offset + BLOCK(1), 512));
	EXPECT(s, restart(s, 1));
	EXPECT(s, do_read(s, BLOCK(1), BLOCK(1)) == -EIO);
	EXPECT(s, sim_is_listed(s, 0, 1));
	EXPECT(s, do_write(s, BLOCK(2), BLOCK(1), 0) == 0);
	pass(s, SECONDS(60));
	EXPECT(s, do_read(s, BLOCK(2), BLOCK(1)) == 0);
	EXPECT(s, lost_status(s)->resync_units == 0);
	if (variant == 0)
		EXPECT(s, sim_stop(s));
	else if (variant == 1)
		power_cut(s, FATE_DROP);
	else if (variant == 2)
		daemon_dies(s);
	disk_heal(&s->member[0].disk);
	if (variant < 3)
		EXPECT(s, restart(s, 1));
	else
		EXPECT(s, do_read(s, BLOCK(1), BLOCK(1)) == -EIO);
	pass(s, SECONDS(1)); /* asked for by that read */
	EXPECT(s, do_read(s, 0, BLOCK(4)) == 0);
	EXPECT(s, lost_status(s)->lost_blocks == 0);
}

/* More than the list has room for: it says that there are others, and reads
 * are not misled. */
static void
lost_list_is_too_short(struct sim *s, unsigned variant)
{
	lose(s, 0, 1);
	lose(s, 3, 1);
	for (unsigned i = 2; i < 4; i++) {
		EXPECT(s, do_write(s, BLOCK(3 * i), BLOCK(1), RAID_FUA) == 0);
		pass(s, SECONDS(60));
		rot(s, 0, 3 * i);
		rot(s, 1, 3 * i);
		EXPECT(s, do_read(s, BLOCK(3 * i), BLOCK(1)) == -EIO);
	}
	EXPECT(s, lost_status(s)->lost_more);
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), 0) == 0);
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), 0) == 0); /* DIRTY */
	again(s, variant);
	EXPECT(s, lost_status(s)->lost_more);
	EXPECT(s, lost_status(s)->lost_blocks == 2);
	for (unsigned i = 0; i < 4; i++)
		EXPECT(s, do_read(s, BLOCK(3 * i), BLOCK(1)) == -EIO);
	EXPECT(s, s->notes[NOTE_UNVERIFIED] == 0);
	for (unsigned i = 0; i < 4; i++)
		EXPECT(s, do_write(s, BLOCK(3 * i), BLOCK(1), 0) == 0);
	EXPECT(s, !lost_status(s)->lost_more);
	again(s, variant);
	EXPECT(s, !lost_status(s)->lost_more);
	EXPECT(s, lost_status(s)->lost_blocks == 0);
}

/* A page of sums that no leg has: its region is on the list. */
static void
lost_page_is_listed(struct sim *s, unsigned variant)
{
	uint64_t offset, length;
	uint64_t bytes = s->oracle.granules * s->oracle.granule_bytes;

	s->oracle.lenient = true; /* a hole may be called written */
	for (unsigned round = 0; round < 2; round++)
		for (uint64_t at = 0; at < bytes; at += BLOCK(4))
			EXPECT(s, do_write(s, at, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, sim_stop(s));
	sim_area_range(s, AREA_SUMS, &offset, &length);
	for (unsigned leg = 0; leg < 2; leg++)
		EXPECT(s, disk_make_bad(&s->member[leg].disk, offset, BLOCK(2)));
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == -EIO);
	EXPECT(s, lost_status(s)->lost_regions == 1);
	EXPECT(s, lost_status(s)->lost_blocks == 0);
	again(s, variant % 3);
	EXPECT(s, lost_status(s)->lost_regions == 1);
	if (variant < 3) {
		EXPECT(s, do_discard(s, 0, BLOCK(16)) == 0);
	} else {
		for (unsigned leg = 0; leg < 2; leg++)
			disk_heal(&s->member[leg].disk);
		again(s, variant % 3);
		pass(s, SECONDS(1));
		EXPECT(s, s->notes[NOTE_PAGE_READABLE] == 1);
	}
	EXPECT(s, lost_status(s)->lost_regions == 0);
	again(s, variant % 3);
	EXPECT(s, lost_status(s)->lost_regions == 0);
	EXPECT(s, do_read(s, 0, BLOCK(16)) == 0);
}

static uint64_t
written_block(struct sim *s, struct rng *r)
{
	uint64_t block;
	uint32_t sum;

	do {
		block = rng_below(r, s->watch.sets[0].blocks);
	} while (!watch_newest_sum(s, 0, block, &sum) || sum == 0);
	return block;
}

/* What a leg alone had is lost when so much else on it was bad that it is
 * failed: all is to be read again then. */
static void
read_all_there_is(struct sim *s)
{
	uint32_t in_sync;

	do {
		in_sync = lost_status(s)->in_sync;
		sim_read_all(s);
	} while (lost_status(s)->in_sync != in_sync);
}

/* Damage here and there on both legs, and what clients and crashes do to it:
 * the list is what can be seen without the engine. */
static void
lost_list_is_exact(struct sim *s, unsigned variant)
{
	struct rng r;

	rng_init(&r, s->seed, "rot", variant);
	client_run(s, 200);
	EXPECT(s, sim_wait_idle(s) && do_flush(s) == 0);
	pass(s, SECONDS(60));
	for (unsigned i = 0; i < 24; i++) {
		uint64_t block = written_block(s, &r);
		unsigned legs = (unsigned)rng_below(&r, 3);

		for (unsigned leg = 0; leg < 2; leg++)
			if ((legs == leg || legs == 2) &&
			    !sim_is_damaged(s, leg, s->layout.data_offset +
					    BLOCK(block), BLOCK(1)))
				rot(s, leg, block);
	}
	for (unsigned round = 0; round < 4; round++) {
		read_all_there_is(s);
		EXPECT(s, do_flush(s) == 0);
		pass(s, SECONDS(1));
		sim_check_listed(s, true);
		again(s, (unsigned)rng_below(&r, 3));
		pass(s, SECONDS(20));
		sim_check_listed(s, true);
		client_run(s, 10);
		EXPECT(s, sim_wait_idle(s));
		EXPECT(s, do_discard(s, BLOCK(written_block(s, &r)), BLOCK(1))
		       == 0);
	}
	EXPECT(s, s->lost_seen > 0);
}

const struct scenario lost_scenarios[] = {
	{.name = "lost-block-stays-lost", .run = lost_block_stays_lost,
	 .hole = "R17: what a lost block holds is taken after a crash",
	 .variants = 6, .sets = 1, .legs = 2, .lenient = true},
	{.name = "lost-block-outlives-the-ring",
	 .run = lost_block_outlives_the_ring,
	 .hole = "I20: a checkpoint forgets what is lost",
	 .variants = 3, .sets = 1, .legs = 2, .lenient = true},
	{.name = "lost-until-durable", .run = lost_until_durable,
	 .hole = "I20: a write that never ended takes a block off the list",
	 .variants = 4, .sets = 1, .legs = 2, .lenient = true},
	{.name = "lost-until-discarded", .run = lost_until_discarded,
	 .hole = "I20: what is unwritten is listed as lost",
	 .variants = 3, .sets = 1, .legs = 2, .lenient = true},
	{.name = "lost-until-readable", .run = lost_until_readable,
	 .hole = "I20: a read error that passed leaves a block listed",
	 .variants = 4, .sets = 1, .legs = 2, .lenient = true},
	{.name = "lost-until-decided", .run = lost_until_decided,
	 .hole = "R17: a read error at a start settles a sum without data",
	 .variants = 4, .sets = 1, .legs = 2, .lenient = true},
	{.name = "lost-list-is-too-short", .run = lost_list_is_too_short,
	 .hole = "I20: what the list has no room for counts as well",
	 .variants = 3, .sets = 1, .legs = 2, .lost_max = 2, .lenient = true},
	{.name = "lost-page-is-listed", .run = lost_page_is_listed,
	 .hole = "R24, I20: nobody is told of a page that is lost",
	 .variants = 6, .sets = 1, .legs = 2, .sums_max = 64, .lenient = true},
	{.name = "lost-list-is-exact", .run = lost_list_is_exact,
	 .hole = "I20: the list has what is not lost, or lacks what is",
	 .variants = 24, .sets = 1, .legs = 2, .lenient = true},
};

const unsigned lost_scenario_count = ARRAY_SIZE(lost_scenarios);
