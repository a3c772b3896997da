/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a leg's copy is called by its name, at its place, once,
 * and is healed.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "trial.h"

TestSuite(verdict, .init = trial_begin, .fini = trial_end);

static unsigned
verdicts_of(uint32_t member)
{
	struct raid_status st = status();
	unsigned sum = 0;

	for (enum raid_verdict v = 0; v < VERDICT_COUNT; v++)
		sum += (unsigned)st.legs[member].verdicts[v];
	cr_assert_eq(st.legs[member].budget_used, sum);
	return sum;
}

/* Either leg is asked in turn. */
static void
read_often(uint64_t b)
{
	for (unsigned i = 0; i < 8; i++) {
		cr_assert_eq(read_block(b), 0);
		cr_assert(block_is(value[b]));
	}
}

static void
assert_healed(uint64_t b)
{
	cr_assert_eq(memcmp(member_block(0, b), member_block(1, b),
			    RAID_BLOCK),
		     0);
	cr_assert_eq(m.notes[NOTE_REPAIRED], 1);
	cr_assert_eq(status().legs[1].repaired, 1);
	cr_assert_eq(verdicts_of(1), 1);
	cr_assert_eq(verdicts_of(0), 0);
}

/* Bytes of which no two are the same for long, so that they tell a place. */
static void
write_pattern(uint64_t b, uint8_t v, uint32_t flags)
{
	for (unsigned i = 0; i < RAID_BLOCK; i++)
		block[i] = (uint8_t)(v + i * 7 + i / 256);
	cr_assert_eq(memio_do(&m, RAID_WRITE, flags, b * RAID_BLOCK, RAID_BLOCK,
			      block),
		     0);
}

Test(verdict, what_matches_nothing_is_a_mismatch)
{
	cr_assert_eq(work(1), 0);
	member_block(1, 7)[99] ^= 4;
	read_often(7);
	cr_assert_eq(m.notes[NOTE_MISMATCH], 1);
	cr_assert_eq(m.last[NOTE_MISMATCH].leg, 1);
	cr_assert_eq(m.last[NOTE_MISMATCH].a, 7 * RAID_BLOCK);
	cr_assert_eq(m.last[NOTE_MISMATCH].b, RAID_BLOCK);
	assert_healed(7);
}

Test(verdict, what_was_there_before_is_a_lost_write)
{
	static uint8_t old[RAID_BLOCK];

	cr_assert_eq(work(1), 0);
	memcpy(old, member_block(1, 9), RAID_BLOCK);
	cr_assert_eq(write_block(9, 0x77, 0), 0);
	memcpy(member_block(1, 9), old, RAID_BLOCK);
	read_often(9);
	cr_assert_eq(m.notes[NOTE_LOST_WRITE], 1);
	cr_assert_eq(m.last[NOTE_LOST_WRITE].a, 9 * RAID_BLOCK);
	assert_healed(9);
}

Test(verdict, data_of_a_block_near_by_is_misdirected_and_its_place_is_named)
{
	cr_assert_eq(work(1), 0);
	write_pattern(20, 3, RAID_FUA);
	memcpy(member_block(1, 23), member_block(1, 20), RAID_BLOCK);
	read_often(23);
	cr_assert_eq(m.notes[NOTE_MISDIRECTED], 1);
	cr_assert_eq(m.last[NOTE_MISDIRECTED].a, 23 * RAID_BLOCK);
	cr_assert_eq(m.last[NOTE_MISDIRECTED].b, 20 * RAID_BLOCK);
	assert_healed(23);
}

/* Another region, whose sum is in memory; the address differs in one bit. */
Test(verdict, data_of_a_block_a_bit_away_is_misdirected)
{
	cr_assert_eq(work(1), 0);
	write_pattern(5 + 256, 3, RAID_FUA);
	memcpy(member_block(1, 5), member_block(1, 5 + 256), RAID_BLOCK);
	read_often(5);
	cr_assert_eq(m.notes[NOTE_MISDIRECTED], 1);
	cr_assert_eq(m.last[NOTE_MISDIRECTED].b, (5 + 256) * RAID_BLOCK);
	assert_healed(5);
}

