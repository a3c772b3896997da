/* SPDX-License-Identifier: MIT */
/*
 * By what a unit is decided that was DIRTY (evidence.c, R17): sums of the
 * journal and of pages, and what no sum vouches for.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "set.h"
#include "settle.h"
#include "settling.h"

TestSuite(evidence, .init = settling_begin, .fini = settling_end);

/* Rewritten by the run that died: its unit is DIRTY, the last sums are known.
 * No leg has been looked at. */
static void
create_dirty(uint32_t legs, uint64_t blocks, unsigned held)
{
	rig_create(legs);
	for (uint64_t b = 0; b < blocks; b++)
		cr_assert_eq(rig_write(b, 1, RAID_FUA), 0);
	for (uint64_t b = 0; b < blocks; b++)
		cr_assert_eq(rig_write(b, 2, RAID_FUA), 0);
	rig_gate(0, held, IO_READ, AREA_DATA, MEMIO_HOLD);
}

static void
go_back(uint32_t member, uint64_t block)
{
	memset(rig_member_block(member, block), 1, RAID_BLOCK);
}

/* The region's first page of sums, which tells the only sum that the block's
 * data match, becomes durable while the data are read: once it was not asked,
 * and the block was lost (R17, R21). */
Test(evidence, a_page_that_comes_while_the_legs_are_read_is_evidence)
{
	struct memio_req *read;

	rig_create(2);
	rig_on_the_last_leg();
	for (uint64_t b = 0; b < 60; b++)
		cr_assert_eq(rig_write(b, 1, RAID_FUA), 0);
	cr_assert_eq(rig_write(1, 2, 0), 0);
	rig_gate(0, 1, IO_WRITE, AREA_JOURNAL, MEMIO_HOLD);
	rig_set()->storer.pressed = true;
	memio_turn(&rig);
	cr_assert_eq(rig_set()->storer.stores[0].state, STORE_RECORDING);
	rig_gate(1, 1, IO_WRITE, AREA_DATA, -EIO);
	rig_gate(2, 1, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(rig_write(0, 3, 0), -EIO);
	cr_assert_eq(rig_set()->settler.settles[0].step, SETTLE_READING);
	read = rig_ask(RAID_READ, 0, 0);
	memio_turn(&rig);
	rig.gates[0].res = 0;
	memio_release_some(&rig, 1, IO_WRITE, 0);
	memio_turn(&rig);
	cr_assert_eq(rig.raid->counters.page_stores, 1);
	cr_assert_not(read->done);
	rig_open_gates();
	memio_release(&rig);
	memio_turn(&rig);
	cr_assert(read->done);
	cr_assert_eq(read->req.res, 0);
	cr_assert_eq(rig_buf[0], 1);
	cr_assert_eq(extents_sum(&rig_set()->lost.now[LOST_BLOCKS]), 0);
}

/* Neither the sum in the journal nor the one in the page is that of any leg:
 * the lowest one's data, counted (R17). */
Test(evidence, what_no_sum_vouches_for_is_taken_from_the_lowest_leg)
{
	rig_create(2);
	for (uint64_t b = 0; b < 66; b++)
		cr_assert_eq(rig_write(b, 1, RAID_FUA), 0);
	cr_assert_geq(rig.raid->counters.page_stores, 1);
	cr_assert_eq(rig_write(0, 2, 0), 0);
	memset(rig_member_block(0, 0), 7, RAID_BLOCK);
	memset(rig_member_block(1, 0), 8, RAID_BLOCK);
	cr_assert_eq(memio_restart(&rig), 0);
	cr_assert_eq(rig_set()->unverified_blocks, 1);
	cr_assert_eq(rig.notes[NOTE_UNVERIFIED], 1);
	cr_assert_eq(rig_read(0), 0);
	cr_assert_eq(rig_buf[0], 7);
	cr_assert_eq(rig_member_block(1, 0)[0], 7);
	cr_assert_eq(extents_sum(&rig_set()->lost.now[LOST_BLOCKS]), 0);
}

/* As no journal of ours says it: block 1's only sum, its data never came. */
static void
push_sum(uint64_t block, uint32_t sum, uint16_t flags)
{
	(void)sums_push(&rig_set()->sums, block, sum, NODE_JOURNALED | flags);
}

static void
settle_unit_0(void)
{
	memio_release(&rig);
	rig.gates[0].res = 0;
	memio_turn(&rig);
	cr_assert_eq(units_resync_left(&rig_set()->units), 0);
}

/* Its page says that it was unwritten: what lies on the disk is nobody's. */
Test(evidence, a_lone_sum_over_an_unwritten_block_is_a_loss)
{
	rig_create(2);
	for (uint64_t b = 0; b < 66; b++)
		if (b != 1)
			cr_assert_eq(rig_write(b, 1, RAID_FUA), 0);
	cr_assert_geq(rig.raid->counters.page_stores, 1);
	cr_assert_eq(rig_write(0, 2, 0), 0);
	rig_gate(0, 3, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&rig), 0);
	push_sum(1, 12345, 0);
	settle_unit_0();
	cr_assert_eq(rig_read(1), -EIO);
	cr_assert_eq(rig_set()->unverified_blocks, 0);
	cr_assert_eq(rig_read(0), 0);
	cr_assert_eq(rig_buf[0], 2);
}

