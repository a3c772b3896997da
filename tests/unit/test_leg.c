/* SPDX-License-Identifier: MIT */
/*
 * What fails on a leg, and what happens, while other legs of its set are left:
 * rows of the table in doc/design.md.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "check.h"
#include "trial.h"

TestSuite(leg, .init = trial_begin, .fini = trial_end);

/* Block 0 was left by a write that failed; it is an error, or one of two. */
static void
assert_all_but_block_0_readable(uint8_t failed)
{
	int res = read_block(0);

	cr_assert(res == -EIO || block_is(failed) || block_is(value[0]));
	cr_assert_eq(first_wrong(1), BLOCKS);
}

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
	cr_assert_eq(first_wrong(0), BLOCKS);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(status().legs[member].state, LEG_FAILED);
	cr_assert_eq(first_wrong(0), BLOCKS);
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
	cr_assert_eq(first_wrong(0), BLOCKS);
	cr_assert_eq(status().legs[1].state, LEG_IN_SYNC);
	cr_assert_eq(status().legs[1].write_errors, 0);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
}

Test(leg, a_read_that_fails_is_answered_by_the_other_leg_and_counted)
{
	cr_assert_eq(work(1), 0);
	fail_at(1, IO_READ, AREA_DATA);
	cr_assert_eq(first_wrong(0), BLOCKS);
	cr_assert_eq(fault.hits, 1);
	cr_assert_eq(status().legs[1].read_errors, 1);
	cr_assert_eq(status().legs[1].state, LEG_IN_SYNC);
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
		cr_assert_eq(first_wrong(0), BLOCKS);
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
		trial_end();
		trial_begin();
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

	trial_end();
	trial_create(2, 2);
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
	cr_assert_eq(first_wrong(0), BLOCKS);
}

Test(leg, an_epoch_that_cannot_come_into_force_gives_eio_to_what_waits)
{
	trial_end();
	trial_create(2, 2);
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
	cr_assert_eq(first_wrong(0), BLOCKS);
}
