/* SPDX-License-Identifier: MIT */
/*
 * Has a leg still the metadata that it acknowledged (recall.c)?  What is taken
 * for older, what is not, and what comes between the question and its answer.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "set.h"

#define LARGE     (2048u * RAID_BLOCK) /* its record takes several blocks */
#define SECOND_NS 1000000000ull

static struct memio m;
static uint8_t *buf;   /* LARGE */
static uint8_t *image; /* of member 0, in the past */

static struct set *
set(void)
{
	return &m.raid->sets[0];
}

static struct leg *
leg(uint32_t i)
{
	return &set()->legs[i];
}

static void
write_bytes(uint64_t length)
{
	memset(buf, 1, length);
	cr_assert_eq(memio_do(&m, RAID_WRITE, RAID_FUA, 0, length, buf), 0);
}

static void
write_records(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		write_bytes(RAID_BLOCK);
}

static void
create_sets(uint32_t sets, uint32_t legs, uint64_t journal_bytes,
	    struct raid_limits limits)
{
	const struct memio_shape shape = {
		.sets = sets, .legs = legs, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = MEMIO_MEMBER_BYTES,
		.journal_bytes = journal_bytes, .limits = limits,
	};

	cr_assert_eq(memio_create_as(&m, &shape), 0);
	write_records(8);
}

static void
create(uint32_t legs, uint64_t journal_bytes, struct raid_limits limits)
{
	create_sets(1, legs, journal_bytes, limits);
}

static void
create_usual(void)
{
	create(2, 0, (struct raid_limits){.parts_max = 256});
}

static void
begin(void)
{
	buf = aligned_alloc(4096, LARGE);
	image = malloc(MEMIO_MEMBER_BYTES);
	cr_assert(buf != NULL && image != NULL);
}

static void
end(void)
{
	memio_destroy(&m);
	free(image);
	free(buf);
}

TestSuite(recall, .init = begin, .fini = end);

static void
remember(void)
{
	memcpy(image, m.bytes[0], m.member_bytes);
}

static void
go_back(void)
{
	memcpy(m.bytes[0], image, m.member_bytes);
}

static void
ask(uint32_t i)
{
	recall_ask(leg(i));
	memio_turn(&m);
}

static void
hold(unsigned members, enum io_op op, enum memio_area area)
{
	m.gates[0] = (struct memio_gate){.members = members, .op = op,
					 .area = area, .res = MEMIO_HOLD};
}

static void
let_go(void)
{
	memset(m.gates, 0, sizeof(m.gates));
	memio_release(&m);
	memio_turn(&m);
}

/* The last block of the journal but so many. */
static uint8_t *
ring_block(uint64_t behind)
{
	return m.bytes[0] + m.sb.layout.journal_offset +
	       (set()->journal.last_index - behind) * RAID_BLOCK;
}

static void
expect_back(enum raid_back what, uint64_t behind)
{
	cr_assert_eq(m.notes[NOTE_WENT_BACK], 1);
	cr_assert_eq(m.last[NOTE_WENT_BACK].leg, 0);
	cr_assert_eq(m.last[NOTE_WENT_BACK].a, what);
	cr_assert_eq(m.last[NOTE_WENT_BACK].b, behind);
}

/* --- what is older, and what is not --- */

Test(recall, a_leg_that_has_all_is_not_told)
{
	create_usual();
	ask(0);
	cr_assert_eq(m.notes[NOTE_WENT_BACK], 0);
	cr_assert_not(leg(0)->recall);
	cr_assert_null(m.raid->recall.leg);
}

/* Somebody else's, or rot: that is no earlier time. */
Test(recall, superblocks_of_another_array_are_not_older)
{
	create_usual();
	for (unsigned i = 0; i < 4; i++) {
		uint64_t at = sb_offset(m.member_bytes, i / 2, i % 2);
		struct sb sb;

		if (sb_decode(m.bytes[0] + at, at, &sb) < 0)
			continue;
		cr_assert(uuid_is_equal(sb.array_uuid, m.sb.array_uuid));
		sb.array_uuid[0] ^= 1;
		sb.sequence = 1;
		sb_encode(&sb, at, m.bytes[0] + at);
	}
	ask(0);
	cr_assert_eq(m.notes[NOTE_WENT_BACK], 0);
}

Test(recall, superblocks_that_rot_are_not_older)
{
	create_usual();
	for (unsigned i = 0; i < 4; i++)
		m.bytes[0][sb_offset(m.member_bytes, i / 2, i % 2) + 99] ^= 1;
	ask(0);
	cr_assert_eq(m.notes[NOTE_WENT_BACK], 0);
}

