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

static struct memio m;
static uint8_t *buf; /* 64 blocks */

static void
begin(void)
{
	buf = aligned_alloc(4096, 64 * RAID_BLOCK);
	cr_assert(buf != NULL);
}

static void
end(void)
{
	memio_destroy(&m);
	free(buf);
}

TestSuite(evidence, .init = begin, .fini = end);

/* One set; few sums are kept in memory, as many errors as come. */
static void
create(uint32_t legs)
{
	const struct memio_shape shape = {
		.sets = 1, .legs = legs, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = MEMIO_MEMBER_BYTES,
		.chunk_bytes = 256 << 10,
		.limits = {.parts_max = 128, .sums_max = 128,
			   .read_error_budget = 10000},
	};

	cr_assert_eq(memio_create_as(&m, &shape), 0);
}

static int
write_block(uint64_t block, int value, uint32_t flags)
{
	memset(buf, value, RAID_BLOCK);
	return memio_do(&m, RAID_WRITE, flags, block * RAID_BLOCK, RAID_BLOCK,
			buf);
}

static int
read_block(uint64_t block)
{
	memset(buf, 0xee, RAID_BLOCK);
	return memio_do(&m, RAID_READ, 0, block * RAID_BLOCK, RAID_BLOCK, buf);
}

static struct memio_req *
ask_block(enum raid_op op, uint64_t block, unsigned at)
{
	return memio_ask(&m, op, 0, block * RAID_BLOCK, RAID_BLOCK,
			 buf + (size_t)at * RAID_BLOCK);
}

static uint8_t *
member_block(uint32_t member, uint64_t block)
{
	return m.bytes[member] + m.sb.layout.data_offset + block * RAID_BLOCK;
}

static struct set *
set(void)
{
	return &m.raid->sets[0];
}

static void
gate(unsigned i, unsigned members, enum io_op op, enum memio_area area, int res)
{
	m.gates[i] = (struct memio_gate){.members = members, .op = op,
					 .area = area, .res = res};
}

static void
open_gates(void)
{
	memset(m.gates, 0, sizeof(m.gates));
}

/* Without leg 1 from now on. */
static void
on_the_last_leg(void)
{
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), 0);
	memio_turn(&m);
	cr_assert_eq(set()->legs[1].run, RUN_OUT);
}

/* Rewritten by the run that died: its unit is DIRTY, the last sums are known.
 * No leg has been looked at. */
