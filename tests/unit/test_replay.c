/* SPDX-License-Identifier: MIT */
/*
 * Records at the end of the journal that are whole, and say what a replay
 * must not believe, or what no version writes yet.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "set.h"

#define BOTH 3u

static struct memio m;
static uint8_t *buf; /* a block */
static uint8_t *record;

static void
begin(void)
{
	const struct memio_shape shape = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = MEMIO_MEMBER_BYTES,
		.journal_bytes = 80 << 10,
		.limits.parts_max = 32,
	};

	cr_assert_eq(memio_create_as(&m, &shape), 0);
	buf = aligned_alloc(4096, RAID_BLOCK);
	record = aligned_alloc(4096, (size_t)4 * RAID_BLOCK);
	cr_assert(buf && record);
	memset(buf, 5, RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_WRITE, RAID_FUA, 0, RAID_BLOCK, buf),
		     0);
}

static void
end(void)
{
	memio_destroy(&m);
	free(buf);
	free(record);
}

TestSuite(replay, .init = begin, .fini = end);

static const struct set *
set(void)
{
	return &m.raid->sets[0];
}

static uint8_t *
ring(unsigned leg, uint64_t index)
{
	return m.bytes[leg] + m.sb.layout.journal_offset +
	       index % set()->journal.ring_blocks * RAID_BLOCK;
}

static void
seal(struct record *rec, uint64_t nonce)
{
	const struct journal *j = &set()->journal;

	(void)record_seal(rec, &set()->name, j->sequence, nonce,
			  j->before_crc, m.sb.layout.journal_offset,
			  j->ring_blocks, j->head);
}

/* Behind the journal's end, on these legs. */
static void
append(struct record *rec, unsigned legs)
{
	seal(rec, set()->journal.nonce);
	for (unsigned leg = 0; leg < 2; leg++)
		for (uint32_t i = 0; i < rec->blocks && legs >> leg & 1; i++)
			memcpy(ring(leg, set()->journal.head + i),
			       rec->buf + (size_t)i * RAID_BLOCK, RAID_BLOCK);
}

static void
append_item(const struct item *item, unsigned legs)
{
	struct record rec;

	record_begin(&rec, record, 1);
	if (item->type != ITEM_SUMS)
		cr_assert(record_add(&rec, item));
	for (uint32_t i = 0; item->type == ITEM_SUMS && i < item->count; i++)
		cr_assert(record_add_sum(&rec, item->start + i,
					 (uint32_t)item->extra, item->flags,
					 item->stale));
	append(&rec, legs);
}

static void
expect_block(int value)
{
	memset(buf, 0, RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_READ, 0, 0, RAID_BLOCK, buf), 0);
	cr_assert_eq(buf[0], value);
}

/* With it on both legs the array does not start, and nothing is written;
 * without, all is there. */
static void
expect_refused(const char *what, uint32_t blocks)
{
	uint64_t head = set()->journal.head;
	struct layout l = m.sb.layout;
	uint64_t ring_blocks = set()->journal.ring_blocks;
	uint8_t *before = malloc(MEMIO_MEMBER_BYTES);

	cr_assert(before);
	memcpy(before, m.bytes[0], MEMIO_MEMBER_BYTES);
	cr_assert_eq(memio_restart(&m), -EUCLEAN, "%s", what);
	cr_assert_eq(m.notes[NOTE_SET_UNUSABLE], 1, "%s", what);
	cr_assert_eq(memcmp(before, m.bytes[0], MEMIO_MEMBER_BYTES), 0);
	free(before);
	for (unsigned leg = 0; leg < 2; leg++)
		for (uint32_t i = 0; i < blocks; i++)
			memset(m.bytes[leg] + l.journal_offset +
				       (head + i) % ring_blocks * RAID_BLOCK,
			       0, RAID_BLOCK);
	cr_assert_eq(memio_restart(&m), 0, "%s", what);
	expect_block(5);
	m.notes[NOTE_SET_UNUSABLE] = 0;
}

Test(replay, items_that_cannot_be)
{
	uint64_t regions = set()->regions;
	uint64_t blocks = set()->blocks;
	const struct item items[] = {
		{.type = ITEM_DIRTY, .start = regions, .extra = 1},
		{.type = ITEM_DIRTY, .start = 0, .extra = 1 << 4},
		{.type = ITEM_CLEAN, .start = regions, .extra = 1},
		{.type = ITEM_SUMS, .start = blocks, .count = 1, .extra = 7},
		{.type = ITEM_SUMS, .start = blocks - 1, .count = 2,
		 .extra = 7},
		{.type = ITEM_SUMS, .start = 3, .count = 2,
		 .extra = SUM_UNWRITTEN},
		{.type = ITEM_UNWRITTEN, .start = blocks, .extra = 1},
		{.type = ITEM_UNWRITTEN, .start = 0, .extra = 0},
		{.type = ITEM_UNWRITTEN, .start = 1, .extra = blocks},
		{.type = ITEM_PAGE, .start = regions},
		{.type = ITEM_PAGE, .start = 0, .slot = 2},
		{.type = ITEM_STALE, .start = regions, .extra = 1},
		{.type = ITEM_STALE, .start = 1, .extra = regions},
		{.type = ITEM_LOST, .start = blocks, .extra = 1},
		{.type = ITEM_LOST, .start = 3, .extra = 0},
		{.type = ITEM_LOST, .start = 1, .extra = blocks},
		{.type = ITEM_LOST, .flags = ITEM_OF_PAGES, .start = 1,
		 .extra = regions},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(items); i++) {
		char what[20];

		snprintf(what, sizeof(what), "item %u", i);
		append_item(&items[i], BOTH);
		expect_refused(what, 1);
	}
}

