/* SPDX-License-Identifier: MIT */
/*
 * What bugs planted in the engine (raid/plant.h) showed that no other scenario
 * looks at.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "script.h"

#define BOTH 3u /* members of one set of two */
#define SUPERBLOCK_WRITES 2u /* a member's, of one epoch */

/* Hold what members write as superblocks, from 1 on: the epoch stays out. */
static void
hold_superblocks(struct sim *s, struct rule *held[], unsigned members)
{
	for (unsigned i = 0; i < members * SUPERBLOCK_WRITES; i++)
		held[i] = on(s, 1 + (int)(i / SUPERBLOCK_WRITES),
			     AREA_SUPERBLOCK, IO_WRITE, RULE_SUBMIT, RULE_HOLD);
}

static struct rule *
fail_next(struct sim *s, int member, int area, int op)
{
	struct rule *r = on(s, member, area, op, RULE_SUBMIT, RULE_FAIL);

	r->res = -EIO;
	return r;
}

/* A second write to a unit waits for the record that the first one made. */
static void
second_write_waits_for_dirty(struct sim *s, unsigned variant)
{
	struct rule *held[2], *data;

	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	pass(s, SECONDS(60));
	for (int i = 0; i < 2; i++)
		held[i] = on(s, i, AREA_JOURNAL, IO_WRITE, RULE_SUBMIT,
			     RULE_HOLD);
	data = on(s, RULE_ANY, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_COUNT);
	client_send(s, RAID_WRITE, 0, 0, BLOCK(1));
	EXPECT(s, await_rule(s, held[0], 1) && await_rule(s, held[1], 1));
	client_send(s, RAID_WRITE, variant == 0 ? 0 : RAID_FUA, BLOCK(1),
		    BLOCK(1));
	pass(s, SECONDS(1));
	EXPECT(s, data->hits == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, BOTH));
	sim_read_all(s);
}

/* A leg that completes last finds the epoch on its way, and waits for it. */
static void
late_leg_waits_for_the_epoch(struct sim *s, unsigned variant)
{
	struct rule *sb[SUPERBLOCK_WRITES], *held;

	(void)variant;
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	fail_next(s, 0, AREA_DATA, IO_WRITE);
	held = on(s, 1, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_HOLD);
	hold_superblocks(s, sb, 1);
	client_send(s, RAID_WRITE, RAID_FUA, 0, BLOCK(1));
	EXPECT(s, await_rule(s, held, 1) && await_rule(s, sb[0], 1));
	rule_release(s, held);
	pass(s, SECONDS(1));
	EXPECT(s, s->client.busy == 1);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

/* A flush failed; no FLUSH is answered before that leg is out. */
static void
flush_beside_a_failing_leg(struct sim *s, unsigned variant)
{
	struct rule *sb[3 * SUPERBLOCK_WRITES];

	(void)variant;
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	fail_next(s, 0, RULE_ANY, IO_FLUSH);
	hold_superblocks(s, sb, 3);
	client_send(s, RAID_FLUSH, 0, 0, 0);
	EXPECT(s, await_rule(s, sb[0], 1));
	pass(s, SECONDS(1));
	client_send(s, RAID_FLUSH, 0, 0, 0);
	pass(s, SECONDS(1));
	EXPECT(s, s->client.busy == 2);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, 15));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

/* A leg fails while an array is made: that ends, and says so. */
static void
creation_ends_when_a_leg_fails(struct sim *s, unsigned variant)
{
	daemon_dies(s);
	for (unsigned i = 0; i < s->members; i++)
		s->member[i].sb_sequence = 0;
	fail_next(s, 0, variant == 0 ? AREA_SUPERBLOCK : AREA_MAP, IO_WRITE);
	sim_create(s);
	EXPECT(s, !sim_wait_started(s));
	EXPECT(s, s->start_res < 0);
}

/*
 * A byte rots after the cut: that only the sum can tell, and FUA and FLUSH
 * promise that it is there (R3).
 */
static void
sum_tells_the_rotten_copy(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	/* The unit is DIRTY, with a record of this one. */
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(1), variant == 0 ? RAID_FUA : 0) == 0);
	if (variant == 2)
		EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	if (variant > 0)
		EXPECT(s, do_flush(s) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, disk_flip(&s->member[0].disk, s->layout.data_offset + 77, 4));
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
}

/* The front of a member is overwritten: what its end says still counts. */
static void
front_of_a_member_is_wiped(struct sim *s, unsigned variant)
{
	static const uint8_t zeros[SB_BYTES];
	struct disk *d = &s->member[1].disk;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, fail_leg(s, 0, 0) == 0);
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), RAID_FUA) == 0);
	if (variant == 0)
		EXPECT(s, sim_stop(s));
	else
		power_cut(s, FATE_DROP);
	for (unsigned slot = 0; slot < SB_SLOTS; slot++)
		disk_write(d, sb_offset(d->bytes, variant / 2, slot), SB_BYTES,
			   zeros, true);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, leg_state(s, 0, 0) == LEG_FAILED);
	sim_read_all(s);
}

/* That a member will not discard is no fault of it. */
static void
discard_may_be_refused(struct sim *s, unsigned variant)
{
	struct rule *r;

	EXPECT(s, do_write(s, 0, BLOCK(16), RAID_FUA) == 0);
	r = on(s, (int)variant, AREA_DATA, IO_DISCARD, RULE_SUBMIT, RULE_FAIL);
	r->res = -EOPNOTSUPP;
	EXPECT(s, do_discard(s, 0, BLOCK(16)) == 0);
	EXPECT(s, r->hits == 1);
	pass(s, SECONDS(1));
	EXPECT(s, leg_state(s, 0, variant) == LEG_IN_SYNC);
	sim_read_all(s);
}

const struct scenario planted_scenarios[] = {
	{.name = "second-write-waits-for-dirty",
	 .run = second_write_waits_for_dirty,
	 .hole = "R1: data beside the record that says DIRTY", .variants = 2,
	 .sets = 1, .legs = 2},
	{.name = "late-leg-waits-for-the-epoch",
	 .run = late_leg_waits_for_the_epoch,
	 .hole = "R2: an epoch counts when it is only submitted",
	 .sets = 1, .legs = 2},
	{.name = "flush-beside-a-failing-leg",
	 .run = flush_beside_a_failing_leg,
	 .hole = "R2: a FLUSH passes by the leg that failed one",
	 .sets = 2, .legs = 2},
	{.name = "creation-ends-when-a-leg-fails",
	 .run = creation_ends_when_a_leg_fails,
	 .hole = "R2: nobody makes the epoch that is waited for",
	 .variants = 2, .sets = 1, .legs = 2, .lenient = true},
	{.name = "sum-tells-the-rotten-copy",
	 .run = sum_tells_the_rotten_copy,
	 .hole = "R3: a FLUSH or FUA whose sum is in no record",
	 .variants = 3, .sets = 1, .legs = 2},
	{.name = "front-of-a-member-is-wiped",
	 .run = front_of_a_member_is_wiped,
	 .hole = "R13: an epoch at one end of a member only",
	 .variants = 4, .sets = 1, .legs = 2},
	{.name = "discard-may-be-refused", .run = discard_may_be_refused,
	 .hole = "R22: a leg evicted for a discard", .variants = 2,
	 .sets = 1, .legs = 2},
};

const unsigned planted_scenario_count = ARRAY_SIZE(planted_scenarios);