static void
create_dirty(uint32_t legs, uint64_t blocks, unsigned held)
{
	create(legs);
	for (uint64_t b = 0; b < blocks; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	for (uint64_t b = 0; b < blocks; b++)
		cr_assert_eq(write_block(b, 2, RAID_FUA), 0);
	gate(0, held, IO_READ, AREA_DATA, MEMIO_HOLD);
}

static void
go_back(uint32_t member, uint64_t block)
{
	memset(member_block(member, block), 1, RAID_BLOCK);
}

/* The region's first page of sums, which tells the only sum that the block's
 * data match, becomes durable while the data are read: once it was not asked,
 * and the block was lost (R17, R21). */
Test(evidence, a_page_that_comes_while_the_legs_are_read_is_evidence)
{
	struct memio_req *read;

	create(2);
	on_the_last_leg();
	for (uint64_t b = 0; b < 60; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	cr_assert_eq(write_block(1, 2, 0), 0);
	gate(0, 1, IO_WRITE, AREA_JOURNAL, MEMIO_HOLD);
	set()->storer.pressed = true;
	memio_turn(&m);
	cr_assert_eq(set()->storer.stores[0].state, STORE_RECORDING);
	gate(1, 1, IO_WRITE, AREA_DATA, -EIO);
	gate(2, 1, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(write_block(0, 3, 0), -EIO);
	cr_assert_eq(set()->settler.settles[0].step, SETTLE_READING);
	read = ask_block(RAID_READ, 0, 0);
	memio_turn(&m);
	m.gates[0].res = 0;
	memio_release_some(&m, 1, IO_WRITE, 0);
	memio_turn(&m);
	cr_assert_eq(m.raid->counters.page_stores, 1);
	cr_assert_not(read->done);
	open_gates();
	memio_release(&m);
	memio_turn(&m);
	cr_assert(read->done);
	cr_assert_eq(read->req.res, 0);
	cr_assert_eq(buf[0], 1);
	cr_assert_eq(extents_sum(&set()->lost.now[LOST_BLOCKS]), 0);
}

/* Neither the sum in the journal nor the one in the page is that of any leg:
 * the lowest one's data, counted (R17). */
Test(evidence, what_no_sum_vouches_for_is_taken_from_the_lowest_leg)
{
	create(2);
	for (uint64_t b = 0; b < 66; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	cr_assert_geq(m.raid->counters.page_stores, 1);
	cr_assert_eq(write_block(0, 2, 0), 0);
	memset(member_block(0, 0), 7, RAID_BLOCK);
	memset(member_block(1, 0), 8, RAID_BLOCK);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(set()->unverified_blocks, 1);
	cr_assert_eq(m.notes[NOTE_UNVERIFIED], 1);
	cr_assert_eq(read_block(0), 0);
	cr_assert_eq(buf[0], 7);
	cr_assert_eq(member_block(1, 0)[0], 7);
	cr_assert_eq(extents_sum(&set()->lost.now[LOST_BLOCKS]), 0);
}

/* As no journal of ours says it: block 1's only sum, its data never came. */
static void
push_sum(uint64_t block, uint32_t sum, uint16_t flags)
{
	(void)sums_push(&set()->sums, block, sum, NODE_JOURNALED | flags);
}

static void
settle_unit_0(void)
{
	memio_release(&m);
	m.gates[0].res = 0;
	memio_turn(&m);
	cr_assert_eq(units_resync_left(&set()->units), 0);
}

/* Its page says that it was unwritten: what lies on the disk is nobody's. */
Test(evidence, a_lone_sum_over_an_unwritten_block_is_a_loss)
{
	create(2);
	for (uint64_t b = 0; b < 66; b++)
		if (b != 1)
			cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	cr_assert_geq(m.raid->counters.page_stores, 1);
	cr_assert_eq(write_block(0, 2, 0), 0);
	gate(0, 3, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&m), 0);
	push_sum(1, 12345, 0);
	settle_unit_0();
	cr_assert_eq(read_block(1), -EIO);
	cr_assert_eq(set()->unverified_blocks, 0);
	cr_assert_eq(read_block(0), 0);
	cr_assert_eq(buf[0], 2);
}

/* So it is where the region has no page at all. */
Test(evidence, a_lone_sum_in_a_region_without_a_page_is_a_loss)
{
	create_dirty(2, 1, 3);
	cr_assert_eq(memio_restart(&m), 0);
	push_sum(1, 12345, 0);
	settle_unit_0();
	cr_assert_eq(read_block(1), -EIO);
	cr_assert_eq(set()->unverified_blocks, 0);
}

/* What the page would say is not known: nothing is taken (R24). */
Test(evidence, what_only_a_lost_page_could_tell_is_a_loss)
{
	create(2);
	for (uint64_t b = 0; b < 66; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(write_block(0, 2, 0), 0);
	memset(member_block(0, 0), 7, RAID_BLOCK);
	memset(member_block(1, 0), 8, RAID_BLOCK);
	gate(0, 3, IO_READ, AREA_SUMS, -EIO);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(read_block(0), -EIO);
	cr_assert_eq(set()->unverified_blocks, 0);
	cr_assert_geq(m.notes[NOTE_LOST_BLOCK], 1);
}

/* A flush settled the second value, and the leg has the first again: it lost
 * a write, and an older sum does not vouch for it (H24). */
Test(evidence, below_the_base_no_sum_vouches)
{
	create(2);
	on_the_last_leg();
	cr_assert_eq(write_block(0, 1, RAID_FUA), 0);
	cr_assert_eq(write_block(0, 2, 0), 0);
	cr_assert_eq(memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL), 0);
	gate(1, 1, IO_WRITE, AREA_DATA, -EIO);
	gate(0, 1, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(write_block(0, 3, 0), -EIO);
	go_back(0, 0);
	settle_unit_0();
	cr_assert_eq(set()->unverified_blocks, 1);
	cr_assert_eq(m.notes[NOTE_UNVERIFIED], 1);
}

/* Zeros are no value of a block that has a sum since (H2, H14). */
Test(evidence, below_a_sum_there_are_no_zeros)
{
	create_dirty(2, 1, 3);
	cr_assert_eq(memio_restart(&m), 0);
	memset(member_block(0, 1), 7, RAID_BLOCK);
	memset(member_block(1, 1), 7, RAID_BLOCK);
	push_sum(1, SUM_UNWRITTEN, NODE_DONE);
	push_sum(1, 12345, 0);
	settle_unit_0();
	cr_assert_eq(read_block(1), 0);
	cr_assert_eq(buf[0], 7);
	cr_assert_eq(m.notes[NOTE_UNVERIFIED], 1);
}
