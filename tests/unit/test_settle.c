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

static void
wait_seconds(unsigned seconds)
{
	for (unsigned i = 0; i < 10 * seconds; i++)
		memio_wait(&m, 100000000);
}

/* Leg 0 lacks the second of two blocks, leg 1 the first, and neither takes a
 * write. */
Test(settle, what_cannot_be_settled_is_an_error_for_all_who_wait)
{
	struct memio_req *read, *write;

	create(2);
	occupy();
	for (int v = 1; v < 3; v++)
		for (uint64_t b = 0; b < 2; b++)
			cr_assert_eq(write_block(BEHIND + b, v, RAID_FUA), 0);
	go_back(1, BEHIND);
	go_back(0, BEHIND + 1);
	gate(0, 3, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(set()->units.resync, SETTLE_MAX + 1);
	read = ask_block(RAID_READ, BEHIND, 0);
	write = ask_block(RAID_WRITE, BEHIND + 1, 1);
	memio_turn(&m);
	cr_assert_not(read->done || write->done);
	gate(1, 3, IO_WRITE, AREA_DATA, -EIO);
	m.gates[0].res = 0;
	memio_release(&m);
	memio_turn(&m);
	cr_assert_eq(m.gates[1].hits, 2);
	cr_assert_eq(read->req.res, -EIO);
	cr_assert_eq(write->req.res, -EIO);
	cr_assert_eq(m.notes[NOTE_LAST_LEG_ERROR], 1);
	cr_assert_not(set()->write_stopped);
	open_gates();
	/* Leg 1 alone decides by now. */
	memio_wait(&m, 1000000000);
	cr_assert_eq(set()->units.resync, 0);
	cr_assert_eq(read_block(BEHIND), 0);
	cr_assert_eq(buf[0], 1);
	cr_assert_eq(read_block(BEHIND + 1), 0);
	cr_assert_eq(buf[0], 2);
}

Test(settle, a_repair_that_fails_takes_nothing_from_the_reader)
{
	create(2);
	cr_assert_eq(write_block(0, 1, RAID_FUA), 0);
	cr_assert_eq(write_block(1, 1, RAID_FUA), 0);
	member_block(1, 0)[5] ^= 1;
	member_block(0, 1)[5] ^= 1;
	gate(1, 3, IO_WRITE, AREA_DATA, -EIO);
	for (unsigned i = 0; i < 4 && m.gates[1].hits == 0; i++) {
		cr_assert_eq(read_block(i % 2), 0);
		cr_assert_eq(buf[5], 1);
	}
	cr_assert_eq(m.gates[1].hits, 2);
	cr_assert_eq(set()->legs[0].run, RUN_OUT);
	cr_assert_eq(m.notes[NOTE_REPAIRED], 0);
	open_gates();
	cr_assert_eq(read_block(1), 0);
	cr_assert_eq(buf[5], 1);
	cr_assert_eq(read_block(0), -EIO);
}

/* The decision cannot be recorded: it can be read, since the next start
 * decides alike.  So can what needed none. */
Test(settle, what_cannot_be_recorded_can_be_read)
{
	struct memio_req *read, *write;

	create(2);
	on_the_last_leg();
	for (uint64_t b = 0; b < 160; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	occupy();
	cr_assert_eq(write_block(BEHIND, 2, RAID_FUA), 0);
	go_back(0, BEHIND);
	gate(0, 1, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&m), 0);
	gate(1, 1, IO_WRITE, AREA_JOURNAL, -EIO);
	read = ask_block(RAID_READ, BEHIND, 0);
	write = ask_block(RAID_WRITE, BEHIND, 1);
	memio_turn(&m);
	m.gates[0].res = 0;
	memio_release(&m);
	memio_turn(&m);
	cr_assert_eq(m.gates[1].hits, 1);
	cr_assert(set()->write_stopped);
	cr_assert_eq(write->req.res, -EIO);
	cr_assert(read->done);
	cr_assert_eq(read->req.res, 0);
	cr_assert_eq(buf[0], 1);
	cr_assert_eq(set()->units.resync, 1);
	cr_assert_eq(sums_newest(&set()->sums, BEHIND + 1), NULL);
	cr_assert_eq(read_block(BEHIND + 1), 0);
	cr_assert_eq(buf[0], 1);
	open_gates();
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(read_block(BEHIND), 0);
	cr_assert_eq(buf[0], 1);
}

/* A set is stuck on its epoch; another one, all of whose legs are, goes on
 * with its recovery. */
Test(settle, a_stuck_epoch_is_nothing_to_a_set_that_lacks_no_leg)
{
	const struct memio_shape shape = {
		.sets = 2, .legs = 2, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = MEMIO_MEMBER_BYTES,
	};

	cr_assert_eq(memio_create_as(&m, &shape), 0);
	cr_assert_eq(write_block(0, 1, RAID_FUA), 0);
	cr_assert_eq(write_block(0, 2, RAID_FUA), 0);
	go_back(1, 0);
	gate(0, 3, IO_READ, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&m), 0);
	gate(1, 8, IO_WRITE, AREA_SUPERBLOCK, -EIO);
	cr_assert_eq(raid_member_fail(m.raid, 1, 0), 0);
	memio_turn(&m);
	cr_assert_eq(m.notes[NOTE_EPOCH_STUCK], 1);
	cr_assert_eq(set()->units.resync, 1);
	m.gates[0].res = 0;
	memio_release(&m);
	cr_assert_eq(read_block(0), 0);
	cr_assert_eq(buf[0], 2);
	cr_assert_eq(set()->units.resync, 0);
	cr_assert_eq(member_block(1, 0)[0], 2);
}

