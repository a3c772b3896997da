/* SPDX-License-Identifier: MIT */
/*
 * What fails on a leg, and what happens: each row of the table in
 * doc/design.md, with other legs left and on the last leg of its set.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"

#define BLOCKS 512u /* of the array that are used */

static struct memio m;
static uint8_t *block; /* one, aligned */
static uint8_t value[BLOCKS];

/* The one request that is to fail. */
static struct {
	uint16_t member;
	enum io_op op;
	enum memio_area area; /* READ, WRITE */
	unsigned skip;        /* so many of them pass before */
	bool for_ever;
	unsigned hits;
	unsigned seen; /* requests of any kind to the member */
} fault;

static int
fault_hook(struct memio *mem, const struct io_req *req)
{
	if (req->member != fault.member)
		return 0;
	fault.seen++;
	if (req->op != fault.op || (fault.hits > 0 && !fault.for_ever))
		return 0;
	if (req->op != IO_FLUSH && memio_area(mem, req) != fault.area)
		return 0;
	if (fault.skip > 0) {
		fault.skip--;
		return 0;
	}
	fault.hits++;
	return -EIO;
}

static void
fail_at(uint16_t member, enum io_op op, enum memio_area area)
{
	memset(&fault, 0, sizeof(fault));
	fault.member = member;
	fault.op = op;
	fault.area = area;
	m.hook = fault_hook;
}

/* 1 set of 2 legs, small limits: little work makes pages and checkpoints. */
static void
begin(void)
{
	block = aligned_alloc(4096, RAID_BLOCK);
	cr_assert(block != NULL);
	memio_create(&m, 1, 2, 4096);
	m.limits.sums_max = 128;
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
}

static void
end(void)
{
	memio_destroy(&m);
	free(block);
}

TestSuite(leg, .init = begin, .fini = end);

static int
write_block(uint64_t b, uint8_t v, uint32_t flags)
{
	memset(block, v, RAID_BLOCK);
	int res = memio_do(&m, RAID_WRITE, flags, b * RAID_BLOCK, RAID_BLOCK,
			   block);

	if (res == 0)
		value[b] = v;
	return res;
}

static int
read_block(uint64_t b)
{
	memset(block, 0xee, RAID_BLOCK);
	return memio_do(&m, RAID_READ, 0, b * RAID_BLOCK, RAID_BLOCK, block);
}

static bool
block_is(uint8_t v)
{
	for (unsigned i = 0; i < RAID_BLOCK; i++)
		if (block[i] != v)
			return false;
	return true;
}

static void
assert_all_readable(void)
{
	for (uint64_t b = 0; b < BLOCKS; b++) {
		cr_assert_eq(read_block(b), 0, "block %u", (unsigned)b);
		cr_assert(block_is(value[b]), "block %u", (unsigned)b);
	}
}

static int
flush(void)
{
	return memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL);
}

static struct raid_status
status(void)
{
	struct raid_status st;

	raid_status(m.raid, &st);
	return st;
}

/* First writes, rewrites, FUA, FLUSH; more sums than fit, more records than
 * the ring holds.  The first answer that is not 0. */
static int
work(uint8_t v)
{
	int res = 0;

	for (uint64_t b = 0; b < BLOCKS && res == 0; b++)
		res = write_block(b, v, 0);
	for (uint64_t b = 0; b < BLOCKS && res == 0; b++)
		res = write_block(b, v + 1, b % 2 ? RAID_FUA : 0);
	return res == 0 ? flush() : res;
}

/* Block 0 was left by a write that failed; it is an error, or one of two. */
static void
assert_all_but_block_0_readable(uint8_t failed)
{
	int res = read_block(0);

	cr_assert(res == -EIO || block_is(failed) || block_is(value[0]));
	for (uint64_t b = 1; b < BLOCKS; b++) {
		cr_assert_eq(read_block(b), 0, "block %u", (unsigned)b);
		cr_assert(block_is(value[b]), "block %u", (unsigned)b);
	}
}

/* --- other legs are left --- */

static void
assert_evicted(uint16_t member, enum raid_cause cause)
{
	struct raid_status st = status();
	unsigned seen;

	cr_assert_geq(fault.hits, 1);
	cr_assert_eq(st.legs[member].state, LEG_FAILED);
	cr_assert_eq(st.sets[0].health, HEALTH_DEGRADED);
	cr_assert_not(st.sets[0].write_stopped);
	cr_assert_eq(st.epoch_in_force, st.epoch);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 1);
	cr_assert_eq(m.last[NOTE_LEG_FAILED].a, cause);
	cr_assert_eq(m.last[NOTE_LEG_FAILED].leg, member);
	cr_assert_eq(m.notes[NOTE_WRITE_STOPPED], 0);
	/* From now on nothing is asked of it. */
	seen = fault.seen;
	cr_assert_eq(work(0x60), 0);
	cr_assert_eq(fault.seen, seen);
	assert_all_readable();
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(status().legs[member].state, LEG_FAILED);
	assert_all_readable();
}

