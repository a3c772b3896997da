/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <criterion/criterion.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "crc.h"
#include "support.h"

#define BLOCKS      4u
#define RING_OFFSET (128u << 10)
#define RING_BLOCKS 16u
#define NONCE       0x1122334455667788ull

static uint8_t buf[BLOCKS * 4096] __attribute__((aligned(4096)));
static struct record rec;
static struct record_name name = {.set = 3};

static void
begin(void)
{
	memset(name.array_uuid, 0xa7, 16);
	memset(buf, 0xee, sizeof(buf));
	record_begin(&rec, buf, BLOCKS);
}

static bool
add(enum item_type type, uint64_t start, uint64_t extra)
{
	struct item item = {
		.type = type,
		.flags = ITEM_FULL,
		.stale = 5,
		.slot = 1,
		.count = 0xc0ffee,
		.start = start,
		.extra = extra,
	};

	return record_add(&rec, &item);
}

static uint32_t
seal(uint64_t first)
{
	return record_seal(&rec, &name, 41, NONCE, 0xbef0, RING_OFFSET,
			   RING_BLOCKS, first);
}

static void
head_of(uint32_t index, struct record_head *head)
{
	cr_assert_eq(record_decode(buf + index * 4096, &name,
				   RING_OFFSET + (4 + index) * 4096, head),
		     0);
}

/* A sealed block that says what the bytes at an offset now say. */
static void
reseal(uint8_t *block)
{
	uint32_t crc;

	memset(block + 4, 0, 4);
	crc = crc32c(block, 4096);
	memcpy(block + 4, &crc, 4);
}

TestSuite(record, .init = begin);

Test(record, a_new_record_is_empty)
{
	cr_assert(record_is_empty(&rec));
	cr_assert(add(ITEM_DIRTY, 1, 2));
	cr_assert_not(record_is_empty(&rec));
}

Test(record, every_kind_of_item_comes_out_as_it_went_in)
{
	static const enum item_type types[] = {
		ITEM_DIRTY, ITEM_CLEAN, ITEM_UNWRITTEN, ITEM_PAGE, ITEM_STALE,
		ITEM_LOST};
	struct record_head head;
	struct item item;
	uint32_t at = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		cr_assert(add(types[i], 1ull << 40 | i, ~0ull - i));
	seal(4);
	head_of(0, &head);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		cr_assert_eq(record_next(buf, &head, &at, &item), 1);
		cr_assert_eq(item.type, types[i]);
		cr_assert_eq(item.flags, ITEM_FULL);
		cr_assert_eq(item.stale, 5);
		cr_assert_eq(item.slot, 1);
		cr_assert_eq(item.count, 0xc0ffee);
		cr_assert_eq(item.start, 1ull << 40 | i);
		cr_assert_eq(item.extra, ~0ull - i);
	}
	cr_assert_eq(record_next(buf, &head, &at, &item), 0);
	cr_assert_eq(record_next(buf, &head, &at, &item), 0);
}

Test(record, sums_of_blocks_in_a_row_are_one_item)
{
	struct record_head head;
	struct item item;
	uint32_t at = 0;

	for (uint32_t i = 0; i < 7; i++)
		cr_assert(record_add_sum(&rec, 100 + i, 0x1000 + i, 0, 2));
	seal(4);
	head_of(0, &head);
	cr_assert_eq(record_next(buf, &head, &at, &item), 1);
	cr_assert_eq(item.type, ITEM_SUMS);
	cr_assert_eq(item.start, 100);
	cr_assert_eq(item.count, 7);
	cr_assert_eq(item.stale, 2);
	for (uint32_t i = 0; i < 7; i++)
		cr_assert_eq(item_sum(&item, i), 0x1000 + i);
	cr_assert_eq(record_next(buf, &head, &at, &item), 0);
	cr_assert_eq(head.used, 16 + 8 * 4);
	cr_assert_eq(rec.sums, 7);
}

static uint32_t
items_in(uint32_t index)
{
	struct record_head head;
	struct item item;
	uint32_t at = 0;
	uint32_t count = 0;
	int res;

	head_of(index, &head);
	while ((res = record_next(buf + index * 4096, &head, &at, &item)) > 0)
		count++;
	cr_assert_eq(res, 0);
	return count;
}

Test(record, a_gap_other_flags_or_other_places_begin_a_new_item)
{
	cr_assert(record_add_sum(&rec, 10, 1, 0, 0));
	cr_assert(record_add_sum(&rec, 12, 1, 0, 0));
	cr_assert(record_add_sum(&rec, 13, 1, ITEM_BASE, 0));
	cr_assert(record_add_sum(&rec, 14, 1, ITEM_BASE, 1));
	cr_assert(record_add_sum(&rec, 14, 1, ITEM_BASE, 1));
	seal(4);
	cr_assert_eq(items_in(0), 5);
}

