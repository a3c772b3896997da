/* SPDX-License-Identifier: MIT */
/*
 * Settling a unit (settle.c) while something else happens: what it reads from,
 * writes to, or knows by, changes under way.
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

TestSuite(settle, .init = settling_begin, .fini = settling_end);

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

static void
wait_seconds(unsigned seconds)
{
	for (unsigned i = 0; i < 10 * seconds; i++)
		memio_wait(&rig, 100000000);
}

/* Leg 0 lacks the second of two blocks, leg 1 the first, and neither takes a
 * write. */
Test(settle, what_cannot_be_settled_is_an_error_for_all_who_wait)
{
	struct memio_req *read, *write;

	rig_create(2);
	occupy();
	for (int v = 1; v < 3; v++)
		for (uint64_t b = 0; b < 2; b++)
			cr_assert_eq(rig_write(BEHIND + b, v, RAID_FUA), 0);
	go_back(1, BEHIND);
	go_back(0, BEHIND + 1);
	rig_gate(0, 3, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&rig), 0);
	cr_assert_eq(rig_set()->units.resync, SETTLE_MAX + 1);
	read = rig_ask(RAID_READ, BEHIND, 0);
	write = rig_ask(RAID_WRITE, BEHIND + 1, 1);
	memio_turn(&rig);
	cr_assert_not(read->done || write->done);
	rig_gate(1, 3, IO_WRITE, AREA_DATA, -EIO);
	rig.gates[0].res = 0;
	memio_release(&rig);
	memio_turn(&rig);
	cr_assert_eq(rig.gates[1].hits, 2);
	cr_assert_eq(read->req.res, -EIO);
	cr_assert_eq(write->req.res, -EIO);
	cr_assert_eq(rig.notes[NOTE_LAST_LEG_ERROR], 1);
	cr_assert_not(rig_set()->write_stopped);
	rig_open_gates();
	/* Leg 1 alone decides by now. */
	memio_wait(&rig, 1000000000);
	cr_assert_eq(rig_set()->units.resync, 0);
	cr_assert_eq(rig_read(BEHIND), 0);
	cr_assert_eq(rig_buf[0], 1);
	cr_assert_eq(rig_read(BEHIND + 1), 0);
	cr_assert_eq(rig_buf[0], 2);
}

Test(settle, a_repair_that_fails_takes_nothing_from_the_reader)
{
	rig_create(2);
	cr_assert_eq(rig_write(0, 1, RAID_FUA), 0);
	cr_assert_eq(rig_write(1, 1, RAID_FUA), 0);
	rig_member_block(1, 0)[5] ^= 1;
	rig_member_block(0, 1)[5] ^= 1;
	rig_gate(1, 3, IO_WRITE, AREA_DATA, -EIO);
	for (unsigned i = 0; i < 4 && rig.gates[1].hits == 0; i++) {
		cr_assert_eq(rig_read(i % 2), 0);
		cr_assert_eq(rig_buf[5], 1);
	}
	cr_assert_eq(rig.gates[1].hits, 2);
	cr_assert_eq(rig_set()->legs[0].run, RUN_OUT);
	cr_assert_eq(rig.notes[NOTE_REPAIRED], 0);
	rig_open_gates();
	cr_assert_eq(rig_read(1), 0);
	cr_assert_eq(rig_buf[5], 1);
	cr_assert_eq(rig_read(0), -EIO);
}

/* The decision cannot be recorded: it can be read, since the next start
 * decides alike.  So can what needed none. */
