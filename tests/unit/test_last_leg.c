/* SPDX-License-Identifier: MIT */
/*
 * What fails on the last leg of its set, and what happens: the other rows of
 * the table in doc/design.md.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "trial.h"

static void
begin_last(void)
{
	trial_begin();
	cr_assert_eq(work(1), 0);
	cr_assert_eq(raid_member_fail(m.raid, 0, 0), 0);
	memio_turn(&m);
	cr_assert_eq(status().legs[0].state, LEG_FAILED);
	m.notes[NOTE_LEG_FAILED] = 0;
}

TestSuite(last_leg, .init = begin_last, .fini = trial_end);

static void
assert_write_stopped(void)
{
	cr_assert_geq(fault.hits, 1);
	cr_assert(status().sets[0].write_stopped);
	cr_assert_eq(status().sets[0].health, HEALTH_FAILED);
	cr_assert_eq(status().legs[1].state, LEG_IN_SYNC);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
	cr_assert_eq(m.notes[NOTE_WRITE_STOPPED], 1);
	cr_assert_eq(write_block(500, 7, 0), -EIO);
	cr_assert_eq(write_block(501, 7, RAID_FUA), -EIO);
	cr_assert_eq(flush(), -EIO);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 0, RAID_BLOCK, NULL), -EIO);
}

/* The way out: started anew, it serves, and nothing answered is lost. */
static void
assert_starts_anew(void)
{
	cr_assert_eq(memio_stop(&m), -EIO);
	m.hook = NULL;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_not(status().sets[0].write_stopped);
	cr_assert_eq(status().sets[0].health, HEALTH_DEGRADED);
	cr_assert_eq(first_wrong(0), BLOCKS);
	cr_assert_eq(work(0x70), 0);
	cr_assert_eq(first_wrong(0), BLOCKS);
}

Test(last_leg, a_failed_append_stops_writes_and_reads_go_on)
{
	fail_at(1, IO_WRITE, AREA_JOURNAL);
	cr_assert_eq(write_block(3, 9, RAID_FUA), -EIO);
	assert_write_stopped();
	cr_assert_eq(first_wrong(16), BLOCKS);
}

Test(last_leg, a_failed_flush_stops_writes_and_is_never_tried_again)
{
	fail_at(1, IO_FLUSH, 0);
	fault.for_ever = true;
	cr_assert_eq(write_block(3, 9, 0), 0);
	cr_assert_eq(flush(), -EIO);
	assert_write_stopped();
	cr_assert_eq(fault.hits, 1);
	cr_assert_eq(first_wrong(0), BLOCKS);
	assert_starts_anew();
}

Test(last_leg, a_failed_page_of_sums_stops_writes_and_reads_go_on)
{
	fail_at(1, IO_WRITE, AREA_SUMS);
	cr_assert_neq(work(0x20), -EINPROGRESS);
	cr_assert_eq(fault.hits, 1);
	assert_write_stopped();
}

Test(last_leg, a_failed_checkpoint_stops_writes_and_reads_go_on)
{
	fail_at(1, IO_WRITE, AREA_MAP);
	for (unsigned i = 0; i < 4 && fault.hits == 0; i++)
		cr_assert_neq(work((uint8_t)i), -EINPROGRESS);
	assert_write_stopped();
}

Test(last_leg, a_failed_data_write_is_an_error_for_its_blocks_alone)
{
	fail_at(1, IO_WRITE, AREA_DATA);
	cr_assert_eq(write_block(3, 9, 0), -EIO);
	cr_assert_eq(fault.hits, 1);
	cr_assert_not(status().sets[0].write_stopped);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
	/* Nothing reached it: what was there is there. */
	cr_assert_eq(first_wrong(0), BLOCKS);
	cr_assert_eq(write_block(3, 10, 0), 0);
	cr_assert_eq(flush(), 0);
	cr_assert_eq(first_wrong(0), BLOCKS);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(first_wrong(0), BLOCKS);
}