Test(record, sums_do_not_reach_over_another_item)
{
	cr_assert(record_add_sum(&rec, 10, 1, 0, 0));
	cr_assert(add(ITEM_CLEAN, 0, 1));
	cr_assert(record_add_sum(&rec, 11, 1, 0, 0));
	seal(4);
	cr_assert_eq(items_in(0), 3);
}

Test(record, items_do_not_cross_blocks)
{
	const uint32_t each = RECORD_PAYLOAD_BYTES / 24;

	for (uint32_t i = 0; i < each + 1; i++)
		cr_assert(add(ITEM_DIRTY, i, i));
	cr_assert_eq(rec.blocks, 2);
	seal(4);
	cr_assert_eq(items_in(0), each);
	cr_assert_eq(items_in(1), 1);
}

Test(record, a_run_of_sums_goes_on_in_the_next_block)
{
	struct record_head head;
	struct item item;
	uint64_t block = 0;

	for (uint32_t i = 0; i < 1500; i++)
		cr_assert(record_add_sum(&rec, i, i + 1, 0, 0));
	cr_assert_eq(rec.blocks, 2);
	seal(4);
	for (uint32_t b = 0; b < 2; b++) {
		uint32_t at = 0;

		head_of(b, &head);
		cr_assert_eq(record_next(buf + b * 4096, &head, &at, &item), 1);
		cr_assert_eq(item.start, block);
		for (uint32_t i = 0; i < item.count; i++)
			cr_assert_eq(item_sum(&item, i), block + i + 1);
		block += item.count;
	}
	cr_assert_eq(block, 1500);
}

Test(record, a_full_record_takes_no_more_and_stays_as_it_is)
{
	static uint8_t before[sizeof(buf)];

	while (record_has_room(&rec, 24))
		cr_assert(add(ITEM_DIRTY, 1, 1));
	while (add(ITEM_DIRTY, 1, 1))
		;
	memcpy(before, buf, sizeof(buf));
	cr_assert_not(record_add_sum(&rec, 5, 5, 0, 0));
	cr_assert_not(record_has_room(&rec, 24));
	cr_assert_eq(memcmp(before, buf, sizeof(buf)), 0);
	cr_assert_eq(rec.blocks, BLOCKS);
	cr_assert_eq(rec.sums, 0);
}

/* Items and lone sums of 24 bytes, runs in which a sum takes 4 or 12. */
static bool
put_anything(uint64_t x, uint64_t *block)
{
	if (x % 4 == 0)
		return add(ITEM_DIRTY, x, x);
	*block += x % 4 == 1 ? 2 : 1;
	return record_add_sum(&rec, *block, 1, 0, 0);
}

Test(record, what_there_is_room_for_finds_room)
{
	uint64_t random = 77, block = 0;

	for (unsigned step = 0; step < 3000; step++) {
		uint32_t items = 1 + (uint32_t)(support_random(&random) % 200);

		if (!record_has_room(&rec, items * 24)) {
			seal(4);
			record_begin(&rec, buf, BLOCKS);
			continue;
		}
		for (uint32_t i = 0; i < items; i++)
			cr_assert(
				put_anything(support_random(&random), &block));
	}
}

Test(record, each_block_says_which_of_how_many_it_is)
{
	struct record_head head;

	for (uint32_t i = 0; i < 400; i++)
		cr_assert(add(ITEM_DIRTY, i, i));
	seal(4);
	cr_assert_eq(rec.blocks, 3);
	for (uint32_t i = 0; i < 3; i++) {
		head_of(i, &head);
		cr_assert_eq(head.sequence, 41);
		cr_assert_eq(head.nonce, NONCE);
		cr_assert_eq(head.index, i);
		cr_assert_eq(head.count, 3);
		cr_assert_eq(head.before_crc, 0xbef0);
	}
}

Test(record, each_block_says_for_which_header_it_repeats)
{
	struct record_head head;
	uint64_t repeats;

	rec.repeats = 0x0102030405060708ull;
	for (uint32_t i = 0; i < 2 * RECORD_PAYLOAD_BYTES / 24; i++)
		cr_assert(add(ITEM_DIRTY, i, 1));
	seal(4);
	for (uint32_t i = 0; i < rec.blocks; i++) {
		head_of(i, &head);
		cr_assert_eq(head.repeats, rec.repeats);
		memcpy(&repeats, buf + i * 4096 + 72, 8);
		cr_assert_eq(le64toh(repeats), rec.repeats);
	}
	begin();
	cr_assert(add(ITEM_DIRTY, 1, 1));
	seal(4);
	head_of(0, &head);
	cr_assert_eq(head.repeats, 0);
}

Test(record, the_crc_of_a_record_is_found_again_from_its_blocks)
{
	struct record_head head;
	uint32_t crc = 0;
	uint32_t sealed;

	for (uint32_t i = 0; i < 400; i++)
		cr_assert(add(ITEM_DIRTY, i, i));
	sealed = seal(4);
	for (uint32_t i = 0; i < 3; i++) {
		head_of(i, &head);
		crc = record_crc_more(crc, head.crc);
	}
	cr_assert_eq(crc, sealed);
}