Test(settle, what_cannot_be_recorded_can_be_read)
{
	struct memio_req *read, *write;

	rig_create(2);
	rig_on_the_last_leg();
	for (uint64_t b = 0; b < 160; b++)
		cr_assert_eq(rig_write(b, 1, RAID_FUA), 0);
	cr_assert_eq(memio_stop(&rig), 0);
	cr_assert_eq(memio_restart(&rig), 0);
	occupy();
	cr_assert_eq(rig_write(BEHIND, 2, RAID_FUA), 0);
	go_back(0, BEHIND);
	rig_gate(0, 1, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&rig), 0);
	rig_gate(1, 1, IO_WRITE, AREA_JOURNAL, -EIO);
	read = rig_ask(RAID_READ, BEHIND, 0);
	write = rig_ask(RAID_WRITE, BEHIND, 1);
	memio_turn(&rig);
	rig.gates[0].res = 0;
	memio_release(&rig);
	memio_turn(&rig);
	cr_assert_eq(rig.gates[1].hits, 1);
	cr_assert(rig_set()->write_stopped);
	cr_assert_eq(write->req.res, -EIO);
	cr_assert(read->done);
	cr_assert_eq(read->req.res, 0);
	cr_assert_eq(rig_buf[0], 1);
	cr_assert_eq(rig_set()->units.resync, 1);
	cr_assert_eq(sums_newest(&rig_set()->sums, BEHIND + 1), NULL);
	cr_assert_eq(rig_read(BEHIND + 1), 0);
	cr_assert_eq(rig_buf[0], 1);
	rig_open_gates();
	cr_assert_eq(memio_restart(&rig), 0);
	cr_assert_eq(rig_read(BEHIND), 0);
	cr_assert_eq(rig_buf[0], 1);
}

/* A set is stuck on its epoch; another one, all of whose legs are, goes on
 * with its recovery. */
Test(settle, a_stuck_epoch_is_nothing_to_a_set_that_lacks_no_leg)
{
	const struct memio_shape shape = {
		.sets = 2, .legs = 2, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = MEMIO_MEMBER_BYTES,
	};

	cr_assert_eq(memio_create_as(&rig, &shape), 0);
	cr_assert_eq(rig_write(0, 1, RAID_FUA), 0);
	cr_assert_eq(rig_write(0, 2, RAID_FUA), 0);
	go_back(1, 0);
	rig_gate(0, 3, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&rig), 0);
	rig_gate(1, 8, IO_WRITE, AREA_SUPERBLOCK, -EIO);
	cr_assert_eq(raid_member_fail(rig.raid, 1, 0), 0);
	memio_turn(&rig);
	cr_assert_eq(rig.notes[NOTE_EPOCH_STUCK], 1);
	cr_assert_eq(rig_set()->units.resync, 1);
	rig.gates[0].res = 0;
	memio_release(&rig);
	cr_assert_eq(rig_read(0), 0);
	cr_assert_eq(rig_buf[0], 2);
	cr_assert_eq(rig_set()->units.resync, 0);
	cr_assert_eq(rig_member_block(1, 0)[0], 2);
}

/* --- legs that fail, or hang, meanwhile --- */

/* Two of three legs hang: the third has it, and the unit does not wait; its
 * buffers do, for both. */
Test(settle, reads_given_up_keep_the_buffers_until_they_are_back)
{
	create_dirty(3, 1, 3);
	cr_assert_eq(memio_restart(&rig), 0);
	wait_seconds(20);
	cr_assert_eq(rig_set()->in_mask, 4);
	cr_assert_eq(rig_set()->units.resync, 0);
	cr_assert_eq(rig_set()->settler.stuck, 1);
	cr_assert_eq(raid_abandoned(rig.raid), 2);
	cr_assert_eq(rig_read(0), 0);
	cr_assert_eq(rig_buf[0], 2);
	memio_release_some(&rig, 1, IO_READ, 0);
	memio_turn(&rig);
	cr_assert_eq(rig_set()->settler.stuck, 1);
	memio_release_some(&rig, 2, IO_READ, 0);
	memio_turn(&rig);
	cr_assert_eq(rig_set()->settler.stuck, 0);
	cr_assert_eq(raid_abandoned(rig.raid), 0);
}

/* It is back before the unit is settled. */
Test(settle, a_read_given_up_may_be_back_before_the_end)
{
	create_dirty(3, 1, 1);
	go_back(2, 0);
	rig_gate(1, 4, IO_WRITE, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&rig), 0);
	wait_seconds(10);
	cr_assert_eq(rig_set()->in_mask, 6);
	cr_assert_eq(rig_set()->settler.settles[0].step, SETTLE_WRITING);
	cr_assert_eq(rig_set()->settler.settles[0].abandoned, 1);
	memio_release_some(&rig, 1, IO_READ, 0);
	memio_turn(&rig);
	cr_assert_eq(rig_set()->settler.settles[0].abandoned, 0);
	cr_assert_eq(rig_set()->settler.settles[0].step, SETTLE_WRITING);
	memio_release_some(&rig, 4, IO_WRITE, 0);
	memio_turn(&rig);
	cr_assert_eq(rig_set()->units.resync, 0);
	cr_assert_eq(rig_set()->settler.stuck, 0);
	cr_assert_eq(rig_member_block(2, 0)[0], 2);
}