Test(leg, a_failed_append_costs_the_leg_and_no_answer)
{
	fail_at(1, IO_WRITE, AREA_JOURNAL);
	cr_assert_eq(work(1), 0);
	assert_evicted(1, CAUSE_APPEND);
}

Test(leg, a_failed_append_that_says_dirty_costs_the_leg_and_no_answer)
{
	cr_assert_eq(work(1), 0);
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	fail_at(1, IO_WRITE, AREA_JOURNAL);
	cr_assert_eq(write_block(3, 9, 0), 0);
	assert_evicted(1, CAUSE_APPEND);
}

Test(leg, a_failed_data_write_costs_the_leg_and_no_answer)
{
	fail_at(0, IO_WRITE, AREA_DATA);
	cr_assert_eq(work(1), 0);
	assert_evicted(0, CAUSE_DATA);
}

Test(leg, a_failed_flush_costs_the_leg_and_is_never_tried_again)
{
	cr_assert_eq(work(1), 0);
	fail_at(1, IO_FLUSH, 0);
	fault.for_ever = true;
	cr_assert_eq(write_block(0, 5, 0), 0);
	cr_assert_eq(flush(), 0);
	cr_assert_eq(fault.hits, 1);
	assert_evicted(1, CAUSE_FLUSH);
}

Test(leg, a_failed_page_of_sums_costs_the_leg_and_no_answer)
{
	fail_at(1, IO_WRITE, AREA_SUMS);
	cr_assert_eq(work(1), 0);
	assert_evicted(1, CAUSE_PAGE);
}

Test(leg, a_failed_checkpoint_costs_the_leg_and_no_answer)
{
	fail_at(0, IO_WRITE, AREA_MAP);
	for (unsigned i = 0; i < 4 && fault.hits == 0; i++)
		cr_assert_eq(work((uint8_t)i), 0);
	assert_evicted(0, CAUSE_CHECKPOINT);
}

Test(leg, each_block_of_a_checkpoint_may_be_the_one_that_fails)
{
	fail_at(0, IO_WRITE, AREA_MAP);
	fault.skip = 1; /* the entries pass, the header does not */
	for (unsigned i = 0; i < 4 && fault.hits == 0; i++)
		cr_assert_eq(work((uint8_t)i), 0);
	assert_evicted(0, CAUSE_CHECKPOINT);
}

Test(leg, a_failed_discard_is_nobody_s)
{
	cr_assert_eq(work(1), 0);
	fail_at(1, IO_DISCARD, AREA_DATA);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 0, 64 * RAID_BLOCK, NULL),
		     0);
	cr_assert_eq(fault.hits, 1);
	memset(value, 0, 64);
	assert_all_readable();
	cr_assert_eq(status().legs[1].state, LEG_IN_SYNC);
	cr_assert_eq(status().legs[1].write_errors, 0);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
}

Test(leg, a_read_that_fails_is_answered_by_the_other_leg_and_counted)
{
	cr_assert_eq(work(1), 0);
	fail_at(1, IO_READ, AREA_DATA);
	assert_all_readable();
	cr_assert_eq(fault.hits, 1);
	cr_assert_eq(status().legs[1].read_errors, 1);
	cr_assert_eq(status().legs[1].state, LEG_IN_SYNC);
}

static uint8_t *
member_block(uint32_t member, uint64_t b)
{
	return m.bytes[member] + m.sb.layout.data_offset + b * RAID_BLOCK;
}

Test(leg, a_copy_that_does_not_verify_is_healed_and_never_returned)
{
	cr_assert_eq(work(1), 0);
	member_block(1, 7)[100] ^= 1;
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(read_block(7), 0);
		cr_assert(block_is(value[7]));
	}
	cr_assert_eq(memcmp(member_block(1, 7), block, RAID_BLOCK), 0);
	cr_assert_eq(status().legs[1].repaired, 1);
	cr_assert_geq(status().legs[1].mismatches, 1);
	cr_assert_eq(status().legs[0].mismatches, 0);
}

