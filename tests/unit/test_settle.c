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
	cr_assert_eq(extents_sum(&set()->lost.now[LOST_BLOCKS]), 0);
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

/* --- which evidence --- */

/* Neither the sum in the journal nor the one in the page is that of any leg:
 * the lowest one's data, counted (R17). */
Test(settle, what_no_sum_vouches_for_is_taken_from_the_lowest_leg)
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
Test(settle, a_lone_sum_over_an_unwritten_block_is_a_loss)
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
Test(settle, a_lone_sum_in_a_region_without_a_page_is_a_loss)
{
	create_dirty(2, 1, 3);
	cr_assert_eq(memio_restart(&m), 0);
	push_sum(1, 12345, 0);
	settle_unit_0();
	cr_assert_eq(read_block(1), -EIO);
	cr_assert_eq(set()->unverified_blocks, 0);
}

/* What the page would say is not known: nothing is taken (R24). */
Test(settle, what_only_a_lost_page_could_tell_is_a_loss)
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
Test(settle, below_the_base_no_sum_vouches)
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
Test(settle, below_a_sum_there_are_no_zeros)
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

/* --- legs that fail, or hang, meanwhile --- */

static void
wait_seconds(unsigned seconds)
{
	for (unsigned i = 0; i < 10 * seconds; i++)
		memio_wait(&m, 100000000);
}

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

/* --- what is settled next --- */

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
Test(settle, repairs_that_were_forgotten_are_found_again)
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
Test(settle, a_leg_that_was_failed_gets_no_more_verdicts)
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
Test(settle, a_read_of_two_units_waits_for_the_one_that_is_dirty)
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
Test(settle, a_stop_goes_on_with_recovery_while_a_write_waits_for_room)
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