/* So many slots there are; then recovery waits for a leg that hangs. */
Test(settle, recovery_stops_when_all_its_buffers_are_stuck)
{
	enum { UNITS = 12 };

	rig_create(3);
	for (int v = 1; v < 3; v++)
		for (uint64_t u = 0; u < UNITS; u++)
			cr_assert_eq(rig_write(u * UNIT_BLOCKS, v, RAID_FUA),
				     0);
	rig_gate(0, 1, IO_READ, AREA_DATA, MEMIO_HOLD);
	rig_gate(1, 2, IO_READ, AREA_DATA, MEMIO_HOLD);
	rig.gates[1].passes = SETTLE_MAX;
	cr_assert_eq(memio_restart(&rig), 0);
	wait_seconds(30);
	cr_assert_eq(rig_set()->in_mask, 4);
	cr_assert_eq(rig_set()->settler.stuck, SETTLE_SLOTS);
	cr_assert_eq(rig_set()->settler.busy, 0);
	cr_assert_eq(rig_set()->units.resync, UNITS - SETTLE_SLOTS);
	rig_open_gates();
	memio_release(&rig);
	memio_turn(&rig);
	cr_assert_eq(rig_set()->settler.stuck, 0);
	cr_assert_eq(rig_set()->units.resync, 0);
}

/* The leg that was rewritten hangs when it is read back. */
Test(settle, reading_back_is_given_up_with_its_leg)
{
	create_dirty(2, 1, 2);
	rig.gates[0].passes = 1;
	go_back(1, 0);
	cr_assert_eq(memio_restart(&rig), 0);
	cr_assert_eq(rig_set()->settler.settles[0].step, SETTLE_CHECKING);
	wait_seconds(10);
	cr_assert_eq(rig_set()->in_mask, 1);
	cr_assert_eq(rig_set()->units.resync, 0);
	cr_assert_eq(rig_set()->settler.stuck, 1);
	cr_assert_eq(rig_set()->legs[1].repaired, 0);
	rig_open_gates();
	memio_release(&rig);
	memio_turn(&rig);
	cr_assert_eq(rig_set()->settler.stuck, 0);
}

/* What a leg that left meanwhile fails is not asked for again, nor counted. */
Test(settle, a_read_that_fails_on_a_leg_that_left_is_let_go)
{
	create_dirty(2, 1, 2);
	cr_assert_eq(memio_restart(&rig), 0);
	cr_assert_eq(raid_member_fail(rig.raid, 0, 1), 0);
	memio_turn(&rig);
	cr_assert_eq(rig_set()->units.resync, 1);
	rig_open_gates();
	memio_release_some(&rig, 2, IO_READ, -EIO);
	memio_turn(&rig);
	cr_assert_eq(rig_set()->units.resync, 0);
	cr_assert_eq(rig_set()->legs[1].verdicts[VERDICT_READ_ERROR], 0);
	cr_assert_eq(rig_read(0), 0);
	cr_assert_eq(rig_buf[0], 2);
}

static int
hook_loses_repair(struct memio *mem, const struct io_req *req)
{
	static const uint8_t rotten[RAID_BLOCK];

	/* What is written to member 1 is not there when it is read back. */
	if (req->op == IO_READ && req->member == 1 &&
	    memio_area(mem, req) == AREA_DATA)
		memcpy(rig_member_block(1, 0), rotten, RAID_BLOCK);
	return 0;
}

Test(settle, a_repair_that_the_disk_lost_is_not_called_one)
{
	rig_create(2);
	cr_assert_eq(rig_write(0, 1, RAID_FUA), 0);
	rig.hook = hook_loses_repair;
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(rig_read(0), 0);
		cr_assert_eq(rig_buf[0], 1);
	}
	cr_assert_geq(rig_set()->legs[1].budget_used, 2);
	cr_assert_eq(rig_set()->legs[1].repaired, 0);
	cr_assert_eq(rig.notes[NOTE_REPAIRED], 0);
}