Test(leg, reads_that_fail_over_the_budget_cost_the_leg)
{
	cr_assert_eq(work(1), 0);
	fail_at(1, IO_READ, AREA_DATA);
	fault.for_ever = true;
	for (unsigned i = 0; i < 10 && m.notes[NOTE_LEG_FAILED] == 0; i++)
		assert_all_readable();
	assert_evicted(1, CAUSE_READS);
}

/* Two bad reads an hour are no more than a disk may have. */
Test(leg, reads_that_fail_now_and_then_do_not_cost_the_leg)
{
	cr_assert_eq(work(1), 0);
	fail_at(1, IO_READ, AREA_DATA);
	for (unsigned errors = 0; errors < 80; errors++) {
		fault.hits = 0;
		for (unsigned b = 0; b < BLOCKS && fault.hits == 0; b++)
			cr_assert_eq(read_block(b), 0);
		cr_assert_eq(fault.hits, 1);
		if (errors % 2 == 1)
			memio_wait(&m, 3600ull * 1000000000);
	}
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
	cr_assert_eq(m.notes[NOTE_READ_ERROR], 80);
}

static int
hold_superblocks(struct memio *mem, const struct io_req *req)
{
	if (memio_area(mem, req) == AREA_SUPERBLOCK && req->op == IO_WRITE)
		return MEMIO_HOLD;
	return fault_hook(mem, req);
}

Test(leg, what_a_leg_missed_is_not_answered_before_an_epoch_without_it)
{
	static const enum memio_area areas[] = {AREA_DATA, AREA_JOURNAL};

	for (unsigned i = 0; i < ARRAY_SIZE(areas); i++) {
		end();
		begin();
		fail_at(1, IO_WRITE, areas[i]);
		m.hook = hold_superblocks;
		cr_assert_eq(write_block(0, 1, RAID_FUA), -EINPROGRESS);
		cr_assert_eq(fault.hits, 1);
		m.hook = fault_hook;
		memio_release(&m);
		memio_turn(&m);
		cr_assert_eq(status().requests, 0);
	}
}

Test(leg, a_flush_that_a_leg_failed_waits_for_an_epoch_without_it)
{
	cr_assert_eq(write_block(0, 1, 0), 0);
	cr_assert_eq(write_block(0, 2, 0), 0);
	fail_at(1, IO_FLUSH, 0);
	m.hook = hold_superblocks;
	cr_assert_eq(flush(), -EINPROGRESS);
	m.hook = fault_hook;
	memio_release(&m);
	memio_turn(&m);
	cr_assert_eq(status().requests, 0);
	cr_assert_eq(status().counters.errors, 0);
}

/* --- superblocks --- */

Test(leg, a_leg_that_fails_its_superblock_is_left_out_by_a_child_epoch)
{
	uint64_t epoch;

	end();
	block = aligned_alloc(4096, RAID_BLOCK);
	memio_create(&m, 2, 2, 4096);
	epoch = status().epoch;
	fail_at(1, IO_WRITE, AREA_SUPERBLOCK);
	cr_assert_eq(raid_member_fail(m.raid, 1, 0), 0);
	memio_turn(&m);
	cr_assert_eq(fault.hits, 1);
	cr_assert_eq(status().legs[1].state, LEG_FAILED);
	cr_assert_eq(status().legs[2].state, LEG_FAILED);
	cr_assert_eq(status().epoch, epoch + 2);
	cr_assert_eq(status().epoch_in_force, epoch + 2);
	cr_assert_eq(work(1), 0);
	assert_all_readable();
}

Test(leg, an_epoch_that_cannot_come_into_force_gives_eio_to_what_waits)
{
	end();
	block = aligned_alloc(4096, RAID_BLOCK);
	memio_create(&m, 2, 2, 4096);
	cr_assert_eq(work(1), 0);
	cr_assert_eq(raid_member_fail(m.raid, 1, 0), 0);
	memio_turn(&m);
	fail_at(3, IO_WRITE, AREA_SUPERBLOCK);
	fault.for_ever = true;
	cr_assert_eq(raid_member_fail(m.raid, 0, 0), 0);
	memio_turn(&m);
	cr_assert_eq(m.notes[NOTE_EPOCH_STUCK], 1);
	cr_assert(status().sets[1].write_stopped);
	cr_assert_lt(status().epoch_in_force, status().epoch);
	/* Set 0 lacks its leg 0, which still is counted; set 1 takes none. */
	cr_assert_eq(write_block(0, 7, 0), -EIO);
	cr_assert_eq(write_block(16, 7, 0), -EIO);
	assert_all_but_block_0_readable(7);
	m.hook = NULL;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(read_block(0), 0);
	cr_assert(block_is(7) || block_is(value[0]));
	value[0] = block[0];
	assert_all_readable();
}

