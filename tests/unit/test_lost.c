/* SPDX-License-Identifier: MIT */
/*
 * What no leg verifies: the list of extents against a map of bits, and what
 * becomes of entries, in memory, in the journal and in a replay.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "extents.h"
#include "set.h"
#include "trial.h"

/* --- extents --- */

#define WIDTH 96u

static struct extent room[WIDTH];
static struct extents list;
static bool bits[WIDTH];
static uint64_t dice;

static uint64_t
roll(uint64_t n)
{
	dice = dice * 6364136223846793005ull + 1442695040888963407ull;
	return (dice >> 33) % n;
}

static void
begin_extents(void)
{
	list = (struct extents){.all = room, .max = WIDTH};
	memset(bits, 0, sizeof(bits));
	dice = 1;
}

TestSuite(extents, .init = begin_extents);

static void
assert_is_the_map(void)
{
	uint64_t sum = 0;

	extents_check(&list);
	for (unsigned i = 0; i < WIDTH; i++) {
		cr_assert_eq(extents_touch(&list, i, 1), bits[i], "%u", i);
		sum += bits[i];
	}
	cr_assert_eq(extents_sum(&list), sum);
}

Test(extents, are_what_was_added_but_for_what_was_removed)
{
	for (unsigned round = 0; round < 20000; round++) {
		uint64_t start = roll(WIDTH);
		uint64_t count = 1 + roll(WIDTH - start < 9 ? WIDTH - start
							    : 9);
		bool add = roll(2) == 0;

		memset(bits + start, add, count);
		if (add)
			cr_assert(extents_add(&list, start, count, 7));
		else
			cr_assert(extents_remove(&list, start, count));
		assert_is_the_map();
	}
}

Test(extents, know_the_earliest_time_of_what_was_merged)
{
	cr_assert(extents_add(&list, 1, 2, 50));
	cr_assert(extents_add(&list, 5, 2, 0));
	cr_assert(extents_add(&list, 3, 2, 40));
	cr_assert_eq(list.used, 1);
	cr_assert_eq(list.all[0].start, 1);
	cr_assert_eq(list.all[0].count, 6);
	cr_assert_eq(list.all[0].since_s, 40);
	cr_assert(extents_remove(&list, 3, 1));
	cr_assert_eq(list.used, 2);
	cr_assert_eq(list.all[1].since_s, 40);
}

Test(extents, that_find_no_room_are_not_there)
{
	list.max = 2;
	cr_assert(extents_add(&list, 10, 3, 1));
	cr_assert(extents_add(&list, 20, 3, 1));
	cr_assert_not(extents_add(&list, 30, 1, 1));
	cr_assert_not(extents_touch(&list, 30, 1));
	cr_assert(extents_add(&list, 13, 1, 1));
	cr_assert_not(extents_remove(&list, 11, 1));
	cr_assert(extents_touch(&list, 10, 1));
	cr_assert_not(extents_touch(&list, 11, 9));
	cr_assert(extents_touch(&list, 20, 1));
	extents_check(&list);
}

Test(extents, minus_others_are_what_only_they_have)
{
	static struct extent other_room[WIDTH];

	for (unsigned round = 0; round < 3000; round++) {
		struct extents other = {.all = other_room, .max = WIDTH};
		struct extent e;
		uint64_t at = 0;

		begin_extents();
		dice = round;
		for (unsigned i = 0; i < 6; i++) {
			uint64_t start = roll(WIDTH - 9);
			uint64_t count = 1 + roll(9);

			cr_assert(extents_add(&list, start, count, 3));
			memset(bits + start, true, count);
		}
		for (unsigned i = 0; i < 6; i++)
			cr_assert(extents_add(&other, roll(WIDTH - 9),
					      1 + roll(9), 3));
		for (unsigned i = 0; i < WIDTH; i++)
			bits[i] &= !extents_touch(&other, i, 1);
		while (extents_minus(&list, &other, &at, &e))
			for (uint64_t i = e.start; i < e.start + e.count; i++) {
				cr_assert(bits[i]);
				bits[i] = false;
			}
		for (unsigned i = 0; i < WIDTH; i++)
			cr_assert_not(bits[i]);
	}
}

/* --- the engine's list --- */

static void
begin_lost(void)
{
	trial_begin();
	cr_assert_eq(work(1), 0);
	cr_assert_eq(flush(), 0);
}

TestSuite(lost, .init = begin_lost, .fini = trial_end);