Test(recall, one_block_that_is_not_there_may_be_rot)
{
	create_usual();
	memset(ring_block(3), 0, RAID_BLOCK);
	ask(0);
	cr_assert_eq(m.notes[NOTE_WENT_BACK], 0);
}

Test(recall, records_that_are_not_there_were_lost)
{
	create_usual();
	memset(ring_block(2), 0, 3 * RAID_BLOCK);
	ask(0);
	expect_back(BACK_JOURNAL, 3);
}

/* As many as were looked at, or more: at least one is missing. */
Test(recall, all_records_that_are_not_there_were_lost)
{
	create_usual();
	memset(m.bytes[0] + m.sb.layout.journal_offset, 0,
	       m.sb.layout.journal_bytes);
	ask(0);
	expect_back(BACK_JOURNAL, 1);
	cr_assert_eq(m.notes[NOTE_METADATA_REWRITTEN], 1);
}

/* What is before a record of several blocks is one record before it. */
Test(recall, records_of_several_blocks)
{
	const struct journal *j;
	uint64_t blocks, sequence;

	create_usual();
	j = &set()->journal;
	blocks = j->run_blocks;
	sequence = j->last_sequence;
	write_bytes(LARGE);
	cr_assert_gt(j->run_blocks - blocks, j->last_sequence - sequence);
	ask(0);
	cr_assert_eq(m.notes[NOTE_WENT_BACK], 0);
	remember();
	sequence = j->last_sequence;
	write_bytes(LARGE);
	sequence = j->last_sequence - sequence;
	cr_assert_gt(sequence, 0);
	go_back();
	ask(0);
	expect_back(BACK_JOURNAL, sequence);
}

/* A recovery erases what is not needed of the ring any more, and of its own
 * records all but those of the last checkpoint. */
Test(recall, what_a_recovery_erased_was_not_lost)
{
	const struct journal *j;

	create_sets(2, 2, 0, (struct raid_limits){.parts_max = 256});
	write_bytes(LARGE);
	cr_assert_eq(raid_member_fail(m.raid, 0, 0), 0);
	memio_turn(&m);
	m.absent[1] = true;
	m.recover = true;
	cr_assert_eq(memio_restart(&m), 0);
	j = &set()->journal;
	cr_assert_eq(set()->in_mask, 1);
	cr_assert_eq(j->sequence, j->last_sequence + 1);
	cr_assert_geq(m.raid->counters.append_blocks, j->used + 2);
	ask(0);
	cr_assert_eq(m.notes[NOTE_WENT_BACK], 0);
	write_records(3);
	ask(0);
	cr_assert_eq(m.notes[NOTE_WENT_BACK], 0);
	/* Of those that are needed it would be told. */
	memset(ring_block(2), 0, 3 * RAID_BLOCK);
	ask(0);
	expect_back(BACK_JOURNAL, 3);
}

/* --- meanwhile --- */

/* A lap of the ring goes by while it is read: that is newer, not older. */
Test(recall, records_that_are_written_over_meanwhile)
{
	create(2, 256 << 10, (struct raid_limits){.parts_max = 64});
	hold(1, IO_READ, AREA_JOURNAL);
	ask(0);
	cr_assert_not_null(m.raid->recall.leg);
	for (unsigned i = 0; i < 2; i++)
		write_records((unsigned)set()->journal.ring_blocks);
	let_go();
	cr_assert_null(m.raid->recall.leg);
	cr_assert_eq(m.notes[NOTE_WENT_BACK], 0);
}

/* One leg at a time, each in its turn. */
Test(recall, two_legs_are_asked_one_after_the_other)
{
	create_usual();
	remember();
	write_records(3);
	go_back();
	hold(3, IO_READ, AREA_JOURNAL);
	recall_ask(leg(1));
	memio_turn(&m);
	ask(0);
	cr_assert_eq(m.raid->recall.leg, leg(1));
	cr_assert(leg(0)->recall);
	let_go();
	expect_back(BACK_JOURNAL, 3);
	cr_assert_null(m.raid->recall.leg);
}

/* Who hangs is let go of; the buffers are its as long as its reads may come,
 * and no other is asked. */
Test(recall, reads_that_are_given_up_come_back_first)
{
	create(3, 0, (struct raid_limits){.parts_max = 64});
	hold(1, IO_READ, AREA_JOURNAL);
	ask(0);
	for (unsigned i = 0; i < 120; i++)
		memio_wait(&m, SECOND_NS / 10);
	cr_assert_eq(leg(0)->run, RUN_OUT);
	cr_assert_gt(m.raid->recall.abandoned, 0);
	cr_assert_null(m.raid->recall.leg);
	ask(1);
	cr_assert(leg(1)->recall);
	cr_assert_null(m.raid->recall.leg);
	let_go();
	cr_assert_eq(m.raid->recall.abandoned, 0);
	memio_turn(&m);
	cr_assert_not(leg(1)->recall);
	cr_assert_eq(m.notes[NOTE_WENT_BACK], 0);
}

