/* SPDX-License-Identifier: MIT */
/*
 * Settling a unit (settle.c, evidence.c) while something else happens: what
 * it reads from, writes to, or knows by, changes under way.
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

TestSuite(settle, .init = begin, .fini = end);

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

/* The region's first page of sums, which tells the only sum that the block's
 * data match, becomes durable while the data are read: once it was not asked,
 * and the block was lost (R17, R21). */
Test(settle, a_page_that_comes_while_the_legs_are_read_is_evidence)
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
	cr_assert_eq(set()->lost_blocks, 0);
}