static void
lose(uint64_t b)
{
	member_block(0, b)[100] ^= 1;
	member_block(1, b)[100] ^= 1;
	cr_assert_eq(read_block(b), -EIO);
}

/* The list is these blocks, one after the other. */
static void
assert_listed(uint64_t b, uint64_t count)
{
	struct raid_lost out[4];

	cr_assert_eq(raid_lost(m.raid, 0, out, 4), count > 0);
	cr_assert_eq(status().sets[0].lost_blocks, count);
	if (count == 0)
		return;
	cr_assert_eq(out[0].offset, b * RAID_BLOCK);
	cr_assert_eq(out[0].length, count * RAID_BLOCK);
	cr_assert_not(out[0].page);
}

Test(lost, a_block_is_listed_once_and_merged_with_its_neighbour)
{
	lose(7);
	assert_listed(7, 1);
	cr_assert_eq(read_block(7), -EIO);
	cr_assert_eq(m.notes[NOTE_LOST_BLOCK], 1);
	cr_assert_eq(m.last[NOTE_LOST_BLOCK].a, 7 * RAID_BLOCK);
	lose(8);
	lose(6);
	assert_listed(6, 3);
	cr_assert_eq(m.notes[NOTE_LOST_BLOCK], 3);
	cr_assert_eq(status().sets[0].lost_reads, 4);
}

Test(lost, no_more_is_told_than_there_is_room_for)
{
	struct raid_lost out[2] = {{0}};

	lose(7);
	lose(9);
	lose(11);
	cr_assert_eq(raid_lost(m.raid, 0, out, 1), 1);
	cr_assert_eq(out[0].offset, 7 * RAID_BLOCK);
	cr_assert_eq(out[1].length, 0);
	cr_assert_eq(raid_lost(m.raid, 0, out, 2), 2);
	cr_assert_eq(out[1].offset, 9 * RAID_BLOCK);
}

Test(lost, the_list_is_there_after_a_restart_and_after_many_checkpoints)
{
	uint64_t checkpoints;

	lose(7);
	cr_assert_eq(memio_restart(&m), 0);
	assert_listed(7, 1);
	checkpoints = status().counters.checkpoints;
	while (status().counters.checkpoints < checkpoints + 3)
		for (unsigned b = 16; b < BLOCKS; b++)
			cr_assert_eq(write_block(b, (uint8_t)b, 0), 0);
	cr_assert_eq(flush(), 0);
	cr_assert_eq(memio_restart(&m), 0);
	assert_listed(7, 1);
	cr_assert_eq(read_block(7), -EIO);
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	assert_listed(7, 1);
}

Test(lost, what_is_overwritten_is_on_the_list_no_more)
{
	lose(7);
	lose(8);
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, 7 * RAID_BLOCK, 512, block),
		     -EIO);
	assert_listed(7, 2);
	cr_assert_eq(write_block(7, 9, 0), 0);
	assert_listed(8, 1);
	cr_assert_eq(m.notes[NOTE_LOST_OVERWRITTEN], 1);
	cr_assert_eq(memio_restart(&m), 0);
	assert_listed(8, 1);
	cr_assert_eq(write_block(8, 9, RAID_FUA), 0);
	assert_listed(0, 0);
	cr_assert_eq(memio_restart(&m), 0);
	assert_listed(0, 0);
	cr_assert_eq(first_wrong(0), BLOCKS);
}

Test(lost, what_is_discarded_is_on_the_list_no_more)
{
	lose(7);
	lose(8);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 8 * RAID_BLOCK, RAID_BLOCK,
			      NULL), 0);
	value[8] = 0;
	assert_listed(7, 1);
	cr_assert_eq(m.notes[NOTE_LOST_DISCARDED], 1);
	cr_assert_eq(memio_restart(&m), 0);
	assert_listed(7, 1);
	cr_assert_eq(memio_do(&m, RAID_ZEROES, 0, 0, 16 * RAID_BLOCK, NULL),
		     0);
	assert_listed(0, 0);
}