/* Its verdict was one too many. */
Test(recall, a_leg_that_is_failed_for_it_is_not_written_to)
{
	create(2, 0, (struct raid_limits){.parts_max = 64,
					  .read_error_budget = 1});
	leg(0)->budget_used = 1;
	remember();
	write_records(3);
	go_back();
	ask(0);
	expect_back(BACK_JOURNAL, 3);
	cr_assert_eq(leg(0)->run, RUN_OUT);
	cr_assert_not(leg(0)->rewriting);
	cr_assert_eq(memcmp(m.bytes[0], image, m.member_bytes), 0);
}

/* A stop writes what it has to, and no more. */
Test(recall, in_a_stop_nothing_is_written_anew)
{
	create_usual();
	remember();
	write_records(3);
	go_back();
	hold(1, IO_READ, AREA_JOURNAL);
	ask(0);
	cr_assert_eq(memio_stop(&m), -EINPROGRESS);
	let_go();
	cr_assert(m.stopped && m.stop_res == 0);
	cr_assert_eq(m.notes[NOTE_WENT_BACK], 1);
	cr_assert_eq(m.notes[NOTE_METADATA_REWRITTEN], 0);
}

/* It is asked again, and once it is written anew it has all. */
Test(recall, a_leg_that_is_written_anew_is_asked_afterwards)
{
	create_usual();
	remember();
	write_records(3);
	go_back();
	hold(1, IO_WRITE, AREA_MAP);
	ask(0);
	cr_assert(leg(0)->rewriting);
	ask(0);
	cr_assert(leg(0)->recall);
	cr_assert_null(m.raid->recall.leg);
	let_go();
	expect_back(BACK_JOURNAL, 3);
	cr_assert_eq(m.notes[NOTE_METADATA_REWRITTEN], 1);
	cr_assert_not(leg(0)->recall);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(set()->in_mask, 3);
}

/* It leaves before: there is nothing to be glad of. */
Test(recall, a_leg_that_fails_while_it_is_written_anew)
{
	create_usual();
	remember();
	write_records(3);
	go_back();
	hold(1, IO_WRITE, AREA_MAP);
	ask(0);
	cr_assert(leg(0)->rewriting);
	cr_assert_eq(raid_member_fail(m.raid, 0, 0), 0);
	let_go();
	memio_turn(&m);
	cr_assert_not(leg(0)->rewriting);
	cr_assert_eq(m.notes[NOTE_METADATA_REWRITTEN], 0);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(set()->in_mask, 2);
}

/* --- its pages of sums --- */

/* Leg 0 is back before the region's page was stored, and its pages are read
 * one after the other; the gate is for these. */
static void
sweep(uint32_t legs, int res)
{
	create(legs, 0, (struct raid_limits){.parts_max = 64});
	store_anew(set(), 0);
	memio_turn(&m);
	cr_assert_neq(map_slot(set()->map[0]), SLOT_NONE);
	remember();
	write_records(3);
	go_back();
	m.gates[0] = (struct memio_gate){.members = 1, .op = IO_READ,
					 .area = AREA_SUMS, .res = res};
	ask(0);
	expect_back(BACK_JOURNAL, 3);
}

Test(recall, a_page_that_cannot_be_read_then_is_stored_anew)
{
	uint64_t stores;

	sweep(2, -EIO);
	cr_assert_gt(leg(0)->verdicts[VERDICT_PAGE_BAD], 0);
	stores = m.raid->counters.page_stores;
	cr_assert_gt(stores, 1);
	let_go();
	cr_assert_eq(set()->healer.count, 0);
	cr_assert_not(set()->healer.sweep);
	cr_assert_eq(set()->in_mask, 3);
}

Test(recall, reading_its_pages_is_given_up_with_the_leg)
{
	sweep(3, MEMIO_HOLD);
	cr_assert(set()->healer.reading);
	for (unsigned i = 0; i < 120; i++)
		memio_wait(&m, SECOND_NS / 10);
	cr_assert_eq(leg(0)->run, RUN_OUT);
	cr_assert_not(set()->healer.reading);
	cr_assert_not(set()->healer.sweep);
	cr_assert_eq(leg(0)->verdicts[VERDICT_PAGE_BAD], 0);
	let_go();
	cr_assert_eq(raid_abandoned(m.raid), 0);
}