/* So it is where the region has no page at all. */
Test(evidence, a_lone_sum_in_a_region_without_a_page_is_a_loss)
{
	create_dirty(2, 1, 3);
	cr_assert_eq(memio_restart(&rig), 0);
	push_sum(1, 12345, 0);
	settle_unit_0();
	cr_assert_eq(rig_read(1), -EIO);
	cr_assert_eq(rig_set()->unverified_blocks, 0);
}

/* What the page would say is not known: nothing is taken (R24). */
Test(evidence, what_only_a_lost_page_could_tell_is_a_loss)
{
	rig_create(2);
	for (uint64_t b = 0; b < 66; b++)
		cr_assert_eq(rig_write(b, 1, RAID_FUA), 0);
	cr_assert_eq(memio_stop(&rig), 0);
	cr_assert_eq(memio_restart(&rig), 0);
	cr_assert_eq(rig_write(0, 2, 0), 0);
	memset(rig_member_block(0, 0), 7, RAID_BLOCK);
	memset(rig_member_block(1, 0), 8, RAID_BLOCK);
	rig_gate(0, 3, IO_READ, AREA_SUMS, -EIO);
	cr_assert_eq(memio_restart(&rig), 0);
	cr_assert_eq(rig_read(0), -EIO);
	cr_assert_eq(rig_set()->unverified_blocks, 0);
	cr_assert_geq(rig.notes[NOTE_LOST_BLOCK], 1);
}

/* A flush settled the second value, and the leg has the first again: it lost
 * a write, and an older sum does not vouch for it (H24). */
Test(evidence, below_the_base_no_sum_vouches)
{
	rig_create(2);
	rig_on_the_last_leg();
	cr_assert_eq(rig_write(0, 1, RAID_FUA), 0);
	cr_assert_eq(rig_write(0, 2, 0), 0);
	cr_assert_eq(memio_do(&rig, RAID_FLUSH, 0, 0, 0, NULL), 0);
	rig_gate(1, 1, IO_WRITE, AREA_DATA, -EIO);
	rig_gate(0, 1, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(rig_write(0, 3, 0), -EIO);
	go_back(0, 0);
	settle_unit_0();
	cr_assert_eq(rig_set()->unverified_blocks, 1);
	cr_assert_eq(rig.notes[NOTE_UNVERIFIED], 1);
}

/* Zeros are no value of a block that has a sum since (H2, H14). */
Test(evidence, below_a_sum_there_are_no_zeros)
{
	create_dirty(2, 1, 3);
	cr_assert_eq(memio_restart(&rig), 0);
	memset(rig_member_block(0, 1), 7, RAID_BLOCK);
	memset(rig_member_block(1, 1), 7, RAID_BLOCK);
	push_sum(1, SUM_UNWRITTEN, NODE_DONE);
	push_sum(1, 12345, 0);
	settle_unit_0();
	cr_assert_eq(rig_read(1), 0);
	cr_assert_eq(rig_buf[0], 7);
	cr_assert_eq(rig.notes[NOTE_UNVERIFIED], 1);
}