/* Both have one byte over and over: that tells nothing. */
Test(verdict, uniform_data_of_another_block_is_a_mismatch)
{
	cr_assert_eq(work(1), 0);
	cr_assert_eq(write_block(20, 0x31, RAID_FUA), 0);
	cr_assert_eq(write_block(23, 0x32, RAID_FUA), 0);
	memcpy(member_block(1, 23), member_block(1, 20), RAID_BLOCK);
	read_often(23);
	cr_assert_eq(m.notes[NOTE_MISDIRECTED], 0);
	cr_assert_eq(m.notes[NOTE_MISMATCH], 1);
	assert_healed(23);
}

Test(verdict, a_read_error_is_told_once_and_called_well_when_it_is)
{
	cr_assert_eq(work(1), 0);
	fail_at(1, IO_READ, AREA_DATA);
	for (unsigned b = 0; fault.hits == 0; b++)
		cr_assert_eq(read_block(b), 0);
	cr_assert_eq(m.notes[NOTE_READ_ERROR], 1);
	cr_assert_eq(m.last[NOTE_READ_ERROR].err, -EIO);
	cr_assert_eq(m.notes[NOTE_REPAIRED], 1);
	cr_assert_eq(m.last[NOTE_REPAIRED].b, 1);
	cr_assert_eq(m.last[NOTE_REPAIRED].a, m.last[NOTE_READ_ERROR].a);
	cr_assert_eq(status().legs[1].repaired, 0);
	cr_assert_eq(verdicts_of(1), 1);
}

/* What no leg has is no new fault each time that it is asked for. */
Test(verdict, a_lost_block_costs_its_legs_one_verdict_each)
{
	cr_assert_eq(work(1), 0);
	member_block(0, 7)[99] ^= 4;
	member_block(1, 7)[98] ^= 4;
	for (unsigned i = 0; i < 60; i++)
		cr_assert_eq(read_block(7), -EIO);
	cr_assert_eq(verdicts_of(0), 1);
	cr_assert_eq(verdicts_of(1), 1);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
	cr_assert_eq(write_block(7, 1, 0), 0);
	read_often(7);
}

static int
unreadable(struct memio *mem, const struct io_req *req)
{
	uint64_t at = mem->sb.layout.data_offset +
		      *(const uint64_t *)mem->hook_arg * RAID_BLOCK;

	return req->op == IO_READ && req->member == 1 && req->offset <= at &&
			       at < req->offset + req->length
		       ? -EIO
		       : 0;
}

/* Until it is written. */
static int
unreadable_until_written(struct memio *mem, const struct io_req *req)
{
	uint64_t *b = mem->hook_arg;

	if (req->op == IO_WRITE && req->member == 1 &&
	    req->offset == mem->sb.layout.data_offset + *b * RAID_BLOCK)
		*b = 1u << 20; /* beyond all that is read */
	return unreadable(mem, req);
}

/* Nobody wrote it; but reads across it fail on that leg, and count. */
Test(verdict, an_unwritten_block_that_cannot_be_read_is_blanked)
{
	static uint64_t bad;
	uint8_t *buf;

	cr_assert_eq(write_block(0, 1, RAID_FUA), 0);
	cr_assert_eq(write_block(2, 1, RAID_FUA), 0);
	buf = aligned_alloc(RAID_BLOCK, 4 * RAID_BLOCK);
	bad = 1;
	m.hook = unreadable_until_written;
	m.hook_arg = &bad;
	for (unsigned i = 0; i < 60; i++)
		cr_assert_eq(memio_do(&m, RAID_READ, 0, 0, 4 * RAID_BLOCK, buf),
			     0);
	free(buf);
	cr_assert_gt(bad, 1u);
	cr_assert_eq(verdicts_of(1), 1);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
}
