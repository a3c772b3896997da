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
#include "settling.h"

TestSuite(settler, .init = settling_begin, .fini = settling_end);

/* As many units as are settled at a time are DIRTY; those that become so after
 * them have to wait. */
static void
occupy(void)
{
	for (int v = 1; v < 3; v++)
		for (uint64_t u = 0; u < SETTLE_MAX; u++)
			cr_assert_eq(rig_write(u * UNIT_BLOCKS, v, RAID_FUA),
				     0);
}

#define BEHIND (SETTLE_MAX * UNIT_BLOCKS) /* the first block behind them */

static void
read_all(uint64_t units)
{
	static uint8_t bufs[160][RAID_BLOCK] __attribute__((aligned(4096)));
	struct memio_req *reqs[160];

	for (uint64_t u = 0; u < units; u++)
		reqs[u] = memio_ask(&rig, RAID_READ, 0,
				    u * UNIT_BLOCKS * RAID_BLOCK, RAID_BLOCK,
				    bufs[u]);
	memio_turn(&rig);
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

	rig_create(2);
	rig.limits.parts_max = 256;
	rig.limits.page_frames_max = 64;
	cr_assert_eq(memio_restart(&rig), 0);
	for (uint64_t u = 0; u < UNITS; u++)
		cr_assert_eq(rig_write(u * UNIT_BLOCKS, 1, RAID_FUA), 0);
	for (uint64_t u = 0; u < UNITS; u++)
		rig_member_block(1, u * UNIT_BLOCKS)[9] ^= 1;
	read_all(UNITS);
	cr_assert_geq(rig_set()->legs[1].repaired, REPAIR_MAX);
	cr_assert_lt(rig_set()->legs[1].repaired, UNITS);
	cr_assert_eq(rig_set()->legs[1].budget_used, rig_set()->legs[1].repaired);
	for (unsigned i = 0; i < 20; i++) {
		read_all(UNITS);
		cr_assert_eq(rig_read(0), 0); /* the other leg's turn */
	}
	cr_assert_eq(rig_set()->legs[1].repaired, UNITS);
	cr_assert_eq(rig_set()->legs[1].verdicts[VERDICT_MISMATCH], UNITS);
	cr_assert_eq(rig_set()->legs[1].budget_used, UNITS);
}

/* Whose repair was asked for when the budget was used up. */
Test(settler, a_leg_that_was_failed_gets_no_more_verdicts)
{
	const struct leg *bad;

	rig_create(2);
	rig.limits.read_error_budget = 5;
	cr_assert_eq(memio_restart(&rig), 0);
	for (uint64_t b = 0; b < 12; b++)
		cr_assert_eq(rig_write(b, 1, RAID_FUA), 0);
	for (uint64_t b = 0; b < 12; b++)
		rig_member_block(1, b)[9] ^= 1;
	bad = &rig_set()->legs[1];
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(memio_do(&rig, RAID_READ, 0, 0, 12 * RAID_BLOCK,
				      rig_buf), 0);
	cr_assert_neq(bad->run, RUN_IN);
	cr_assert_eq(bad->verdicts[VERDICT_MISMATCH], 6);
	cr_assert_eq(rig.notes[NOTE_MISMATCH], 6);
}

/* It reaches into two units, only the second of which waits. */
Test(settler, a_read_of_two_units_waits_for_the_one_that_is_dirty)
{
	struct memio_req *read;

	rig_create(2);
	occupy();
	cr_assert_eq(rig_write(BEHIND + 15, 1, RAID_FUA), 0);
	cr_assert_eq(rig_write(BEHIND + 16, 1, RAID_FUA), 0);
	cr_assert_eq(rig_write(BEHIND + 16, 2, RAID_FUA), 0);
	rig_gate(0, 3, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&rig), 0);
	read = memio_ask(&rig, RAID_READ, 0, (BEHIND + 15) * RAID_BLOCK,
			 2 * RAID_BLOCK, rig_buf);
	memio_turn(&rig);
	cr_assert_not(read->done);
	cr_assert_not(list_empty(&rig_set()->settler.waiting));
	rig_open_gates();
	memio_release(&rig);
	memio_turn(&rig);
	cr_assert(read->done && read->req.res == 0);
	cr_assert_eq(rig_buf[0], 1);
	cr_assert_eq(rig_buf[RAID_BLOCK], 2);
}

/* A write waits for room, which only pages give, which only recovery lets be
 * stored: it goes on though the array is to stop. */
Test(settler, a_stop_goes_on_with_recovery_while_a_write_waits_for_room)
{
	struct memio_req *write;

	rig_create(2);
	rig_gate(0, 3, IO_WRITE, AREA_SUMS, MEMIO_HOLD);
	for (int v = 1; v < 3; v++)
		for (uint64_t b = 0; b < 56; b++)
			cr_assert_eq(rig_write(2 * b, v, RAID_FUA), 0);
	rig_open_gates();
	rig_gate(0, 3, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&rig), 0);
	cr_assert_eq(rig_set()->units.resync, 7);
	memset(rig_buf, 3, 60 * RAID_BLOCK);
	write = memio_ask(&rig, RAID_WRITE, 0, 128 * RAID_BLOCK, 60 * RAID_BLOCK,
			  rig_buf);
	memio_turn(&rig);
	cr_assert_not(list_empty(&rig_set()->starved));
	cr_assert_eq(memio_stop(&rig), -EINPROGRESS);
	rig_open_gates();
	memio_release(&rig);
	for (unsigned i = 0; i < 20 && !rig.stopped; i++)
		memio_wait(&rig, 500000000);
	cr_assert(rig.stopped);
	cr_assert_eq(rig.stop_res, 0);
	cr_assert(write->done && write->req.res == 0);
	cr_assert_eq(memio_restart(&rig), 0);
	for (uint64_t b = 0; b < 188; b++) {
		int value = b >= 128 ? 3 : b < 112 && b % 2 == 0 ? 2 : 0;

		cr_assert_eq(rig_read(b), 0);
		cr_assert_eq(rig_buf[0], value);
	}
}
