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
/* Members of two sets of two: 0.0, 0.1, 1.0, 1.1. */
#define M00 1u
#define M01 2u
#define M10 4u
#define M11 8u
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

/* Hold what is read as data on a leg from this block of the set on. */
static struct rule *
hold_reads(struct sim *s, int member, uint64_t block)
{
	struct rule *r = on(s, member, AREA_DATA, IO_READ, RULE_SUBMIT,
			    RULE_HOLD);

	r->offset = s->layout.data_offset + BLOCK(block);
	r->bytes = s->layout.data_bytes - BLOCK(block);
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

/* A read waits for the write that was there before it (R9): what it would find
 * is neither old nor new. */
static void
read_waits_for_the_write(struct sim *s, unsigned variant)
{
	struct slot *write, *read;
	struct rule *held;

	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	held = on(s, (int)(variant & 1), AREA_DATA, IO_WRITE, RULE_SUBMIT,
		  RULE_HOLD);
	write = client_send(s, RAID_WRITE, RAID_FUA, 0, BLOCK(1));
	EXPECT(s, await_rule(s, held, 1));
	read = client_send(s, RAID_READ, 0, 0, BLOCK(1 + variant / 2));
	pass(s, SECONDS(1));
	EXPECT(s, read->busy);
	rule_release(s, held);
	EXPECT(s, await(s, write) == 0);
	EXPECT(s, await(s, read) == 0);
	EXPECT(s, s->notes[NOTE_MISMATCH] == 0);
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

/* v2 reaches no leg, though a record has its sum; a byte of v1 has rotted: the
 * older sum tells (R17).  By variant it stands in the journal, or in a page. */
static void
older_sum_tells(struct sim *s, unsigned variant)
{
	struct rule *held[2];

	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	if (variant == 1) {
		client_run(s, 600);
		EXPECT(s, sim_wait_idle(s));
	}
	pass(s, SECONDS(60));
	for (int i = 0; i < 2; i++)
		held[i] = on(s, i, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_HOLD);
	client_send(s, RAID_WRITE, 0, 0, BLOCK(1));
	EXPECT(s, await_rule(s, held[0], 1) && await_rule(s, held[1], 1));
	power_cut(s, FATE_DROP);
	EXPECT(s, disk_flip(&s->member[0].disk, s->layout.data_offset + 9, 1));
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

/* The same, and the page goes while the legs are read: there are more regions
 * than frames for pages. */
static void
page_stays_while_it_is_weighed(struct sim *s, unsigned variant)
{
	uint64_t bytes = s->oracle.granules * s->oracle.granule_bytes;
	struct rule *held[2], *read;

	(void)variant;
	for (uint64_t at = 0; at < bytes; at += BLOCK(4))
		EXPECT(s, do_write(s, at, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, sim_stop(s));
	EXPECT(s, restart(s, BOTH));
	for (int i = 0; i < 2; i++)
		held[i] = on(s, i, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_HOLD);
	client_send(s, RAID_WRITE, 0, 0, BLOCK(1));
	EXPECT(s, await_rule(s, held[0], 1) && await_rule(s, held[1], 1));
	power_cut(s, FATE_DROP);
	EXPECT(s, disk_flip(&s->member[0].disk, s->layout.data_offset + 9, 1));
	read = hold_reads(s, 1, 0);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, await_rule(s, read, 1));
	for (uint64_t at = BLOCK(16); at < bytes; at += BLOCK(16))
		EXPECT(s, do_read(s, at, BLOCK(1)) == 0);
	rule_release(s, read);
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

/* No sum tells; of two copies that differ the one that tore is not taken. */
static void
torn_copy_is_not_taken(struct sim *s, unsigned variant)
{
	struct rule *r[2];

	(void)variant;
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	for (int i = 0; i < 2; i++)
		r[i] = on(s, i, AREA_DATA, IO_WRITE,
			  i == 0 ? RULE_SUBMIT : RULE_LAND, RULE_HOLD);
	/* The unit is DIRTY: no record of this one. */
	client_send(s, RAID_WRITE, 0, 0, BLOCK(1));
	EXPECT(s, await_rule(s, r[0], 1) && await_rule(s, r[1], 1));
	r[0]->held->fate = FATE_TEAR;
	power_cut(s, FATE_KEEP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

/*
 * 0.0 lost a write whose sum a CLEAN record settled; the other leg is away.
 * What is there is taken, there is no other; but as a last resort, counted and
 * noted, not because an older sum vouches for it (R17, H24).
 */
static void
lost_write_is_counted(struct sim *s, unsigned variant)
{
	struct rule *lost, *held;

	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	if (variant == 1) {
		for (unsigned i = 1; i < 6; i++)
			EXPECT(s, do_write(s, BLOCK(32 * i), BLOCK(16),
					   RAID_FUA) == 0);
		pass(s, SECONDS(60));
	}
	lost = on(s, 0, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_DROP);
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, lost->hits == 1);
	pass(s, SECONDS(60));
	held = on(s, 0, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_HOLD);
	client_send(s, RAID_WRITE, RAID_FUA, 0, BLOCK(1));
	EXPECT(s, await_rule(s, held, 1));
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, M00 | M10 | M11));
	pass(s, SECONDS(1));
	EXPECT(s, s->notes[NOTE_UNVERIFIED] > 0);
}

/* What was read after a kill is durable by then (R19, H7). */
static void
read_after_kill_is_durable(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	for (unsigned i = 0; i < variant + 1; i++)
		EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	daemon_dies(s);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

/*
 * An epoch without 0.0 reaches 0.1 only.  Another line goes on from before it,
 * of which 1.0 hears nothing, or not enough; what its failed writes leave
 * there differs by variant.  The first may not start: 0.0 counts in it, for it
 * did in the one in force before.
 */
static void
epochs_not_in_force_count(struct sim *s, unsigned variant)
{
	struct rule *sb[3 * SUPERBLOCK_WRITES];

	(void)variant;
	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	fail_next(s, 0, AREA_DATA, IO_WRITE);
	hold_superblocks(s, sb, 3);
	rule_release(s, sb[0]);
	sb[0]->armed = sb[1]->armed = false;
	client_send(s, RAID_WRITE, RAID_FUA, 0, BLOCK(1));
	EXPECT(s, await_rule(s, sb[2], 1));
	pass(s, SECONDS(1));
	power_cut(s, FATE_DROP);
	fail_next(s, 2, AREA_SUPERBLOCK, IO_WRITE)->again = true;
	EXPECT(s, restart(s, M00 | M10 | M11));
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	if (restart(s, M01 | M10))
		sim_read_all(s);
}

/* An array serves when its start's epoch is in force, not before (R13). */
static void
service_waits_for_the_epoch(struct sim *s, unsigned variant)
{
	static struct assembly a;
	struct rule *sb;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	sb = on(s, (int)variant, AREA_SUPERBLOCK, IO_WRITE, RULE_SUBMIT,
		RULE_HOLD);
	EXPECT(s, sim_assemble(s, M00 | M01 | M10 | M11, false, &a));
	sim_start(s, &a, M00 | M01 | M10 | M11, false);
	EXPECT(s, await_rule(s, sb, 1));
	pass(s, SECONDS(1));
	EXPECT(s, !s->started);
	rule_release(s, sb);
	EXPECT(s, sim_wait_started(s));
	sim_read_all(s);
}

/* The last leg fails the record of a first write, which is durable or not:
 * nobody may be told either, since the next start tells (R7, I3). */
static void
failed_append_is_in_doubt(struct sim *s, unsigned variant)
{
	struct rule *r;

	EXPECT(s, fail_leg(s, 0, 1) == 0);
	pass(s, SECONDS(1));
	s->guard[0] = 0;
	r = on(s, 0, AREA_JOURNAL, IO_WRITE,
	       variant == 0 ? RULE_LAND : RULE_SUBMIT, RULE_FAIL);
	r->res = -EIO;
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == -EIO);
	EXPECT(s, do_read(s, 0, BLOCK(1)) == -EIO);
	EXPECT(s, do_read(s, BLOCK(1), BLOCK(1)) == 0);
	power_cut(s, FATE_KEEP);
	EXPECT(s, restart(s, 1));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

/* What no leg verifies takes no part of a block (H15). */
static void
lost_block_takes_no_part(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	EXPECT(s, do_flush(s) == 0);
	EXPECT(s, fail_leg(s, 0, 1) == 0);
	pass(s, SECONDS(1));
	EXPECT(s, disk_flip(&s->member[0].disk,
			    s->layout.data_offset + 3000, 1));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == -EIO);
	EXPECT(s, do_write(s, 512, 512, variant == 0 ? 0 : RAID_FUA) == -EIO);
	EXPECT(s, do_read(s, 0, BLOCK(1)) == -EIO);
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
}

/* A stop right after a crash, when units wait to be resynced; one that was
 * resynced and written comes behind them. */
static void
stop_ends_before_the_resync(struct sim *s, unsigned variant)
{
	struct rule *held[4];

	(void)variant;
	for (unsigned i = 0; i < 16; i++)
		EXPECT(s, do_write(s, BLOCK(16 * i), BLOCK(1), RAID_FUA) == 0);
	for (unsigned i = 0; i < 16; i++)
		EXPECT(s, do_write(s, BLOCK(16 * i), BLOCK(1), 0) == 0);
	daemon_dies(s);
	for (unsigned i = 0; i < ARRAY_SIZE(held); i++)
		held[i] = hold_reads(s, 0, 16);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	for (unsigned i = 0; i < ARRAY_SIZE(held); i++)
		rule_release(s, held[i]);
	EXPECT(s, sim_stop(s));
	EXPECT(s, restart(s, BOTH));
	sim_read_all(s);
}

/* All pages of sums on one leg have rotted: those of the other are read. */
static void
pages_of_a_leg_rot(struct sim *s, unsigned variant)
{
	struct disk *d = &s->member[variant].disk;
	uint64_t offset, length;

	client_run(s, 600);
	EXPECT(s, sim_wait_idle(s));
	EXPECT(s, sim_stop(s));
	sim_area_range(s, AREA_SUMS, &offset, &length);
	for (uint64_t i = 0; i < length / BLOCK(1) && i < DISK_FLIPS_MAX; i++)
		EXPECT(s, disk_flip(d, offset + BLOCK(i) + i % 16 * 4, 2));
	EXPECT(s, restart(s, BOTH));
	sim_read_all(s);
	EXPECT(s, s->notes[NOTE_PAGE_LOST] == 0);
}

const struct scenario planted_scenarios[] = {
	{.name = "second-write-waits-for-dirty",
	 .run = second_write_waits_for_dirty,
	 .hole = "R1: data beside the record that says DIRTY", .variants = 2,
	 .sets = 1, .legs = 2},
	{.name = "read-waits-for-the-write", .run = read_waits_for_the_write,
	 .hole = "R9: a read beside a write", .variants = 4,
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
	{.name = "epochs-not-in-force-count",
	 .run = epochs_not_in_force_count,
	 .hole = "H3b: an epoch that never was in force is the whole of a set",
	 .variants = 12, .sets = 2, .legs = 2},
	{.name = "service-waits-for-the-epoch",
	 .run = service_waits_for_the_epoch,
	 .hole = "H3b: an array serves before its start's epoch is in force",
	 .variants = 4, .sets = 2, .legs = 2},
	{.name = "failed-append-is-in-doubt",
	 .run = failed_append_is_in_doubt,
	 .hole = "R7: what a failed append left is told before it is known",
	 .variants = 2, .sets = 1, .legs = 2, .lenient = true},
	{.name = "lost-block-takes-no-part",
	 .run = lost_block_takes_no_part,
	 .hole = "H15: part of a block that no leg verifies", .variants = 2,
	 .sets = 1, .legs = 2, .lenient = true},
	{.name = "stop-ends-before-the-resync",
	 .run = stop_ends_before_the_resync,
	 .hole = "R5: a stop waits for units that only a resync cleans",
	 .sets = 1, .legs = 2},
	{.name = "pages-of-a-leg-rot", .run = pages_of_a_leg_rot,
	 .hole = "R11: a page of sums that is not what the map names",
	 .variants = 2, .sets = 1, .legs = 2, .sums_max = 64},
	{.name = "older-sum-tells", .run = older_sum_tells,
	 .hole = "R17: of two sums that vouch for nothing the older is not"
		 " looked for",
	 .variants = 2, .sets = 1, .legs = 2, .sums_max = 64},
	{.name = "page-stays-while-it-is-weighed",
	 .run = page_stays_while_it_is_weighed,
	 .hole = "R17: a page that is evidence is not there any more",
	 .sets = 1, .legs = 2, .sums_max = 64, .member_kib = 4160},
	{.name = "torn-copy-is-not-taken", .run = torn_copy_is_not_taken,
	 .hole = "H23: a block torn on a leg of small sectors, no sum known",
	 .variants = 4, .sets = 1, .legs = 2, .block_bytes = 4096},
	{.name = "lost-write-is-counted", .run = lost_write_is_counted,
	 .hole = "H24: an older sum vouches for what a leg lost",
	 .variants = 2, .sets = 2, .legs = 2, .sums_max = 64, .lenient = true},
	{.name = "read-after-kill-is-durable",
	 .run = read_after_kill_is_durable,
	 .hole = "H7: a value read out of all caches goes back", .variants = 2,
	 .sets = 1, .legs = 2},
};

const unsigned planted_scenario_count = ARRAY_SIZE(planted_scenarios);