Test(record, a_record_at_the_ring_s_end_goes_on_at_its_beginning)
{
	struct record_head head;

	for (uint32_t i = 0; i < 400; i++)
		cr_assert(add(ITEM_DIRTY, i, i));
	seal(RING_BLOCKS - 1);
	cr_assert_eq(record_decode(buf, &name, RING_OFFSET + 15 * 4096, &head),
		     0);
	cr_assert_eq(record_decode(buf + 4096, &name, RING_OFFSET, &head), 0);
	cr_assert_eq(
		record_decode(buf + 8192, &name, RING_OFFSET + 4096, &head), 0);
}

Test(record, a_block_sealed_twice_is_good)
{
	struct record_head head;

	cr_assert(add(ITEM_DIRTY, 1, 1));
	seal(9);
	seal(4);
	head_of(0, &head);
}

Test(record, zeros_and_blocks_of_another_array_or_set_are_not_ours)
{
	static const uint8_t zeros[4096];
	struct record_name other = name;
	struct record_head head;

	cr_assert(add(ITEM_DIRTY, 1, 1));
	seal(4);
	cr_assert_eq(record_decode(zeros, &name, RING_OFFSET, &head), -ENOENT);
	other.set++;
	cr_assert_eq(record_decode(buf, &other, RING_OFFSET + 4 * 4096, &head),
		     -ENOENT);
	other = name;
	other.array_uuid[15] ^= 1;
	cr_assert_eq(record_decode(buf, &other, RING_OFFSET + 4 * 4096, &head),
		     -ENOENT);
}

Test(record, a_block_in_another_place_is_not_believed)
{
	struct record_head head;

	cr_assert(add(ITEM_DIRTY, 1, 1));
	seal(4);
	cr_assert_eq(record_decode(buf, &name, RING_OFFSET + 5 * 4096, &head),
		     -EBADMSG);
}

Test(record, no_flipped_bit_goes_unnoticed)
{
	struct record_head head;

	cr_assert(add(ITEM_DIRTY, 1, 1));
	seal(4);
	for (uint32_t bit = 0; bit < 4096 * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert_neq(record_decode(buf, &name, RING_OFFSET + 4 * 4096,
					    &head),
			      0);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	head_of(0, &head);
}

/* A block whose checksum is right and whose header cannot be. */
static int
decode_with(uint32_t at, uint32_t value)
{
	struct record_head head;

	begin();
	cr_assert(add(ITEM_DIRTY, 1, 1));
	seal(4);
	memcpy(buf + at, &value, 4);
	reseal(buf);
	return record_decode(buf, &name, RING_OFFSET + 4 * 4096, &head);
}

Test(record, a_header_that_cannot_be_is_refused_though_it_checks)
{
	cr_assert_eq(decode_with(28, RECORD_PAYLOAD_BYTES), 0);
	cr_assert_eq(decode_with(28, RECORD_PAYLOAD_BYTES + 1), -EBADMSG);
	cr_assert_eq(decode_with(56, 1), -EBADMSG);
	cr_assert_eq(decode_with(60, 0), -EBADMSG);
	cr_assert_eq(decode_with(60, RECORD_BLOCKS_MAX), 0);
	cr_assert_eq(decode_with(60, RECORD_BLOCKS_MAX + 1), -EBADMSG);
}

/* Items of a block that checks, with one byte of the first item changed. */
static int
next_with(uint32_t at, uint8_t value, uint32_t used)
{
	struct record_head head;
	struct item item;
	uint32_t cursor = 0;

	begin();
	cr_assert(record_add_sum(&rec, 5, 5, 0, 0));
	seal(4);
	buf[RECORD_HEADER_BYTES + at] = value;
	memcpy(buf + 28, &used, 4);
	reseal(buf);
	head_of(0, &head);
	return record_next(buf, &head, &cursor, &item);
}

Test(record, items_that_are_unknown_or_reach_over_the_end_are_malformed)
{
	cr_assert_eq(next_with(0, ITEM_SUMS, 24), 1);
	cr_assert_eq(next_with(0, 0, 24), -EBADMSG);
	cr_assert_eq(next_with(0, ITEM_LOST + 1, 24), -EBADMSG);
	cr_assert_eq(next_with(4, 3, 24), -EBADMSG);
	cr_assert_eq(next_with(7, 0xff, RECORD_PAYLOAD_BYTES), -EBADMSG);
	cr_assert_eq(next_with(0, ITEM_DIRTY, 23), -EBADMSG);
	cr_assert_eq(next_with(0, ITEM_SUMS, 15), -EBADMSG);
	cr_assert_eq(next_with(0, ITEM_SUMS, 0), 0);
}
