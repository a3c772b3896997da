/* SPDX-License-Identifier: MIT */
/*
 * What is settled, and when (settler.c, repair.c): more repairs than are
 * remembered, reads of units in several states, and a stop.
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

TestSuite(settler, .init = begin, .fini = end);

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

/* As many units as are settled at a time are DIRTY; those that become so after
 * them have to wait. */
static void
occupy(void)
{
	for (int v = 1; v < 3; v++)
		for (uint64_t u = 0; u < SETTLE_MAX; u++)
			cr_assert_eq(write_block(u * UNIT_BLOCKS, v, RAID_FUA),
				     0);
}

#define BEHIND (SETTLE_MAX * UNIT_BLOCKS) /* the first block behind them */

static void
read_all(uint64_t units)
{
	static uint8_t bufs[160][RAID_BLOCK] __attribute__((aligned(4096)));
	struct memio_req *reqs[160];

	for (uint64_t u = 0; u < units; u++)
		reqs[u] = memio_ask(&m, RAID_READ, 0,
				    u * UNIT_BLOCKS * RAID_BLOCK, RAID_BLOCK,
				    bufs[u]);
	memio_turn(&m);
	for (uint64_t u = 0; u < units; u++) {
		cr_assert(reqs[u]->done && reqs[u]->req.res == 0);
		cr_assert_eq(bufs[u][9], 1);
	}
}

/* More repairs at a time than are remembered: later reads find the rest.  Each
 * bad copy is told once: a verdict is charged to the budget. */
Test(settler, repairs_that_were_forgotten_are_found_again)
{
	enum { UNITS = 160 };

	create(2);
	m.limits.parts_max = 256;
	m.limits.page_frames_max = 64;
	cr_assert_eq(memio_restart(&m), 0);
	for (uint64_t u = 0; u < UNITS; u++)
		cr_assert_eq(write_block(u * UNIT_BLOCKS, 1, RAID_FUA), 0);
	for (uint64_t u = 0; u < UNITS; u++)
		member_block(1, u * UNIT_BLOCKS)[9] ^= 1;
	read_all(UNITS);
	cr_assert_geq(set()->legs[1].repaired, REPAIR_MAX);
	cr_assert_lt(set()->legs[1].repaired, UNITS);
	cr_assert_eq(set()->legs[1].budget_used, set()->legs[1].repaired);
	for (unsigned i = 0; i < 20; i++) {
		read_all(UNITS);
		cr_assert_eq(read_block(0), 0); /* the other leg's turn */
	}
	cr_assert_eq(set()->legs[1].repaired, UNITS);
	cr_assert_eq(set()->legs[1].verdicts[VERDICT_MISMATCH], UNITS);
	cr_assert_eq(set()->legs[1].budget_used, UNITS);
}

/* Whose repair was asked for when the budget was used up. */
Test(settler, a_leg_that_was_failed_gets_no_more_verdicts)
{
	const struct leg *bad;

	create(2);
	m.limits.read_error_budget = 5;
	cr_assert_eq(memio_restart(&m), 0);
	for (uint64_t b = 0; b < 12; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	for (uint64_t b = 0; b < 12; b++)
		member_block(1, b)[9] ^= 1;
	bad = &set()->legs[1];
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(memio_do(&m, RAID_READ, 0, 0, 12 * RAID_BLOCK,
				      buf), 0);
	cr_assert_neq(bad->run, RUN_IN);
	cr_assert_eq(bad->verdicts[VERDICT_MISMATCH], 6);
	cr_assert_eq(m.notes[NOTE_MISMATCH], 6);
}

/* It reaches into two units, only the second of which waits. */
Test(settler, a_read_of_two_units_waits_for_the_one_that_is_dirty)
{
	struct memio_req *read;

	create(2);
	occupy();
	cr_assert_eq(write_block(BEHIND + 15, 1, RAID_FUA), 0);
	cr_assert_eq(write_block(BEHIND + 16, 1, RAID_FUA), 0);
	cr_assert_eq(write_block(BEHIND + 16, 2, RAID_FUA), 0);
	gate(0, 3, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&m), 0);
	read = memio_ask(&m, RAID_READ, 0, (BEHIND + 15) * RAID_BLOCK,
			 2 * RAID_BLOCK, buf);
	memio_turn(&m);
	cr_assert_not(read->done);
	cr_assert_not(list_empty(&set()->settler.waiting));
	open_gates();
	memio_release(&m);
	memio_turn(&m);
	cr_assert(read->done && read->req.res == 0);
	cr_assert_eq(buf[0], 1);
	cr_assert_eq(buf[RAID_BLOCK], 2);
}

/* A write waits for room, which only pages give, which only recovery lets be
 * stored: it goes on though the array is to stop. */
Test(settler, a_stop_goes_on_with_recovery_while_a_write_waits_for_room)
{
	struct memio_req *write;

	create(2);
	gate(0, 3, IO_WRITE, AREA_SUMS, MEMIO_HOLD);
	for (int v = 1; v < 3; v++)
		for (uint64_t b = 0; b < 56; b++)
			cr_assert_eq(write_block(2 * b, v, RAID_FUA), 0);
	open_gates();
	gate(0, 3, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(set()->units.resync, 7);
	memset(buf, 3, 60 * RAID_BLOCK);
	write = memio_ask(&m, RAID_WRITE, 0, 128 * RAID_BLOCK, 60 * RAID_BLOCK,
			  buf);
	memio_turn(&m);
	cr_assert_not(list_empty(&set()->starved));
	cr_assert_eq(memio_stop(&m), -EINPROGRESS);
	open_gates();
	memio_release(&m);
	for (unsigned i = 0; i < 20 && !m.stopped; i++)
		memio_wait(&m, 500000000);
	cr_assert(m.stopped);
	cr_assert_eq(m.stop_res, 0);
	cr_assert(write->done && write->req.res == 0);
	cr_assert_eq(memio_restart(&m), 0);
	for (uint64_t b = 0; b < 188; b++) {
		int value = b >= 128 ? 3 : b < 112 && b % 2 == 0 ? 2 : 0;

		cr_assert_eq(read_block(b), 0);
		cr_assert_eq(buf[0], value);
	}
}