Test(last_leg, a_failed_first_write_leaves_the_block_unwritten)
{
	uint64_t b = BLOCKS - 1;

	cr_assert_eq(
		memio_do(&m, RAID_DISCARD, 0, b * RAID_BLOCK, RAID_BLOCK, NULL),
		0);
	value[b] = 0;
	fail_at(1, IO_WRITE, AREA_DATA);
	cr_assert_eq(write_block(b, 9, 0), -EIO);
	cr_assert_eq(first_wrong(0), BLOCKS);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(first_wrong(0), BLOCKS);
}

Test(last_leg, a_block_that_does_not_verify_is_an_error_until_written_whole)
{
	member_block(1, 7)[100] ^= 1;
	cr_assert_eq(read_block(7), -EIO);
	cr_assert_eq(read_block(7), -EIO);
	cr_assert_eq(status().sets[0].lost_blocks, 1);
	cr_assert_eq(status().sets[0].lost_reads, 2);
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, 7 * RAID_BLOCK, 512, block),
		     -EIO);
	cr_assert_eq(read_block(6), 0);
	cr_assert_eq(read_block(8), 0);
	cr_assert_eq(write_block(7, 9, 0), 0);
	cr_assert_eq(status().sets[0].lost_blocks, 0);
	cr_assert_eq(first_wrong(0), BLOCKS);
}

Test(last_leg, reads_that_fail_do_not_cost_the_last_leg)
{
	fail_at(1, IO_READ, AREA_DATA);
	fault.for_ever = true;
	for (unsigned i = 0; i < 60; i++)
		cr_assert_eq(read_block(i), -EIO);
	cr_assert_eq(status().legs[1].state, LEG_IN_SYNC);
	m.hook = NULL;
	cr_assert_eq(first_wrong(0), BLOCKS);
}

Test(last_leg, a_failed_superblock_stops_writes)
{
	trial_end();
	trial_create(2, 2);
	cr_assert_eq(work(1), 0);
	cr_assert_eq(raid_member_fail(m.raid, 0, 0), 0);
	memio_turn(&m);
	m.notes[NOTE_LEG_FAILED] = 0;
	fail_at(1, IO_WRITE, AREA_SUPERBLOCK);
	cr_assert_eq(raid_member_fail(m.raid, 1, 0), 0);
	memio_turn(&m);
	cr_assert(status().sets[0].write_stopped);
	cr_assert_eq(status().legs[1].state, LEG_IN_SYNC);
	cr_assert_eq(first_wrong(0), BLOCKS);
}

Test(last_leg, a_failed_discard_is_nobody_s)
{
	fail_at(1, IO_DISCARD, AREA_DATA);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 0, RAID_BLOCK, NULL), 0);
	cr_assert_eq(fault.hits, 1);
	value[0] = 0;
	cr_assert_eq(first_wrong(0), BLOCKS);
	cr_assert_not(status().sets[0].write_stopped);
}

Test(last_leg, the_operator_cannot_fail_it)
{
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), -EBUSY);
	cr_assert_eq(raid_member_fail(m.raid, 0, 0), -EALREADY);
	cr_assert_eq(raid_member_fail(m.raid, 0, 2), -ENOENT);
	cr_assert_eq(raid_member_fail(m.raid, 1, 0), -ENOENT);
	cr_assert_eq(work(0x30), 0);
}

Test(last_leg, of_three_legs_two_may_fail)
{
	trial_end();
	trial_create(1, 3);
	fail_at(2, IO_WRITE, AREA_DATA);
	cr_assert_eq(work(1), 0);
	fail_at(0, IO_WRITE, AREA_JOURNAL);
	cr_assert_eq(work(3), 0);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 2);
	cr_assert_eq(status().sets[0].in_sync, 1);
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), -EBUSY);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(first_wrong(0), BLOCKS);
}