/* What no journal of this size can owe: more units, more sums. */
Test(replay, more_than_there_is_room_for)
{
	struct item dirty = {.type = ITEM_DIRTY, .extra = 0xf};
	struct item unwritten = {.type = ITEM_UNWRITTEN, .extra = 64};
	struct record rec;

	record_begin(&rec, record, 4);
	for (; dirty.start < 40; dirty.start++)
		cr_assert(record_add(&rec, &dirty));
	append(&rec, BOTH);
	expect_refused("units", rec.blocks);
	record_begin(&rec, record, 4);
	for (uint64_t i = 0; i < 2500; i++)
		cr_assert(record_add_sum(&rec, i, 7, 0, 0));
	append(&rec, BOTH);
	expect_refused("sums", rec.blocks);
	record_begin(&rec, record, 4);
	for (uint64_t i = 0; i < 2240; i++)
		cr_assert(record_add_sum(&rec, i, 7, 0, 0));
	cr_assert(record_add(&rec, &unwritten));
	append(&rec, BOTH);
	expect_refused("edges", rec.blocks);
}

/* On one leg only it was never acknowledged: the other goes on without. */
Test(replay, a_leg_whose_last_record_cannot_be_is_left_out)
{
	const struct item item = {.type = ITEM_PAGE, .start = 0, .slot = 2};

	append_item(&item, 1);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_LEG_DAMAGED], 1);
	cr_assert_eq(m.last[NOTE_LEG_DAMAGED].leg, 0);
	cr_assert_eq(sb_place_const(raid_superblock(m.raid), 0, 0)->state,
		     LEG_FAILED);
	expect_block(5);
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, 0, RAID_BLOCK, buf), 0);
}

/* Nothing composes it yet; a rebuild will, and this replays it. */
Test(replay, stale_says_who_lacks_regions_and_who_does_not_any_more)
{
	struct item item = {.type = ITEM_STALE, .start = 2, .extra = 3,
			    .stale = 6};

	append_item(&item, BOTH);
	cr_assert_eq(memio_restart(&m), 0);
	for (uint64_t i = 0; i < 6; i++)
		cr_assert_eq(map_stale(set()->map[i]),
			     i >= 2 && i < 5 ? 6 : 0);
	item.start = 3;
	item.extra = 1;
	item.slot = 2;
	item.stale = 1;
	append_item(&item, BOTH);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(map_stale(set()->map[2]), 6);
	cr_assert_eq(map_stale(set()->map[3]), 5);
	cr_assert_eq(map_stale(set()->map[4]), 6);
	expect_block(5);
}

/*
 * Two appends of one sequence, each torn: a crash, a start, another crash.
 * One left its first block and the other its second: that is no record.
 */
static void
pieces(uint32_t count)
{
	const struct item item = {.type = ITEM_PAGE, .start = 0, .slot = 2};
	struct record rec;

	record_begin(&rec, record, 4);
	for (uint32_t i = 0; i < 250; i++)
		cr_assert(record_add(&rec, &item));
	cr_assert_eq(rec.blocks, 2);
	append(&rec, BOTH);
	record_begin(&rec, record, 4);
	while (rec.blocks < count)
		cr_assert(record_add(&rec, &item));
	seal(&rec, set()->journal.nonce + (count == 2));
	for (unsigned leg = 0; leg < 2; leg++)
		memcpy(ring(leg, set()->journal.head + 1),
		       record + RAID_BLOCK, RAID_BLOCK);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_LEG_DAMAGED], 0);
	expect_block(5);
}

Test(replay, pieces_of_two_runs_are_no_record)
{
	pieces(2);
}

Test(replay, pieces_of_two_lengths_are_no_record)
{
	pieces(3);
}

/* The second block of a record is no beginning of one. */
Test(replay, a_record_begins_with_its_first_block)
{
	const struct item item = {.type = ITEM_PAGE, .start = 0, .slot = 2};
	struct record rec;
	const struct journal *j = &set()->journal;

	record_begin(&rec, record, 4);
	for (uint32_t i = 0; i < 250; i++)
		cr_assert(record_add(&rec, &item));
	(void)record_seal(&rec, &set()->name, j->sequence, j->nonce,
			  j->before_crc, m.sb.layout.journal_offset,
			  j->ring_blocks, j->head - 1);
	for (unsigned leg = 0; leg < 2; leg++)
		memcpy(ring(leg, j->head), record + RAID_BLOCK, RAID_BLOCK);
	cr_assert_eq(memio_restart(&m), 0);
	expect_block(5);
}