/* --- legs that fail, or hang, meanwhile --- */

/* Two of three legs hang: the third has it, and the unit does not wait; its
 * buffers do, for both. */
Test(settle, reads_given_up_keep_the_buffers_until_they_are_back)
{
	create_dirty(3, 1, 3);
	cr_assert_eq(memio_restart(&m), 0);
	wait_seconds(20);
	cr_assert_eq(set()->in_mask, 4);
	cr_assert_eq(set()->units.resync, 0);
	cr_assert_eq(set()->settler.stuck, 1);
	cr_assert_eq(raid_abandoned(m.raid), 2);
	cr_assert_eq(read_block(0), 0);
	cr_assert_eq(buf[0], 2);
	memio_release_some(&m, 1, IO_READ, 0);
	memio_turn(&m);
	cr_assert_eq(set()->settler.stuck, 1);
	memio_release_some(&m, 2, IO_READ, 0);
	memio_turn(&m);
	cr_assert_eq(set()->settler.stuck, 0);
	cr_assert_eq(raid_abandoned(m.raid), 0);
}

/* It is back before the unit is settled. */
Test(settle, a_read_given_up_may_be_back_before_the_end)
{
	create_dirty(3, 1, 1);
	go_back(2, 0);
	gate(1, 4, IO_WRITE, AREA_DATA, MEMIO_HOLD);
	cr_assert_eq(memio_restart(&m), 0);
	wait_seconds(10);
	cr_assert_eq(set()->in_mask, 6);
	cr_assert_eq(set()->settler.settles[0].step, SETTLE_WRITING);
	cr_assert_eq(set()->settler.settles[0].abandoned, 1);
	memio_release_some(&m, 1, IO_READ, 0);
	memio_turn(&m);
	cr_assert_eq(set()->settler.settles[0].abandoned, 0);
	cr_assert_eq(set()->settler.settles[0].step, SETTLE_WRITING);
	memio_release_some(&m, 4, IO_WRITE, 0);
	memio_turn(&m);
	cr_assert_eq(set()->units.resync, 0);
	cr_assert_eq(set()->settler.stuck, 0);
	cr_assert_eq(member_block(2, 0)[0], 2);
}

/* So many slots there are; then recovery waits for a leg that hangs. */
Test(settle, recovery_stops_when_all_its_buffers_are_stuck)
{
	enum { UNITS = 12 };

	create(3);
	for (int v = 1; v < 3; v++)
		for (uint64_t u = 0; u < UNITS; u++)
			cr_assert_eq(write_block(u * UNIT_BLOCKS, v, RAID_FUA),
				     0);
	gate(0, 1, IO_READ, AREA_DATA, MEMIO_HOLD);
	gate(1, 2, IO_READ, AREA_DATA, MEMIO_HOLD);
	m.gates[1].passes = SETTLE_MAX;
	cr_assert_eq(memio_restart(&m), 0);
	wait_seconds(30);
	cr_assert_eq(set()->in_mask, 4);
	cr_assert_eq(set()->settler.stuck, SETTLE_SLOTS);
	cr_assert_eq(set()->settler.busy, 0);
	cr_assert_eq(set()->units.resync, UNITS - SETTLE_SLOTS);
	open_gates();
	memio_release(&m);
	memio_turn(&m);
	cr_assert_eq(set()->settler.stuck, 0);
	cr_assert_eq(set()->units.resync, 0);
}

/* The leg that was rewritten hangs when it is read back. */
Test(settle, reading_back_is_given_up_with_its_leg)
{
	create_dirty(2, 1, 2);
	m.gates[0].passes = 1;
	go_back(1, 0);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(set()->settler.settles[0].step, SETTLE_CHECKING);
	wait_seconds(10);
	cr_assert_eq(set()->in_mask, 1);
	cr_assert_eq(set()->units.resync, 0);
	cr_assert_eq(set()->settler.stuck, 1);
	cr_assert_eq(set()->legs[1].repaired, 0);
	open_gates();
	memio_release(&m);
	memio_turn(&m);
	cr_assert_eq(set()->settler.stuck, 0);
}

/* What a leg that left meanwhile fails is not asked for again, nor counted. */
Test(settle, a_read_that_fails_on_a_leg_that_left_is_let_go)
{
	create_dirty(2, 1, 2);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), 0);
	memio_turn(&m);
	cr_assert_eq(set()->units.resync, 1);
	open_gates();
	memio_release_some(&m, 2, IO_READ, -EIO);
	memio_turn(&m);
	cr_assert_eq(set()->units.resync, 0);
	cr_assert_eq(set()->legs[1].verdicts[VERDICT_READ_ERROR], 0);
	cr_assert_eq(read_block(0), 0);
	cr_assert_eq(buf[0], 2);
}

static int
hook_loses_repair(struct memio *mem, const struct io_req *req)
{
	static const uint8_t rotten[RAID_BLOCK];

	/* What is written to member 1 is not there when it is read back. */
	if (req->op == IO_READ && req->member == 1 &&
	    memio_area(mem, req) == AREA_DATA)
		memcpy(member_block(1, 0), rotten, RAID_BLOCK);
	return 0;
}

Test(settle, a_repair_that_the_disk_lost_is_not_called_one)
{
	create(2);
	cr_assert_eq(write_block(0, 1, RAID_FUA), 0);
	m.hook = hook_loses_repair;
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(read_block(0), 0);
		cr_assert_eq(buf[0], 1);
	}
	cr_assert_geq(set()->legs[1].budget_used, 2);
	cr_assert_eq(set()->legs[1].repaired, 0);
	cr_assert_eq(m.notes[NOTE_REPAIRED], 0);
}