/* --- the last leg --- */

static void
begin_last(void)
{
	begin();
	cr_assert_eq(work(1), 0);
	cr_assert_eq(raid_member_fail(m.raid, 0, 0), 0);
	memio_turn(&m);
	cr_assert_eq(status().legs[0].state, LEG_FAILED);
	m.notes[NOTE_LEG_FAILED] = 0;
}

TestSuite(last_leg, .init = begin_last, .fini = end);

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
	assert_all_readable();
	cr_assert_eq(work(0x70), 0);
	assert_all_readable();
}

Test(last_leg, a_failed_append_stops_writes_and_reads_go_on)
{
	fail_at(1, IO_WRITE, AREA_JOURNAL);
	cr_assert_eq(write_block(3, 9, RAID_FUA), -EIO);
	assert_write_stopped();
	for (uint64_t b = 16; b < BLOCKS; b++) {
		cr_assert_eq(read_block(b), 0);
		cr_assert(block_is(value[b]));
	}
}

Test(last_leg, a_failed_flush_stops_writes_and_is_never_tried_again)
{
	fail_at(1, IO_FLUSH, 0);
	fault.for_ever = true;
	cr_assert_eq(write_block(3, 9, 0), 0);
	cr_assert_eq(flush(), -EIO);
	assert_write_stopped();
	cr_assert_eq(fault.hits, 1);
	assert_all_readable();
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
	assert_all_readable();
	cr_assert_eq(write_block(3, 10, 0), 0);
	cr_assert_eq(flush(), 0);
	assert_all_readable();
	cr_assert_eq(memio_restart(&m), 0);
	assert_all_readable();
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
	assert_all_readable();
	cr_assert_eq(memio_restart(&m), 0);
	assert_all_readable();
}

Test(last_leg, a_block_that_does_not_verify_is_an_error_until_written_whole)
{
	member_block(1, 7)[100] ^= 1;
	cr_assert_eq(read_block(7), -EIO);
	cr_assert_eq(read_block(7), -EIO);
	cr_assert_geq(status().sets[0].lost_blocks, 1);
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, 7 * RAID_BLOCK, 512, block),
		     -EIO);
	cr_assert_eq(read_block(6), 0);
	cr_assert_eq(read_block(8), 0);
	cr_assert_eq(write_block(7, 9, 0), 0);
	assert_all_readable();
}

Test(last_leg, reads_that_fail_do_not_cost_the_last_leg)
{
	fail_at(1, IO_READ, AREA_DATA);
	fault.for_ever = true;
	for (unsigned i = 0; i < 60; i++)
		cr_assert_eq(read_block(i), -EIO);
	cr_assert_eq(status().legs[1].state, LEG_IN_SYNC);
	m.hook = NULL;
	assert_all_readable();
}

Test(last_leg, a_failed_superblock_stops_writes)
{
	end();
	block = aligned_alloc(4096, RAID_BLOCK);
	memset(value, 0, sizeof(value));
	memio_create(&m, 2, 2, 4096);
	cr_assert_eq(work(1), 0);
	cr_assert_eq(raid_member_fail(m.raid, 0, 0), 0);
	memio_turn(&m);
	m.notes[NOTE_LEG_FAILED] = 0;
	fail_at(1, IO_WRITE, AREA_SUPERBLOCK);
	cr_assert_eq(raid_member_fail(m.raid, 1, 0), 0);
	memio_turn(&m);
	cr_assert(status().sets[0].write_stopped);
	cr_assert_eq(status().legs[1].state, LEG_IN_SYNC);
	assert_all_readable();
}

Test(last_leg, a_failed_discard_is_nobody_s)
{
	fail_at(1, IO_DISCARD, AREA_DATA);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 0, RAID_BLOCK, NULL), 0);
	cr_assert_eq(fault.hits, 1);
	value[0] = 0;
	assert_all_readable();
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
	end();
	block = aligned_alloc(4096, RAID_BLOCK);
	memset(value, 0, sizeof(value));
	memio_create(&m, 1, 3, 4096);
	fail_at(2, IO_WRITE, AREA_DATA);
	cr_assert_eq(work(1), 0);
	fail_at(0, IO_WRITE, AREA_JOURNAL);
	cr_assert_eq(work(3), 0);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 2);
	cr_assert_eq(status().sets[0].in_sync, 1);
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), -EBUSY);
	cr_assert_eq(memio_restart(&m), 0);
	assert_all_readable();
}