/* A disk that gave other bytes for a while: each start looks again. */
Test(lost, what_can_be_read_again_was_never_lost)
{
	lose(7);
	lose(300);
	member_block(1, 7)[100] ^= 1;
	cr_assert_eq(status().sets[0].lost_blocks, 2);
	cr_assert_eq(memio_restart(&m), 0);
	memio_wait(&m, 1000000000);
	cr_assert_eq(status().sets[0].lost_blocks, 1);
	cr_assert_eq(m.notes[NOTE_LOST_READABLE], 1);
	cr_assert_eq(m.last[NOTE_LOST_READABLE].a, 7 * RAID_BLOCK);
	cr_assert_eq(read_block(7), 0);
	cr_assert(block_is(value[7]));
	member_block(0, 300)[100] ^= 1;
	cr_assert_eq(read_block(300), 0);
	assert_listed(0, 0);
	cr_assert_eq(first_wrong(0), BLOCKS);
}

/* Part of a block that was on the list a moment ago: the rest of it is read,
 * and the block written as one that was lost. */
Test(lost, part_of_a_block_that_is_well_again_can_be_written)
{
	lose(7);
	member_block(1, 7)[100] ^= 1;
	memset(block, 0x55, 512);
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, 7 * RAID_BLOCK, 512, block),
		     0);
	assert_listed(0, 0);
	cr_assert_eq(memio_restart(&m), 0);
	assert_listed(0, 0);
	cr_assert_eq(read_block(7), 0);
	cr_assert_eq(block[511], 0x55);
	cr_assert_eq(block[512], value[7]);
	cr_assert_eq(member_block(0, 7)[512], value[7]);
}

/* A write-stopped set says nothing in its journal, and keeps the list. */
Test(lost, a_set_that_records_nothing_lists_all_the_same)
{
	cr_assert_eq(raid_member_fail(m.raid, 0, 0), 0);
	memio_turn(&m);
	fail_at(1, IO_WRITE, AREA_JOURNAL);
	cr_assert_eq(write_block(3, 9, RAID_FUA), -EIO);
	cr_assert(status().sets[0].write_stopped);
	member_block(1, 7)[100] ^= 1;
	cr_assert_eq(read_block(7), -EIO);
	assert_listed(7, 1);
}

/* The legs of what nobody can read have all the rest: no start that looks at
 * it again may cost one of them. */
Test(lost, blocks_that_a_start_looks_at_cost_no_leg)
{
	m.limits.read_error_budget = 1000;
	cr_assert_eq(memio_restart(&m), 0);
	for (unsigned b = 0; b < 60; b += 2)
		lose(b);
	m.limits.read_error_budget = 20;
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	memio_wait(&m, 1000000000);
	cr_assert_eq(status().sets[0].lost_blocks, 30);
	cr_assert_eq(status().sets[0].in_sync, 2);
}

/* The storer tries a page again and again while sums press. */
Test(lost, a_page_that_no_leg_can_read_costs_none)
{
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	m.gates[0] = (struct memio_gate){.members = 3, .op = IO_READ,
					 .area = AREA_SUMS, .res = -EIO};
	cr_assert_eq(read_block(7), -EIO);
	cr_assert_gt(m.notes[NOTE_PAGE_LOST], 0);
	for (unsigned i = 0; i < 60; i++) {
		for (unsigned b = 0; b < BLOCKS; b++)
			(void)write_block(b, (uint8_t)i, 0);
		memio_wait(&m, 2000000000);
	}
	cr_assert_leq(m.notes[NOTE_PAGE_BAD], 2 * m.notes[NOTE_PAGE_LOST]);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
}

/* Both legs lost a write; a crash leaves the unit to R17, which looks at the
 * block whenever it is read. */
Test(lost, a_write_that_all_legs_lost_costs_none)
{
	uint8_t before[RAID_BLOCK];
	const struct set *set = &m.raid->sets[0];

	while (sums_newest(&set->sums, 7)) /* until a page has it */
		for (unsigned b = 64; b < BLOCKS; b++)
			cr_assert_eq(write_block(b, (uint8_t)b, 0), 0);
	memcpy(before, member_block(0, 7), RAID_BLOCK);
	cr_assert_eq(write_block(7, 99, RAID_FUA), 0);
	memio_wait(&m, 100000000000); /* until its unit is CLEAN */
	memcpy(member_block(0, 7), before, RAID_BLOCK);
	memcpy(member_block(1, 7), before, RAID_BLOCK);
	cr_assert_eq(read_block(7), -EIO);
	cr_assert_eq(m.notes[NOTE_LOST_WRITE], 2);
	cr_assert_eq(write_block(8, 9, 0), 0);
	cr_assert_eq(memio_restart(&m), 0);
	for (unsigned i = 0; i < 60; i++)
		cr_assert_eq(read_block(7), -EIO);
	cr_assert_eq(m.raid->sets[0].units.open, 1);
	cr_assert_eq(m.notes[NOTE_LOST_WRITE], 2);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
}

/* --- lists that are full, or long --- */

static void
restart_with(uint32_t lost_max)
{
	m.limits.lost_max = lost_max;
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
}

/* The middle of an extent goes, and there is no room for both its ends: that
 * there are more is known, now and later, until nothing is lost. */
Test(lost, what_is_split_may_find_no_room)
{
	restart_with(2);
	lose(7);
	lose(8);
	lose(9);
	lose(20);
	cr_assert_not(status().sets[0].lost_more);
	cr_assert_eq(write_block(8, 9, RAID_FUA), 0);
	for (unsigned i = 0; i < 2; i++) {
		cr_assert(status().sets[0].lost_more);
		cr_assert(lost_is_possible(&m.raid->sets[0], 100));
		cr_assert_eq(read_block(8), 0);
		cr_assert_eq(memio_stop(&m), 0);
		cr_assert_eq(memio_restart(&m), 0);
	}
	cr_assert_eq(read_block(7), -EIO);
	cr_assert_eq(read_block(9), -EIO);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 0, 32 * RAID_BLOCK, NULL),
		     0);
	cr_assert_not(status().sets[0].lost_more);
	cr_assert_eq(status().sets[0].lost_blocks, 0);
}

#define MANY (LOST_ITEMS + 8)

static void
hold_journal(void)
{
	m.gates[0] = (struct memio_gate){.members = 3, .op = IO_WRITE,
					 .area = AREA_JOURNAL,
					 .res = MEMIO_HOLD};
}

static void
let_go(void)
{
	m.gates[0].res = 0;
	memio_release(&m);
	memio_turn(&m);
}

/* While a record is under way, more comes than one can say. */
Test(lost, what_does_not_fit_one_record_is_in_the_next)
{
	hold_journal();
	for (uint64_t i = 0; i < MANY; i++)
		lose(2 * i);
	let_go();
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(status().sets[0].lost_blocks, MANY);
	hold_journal();
	for (uint64_t i = 0; i < MANY; i++) {
		member_block(1, 2 * i)[100] ^= 1;
		cr_assert_eq(read_block(2 * i), 0);
	}
	let_go();
	cr_assert_eq(status().sets[0].lost_blocks, 0);
	cr_assert_eq(m.raid->sets[0].lost.said[LOST_BLOCKS].used, 0);
	cr_assert_eq(m.notes[NOTE_LOST_READABLE], MANY);
}

/* That it can be read again is not durable: the next start looks again. */
Test(lost, an_end_that_is_not_recorded_is_found_again)
{
	lose(7);
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), 0);
	memio_turn(&m);
	fail_at(0, IO_WRITE, AREA_JOURNAL);
	member_block(0, 7)[100] ^= 1;
	cr_assert_eq(read_block(7), 0);
	assert_listed(0, 0);
	cr_assert(status().sets[0].write_stopped);
	cr_assert(lost_is_listed(&m.raid->sets[0], 7, 1));
	m.hook = NULL;
	cr_assert_eq(memio_restart(&m), 0);
	memio_turn(&m);
	assert_listed(0, 0);
	cr_assert_eq(m.notes[NOTE_LOST_READABLE], 2);
	cr_assert_eq(read_block(7), 0);
	cr_assert(block_is(value[7]));
}

/* More entries than one record of the list's own says, and a checkpoint that
 * says all: one that goes then must not come back after a crash. */
Test(lost, what_only_a_checkpoint_has_said_goes_for_good)
{
	struct set *set = &m.raid->sets[0];
	unsigned count = LOST_ITEMS + 8;

	m.gates[0] = (struct memio_gate){.members = 3, .op = IO_WRITE,
					 .area = AREA_JOURNAL,
					 .res = MEMIO_HOLD};
	for (unsigned i = 0; i < count; i++)
		lost_add(set, 2 * i);
	checkpoint_want(set);
	memio_turn(&m);
	for (unsigned i = LOST_ITEMS; i < count; i++)
		lost_readable(set, 2 * i);
	m.gates[0].res = 0;
	memio_release(&m);
	memio_turn(&m);
	memset(m.notes, 0, sizeof(m.notes));
	cr_assert_eq(memio_restart(&m), 0);
	memio_wait(&m, 1000000000);
	cr_assert_eq(m.notes[NOTE_LOST_READABLE], LOST_ITEMS);
	assert_listed(0, 0);
}
