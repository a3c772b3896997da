/* SPDX-License-Identifier: MIT */
#include "map.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define AT (33ull << 20)

static uint8_t block[4096] __attribute__((aligned(4096)));
static map_entry entries[MAP_ENTRIES];
static map_entry got[MAP_ENTRIES];
static struct record_name name = {.set = 3};
static const struct map_head some_head = {
	.sequence = 12,
	.journal_sequence = 0x123456789a,
	.journal_index = 5,
	.before_crc = 0xdeadbeef,
	.entries_crc = 0xfeedf00d,
	.regions = 1000,
	.journal_said = 0x12345678ab,
};

static void
begin(void)
{
	memset(name.array_uuid, 0xa7, 16);
	for (unsigned i = 0; i < MAP_ENTRIES; i++)
		entries[i] = map_entry_of(i % 4, i % 3 == 0, (uint8_t)i,
					  i * 0x01000193u);
	memset(got, 0xee, sizeof(got));
}

TestSuite(map, .init = begin);

Test(map, an_entry_gives_back_what_it_was_made_of)
{
	for (unsigned slot = 0; slot < 4; slot++)
		for (unsigned stale = 0; stale < 256; stale++) {
			map_entry e = map_entry_of(slot, stale & 1,
						   (uint8_t)stale, ~stale);

			cr_assert_eq(map_slot(e), slot);
			cr_assert_eq(map_is_full(e), stale & 1);
			cr_assert_eq(map_stale(e), stale);
			cr_assert_eq(map_crc(e), ~stale);
		}
}

Test(map, a_zero_entry_is_an_unwritten_region)
{
	cr_assert_eq(map_slot(0), SLOT_NONE);
	cr_assert_not(map_is_full(0));
	cr_assert_eq(map_stale(0), 0);
	cr_assert_eq(map_entry_of(SLOT_NONE, false, 0, 0), 0);
}

Test(map, a_block_takes_504_entries)
{
	cr_assert_eq(map_blocks(0), 0);
	cr_assert_eq(map_blocks(1), 1);
	cr_assert_eq(map_blocks(504), 1);
	cr_assert_eq(map_blocks(505), 2);
}

Test(map, a_header_comes_out_as_it_went_in)
{
	struct map_head head;

	memset(block, 0xee, sizeof(block));
	map_head_encode(&some_head, &name, AT, block);
	cr_assert_eq(map_head_decode(block, &name, AT, &head), 0);
	cr_assert_eq(head.sequence, some_head.sequence);
	cr_assert_eq(head.journal_sequence, some_head.journal_sequence);
	cr_assert_eq(head.journal_index, some_head.journal_index);
	cr_assert_eq(head.before_crc, some_head.before_crc);
	cr_assert_eq(head.entries_crc, some_head.entries_crc);
	cr_assert_eq(head.regions, some_head.regions);
	cr_assert_eq(head.journal_said, some_head.journal_said);
}

Test(map, entries_come_out_as_they_went_in)
{
	map_block_encode(entries, MAP_ENTRIES, 7, &name, AT, block);
	cr_assert_eq(map_block_decode(block, MAP_ENTRIES, 7, &name, AT, got),
		     0);
	cr_assert_eq(memcmp(entries, got, sizeof(got)), 0);
}

Test(map, a_block_that_is_not_full_touches_no_more_than_it_has)
{
	memset(block, 0xee, sizeof(block));
	map_block_encode(entries, 10, 7, &name, AT, block);
	cr_assert_eq(map_block_decode(block, 10, 7, &name, AT, got), 0);
	cr_assert_eq(memcmp(entries, got, 10 * sizeof(got[0])), 0);
	cr_assert_eq(got[10], 0xeeeeeeeeeeeeeeeeull);
	for (unsigned i = 64 + 10 * 8; i < 4096; i++)
		cr_assert_eq(block[i], 0);
}

Test(map, blocks_of_another_array_set_or_kind_are_not_ours)
{
	struct record_name other = name;
	struct map_head head;

	map_head_encode(&some_head, &name, AT, block);
	cr_assert_eq(map_block_decode(block, 1, 0, &name, AT, got), -ENOENT);
	other.set++;
	cr_assert_eq(map_head_decode(block, &other, AT, &head), -ENOENT);
	other = name;
	other.array_uuid[0] ^= 1;
	cr_assert_eq(map_head_decode(block, &other, AT, &head), -ENOENT);
	map_block_encode(entries, 1, 0, &name, AT, block);
	cr_assert_eq(map_head_decode(block, &name, AT, &head), -ENOENT);
	memset(block, 0, sizeof(block));
	cr_assert_eq(map_head_decode(block, &name, AT, &head), -ENOENT);
}

Test(map, a_block_in_another_place_or_for_another_one_is_not_believed)
{
	struct map_head head;

	map_block_encode(entries, MAP_ENTRIES, 7, &name, AT, block);
	cr_assert_eq(map_block_decode(block, 1, 8, &name, AT, got), -EBADMSG);
	cr_assert_eq(map_block_decode(block, 1, 7, &name, AT + 4096, got),
		     -EBADMSG);
	map_head_encode(&some_head, &name, AT, block);
	cr_assert_eq(map_head_decode(block, &name, AT + 4096, &head), -EBADMSG);
}

Test(map, no_flipped_bit_of_a_header_goes_unnoticed)
{
	struct map_head head;

	map_head_encode(&some_head, &name, AT, block);
	for (uint32_t bit = 0; bit < 4096 * 8; bit++) {
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert_neq(map_head_decode(block, &name, AT, &head), 0);
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

Test(map, no_flipped_bit_of_entries_goes_unnoticed_nor_comes_through)
{
	map_block_encode(entries, MAP_ENTRIES, 7, &name, AT, block);
	for (uint32_t bit = 0; bit < 4096 * 8; bit++) {
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert_neq(
			map_block_decode(block, MAP_ENTRIES, 7, &name, AT, got),
			0);
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	cr_assert_eq(got[0], 0xeeeeeeeeeeeeeeeeull);
}

Test(map, a_page_is_named_by_what_it_holds_and_whose_it_is)
{
	static uint8_t page[4096];
	struct record_name other = name;
	uint32_t crc = page_crc(&name, 5, 1, page);

	cr_assert_eq(page_crc(&name, 5, 1, page), crc);
	cr_assert_neq(page_crc(&name, 6, 1, page), crc);
	cr_assert_neq(page_crc(&name, 5 + (1ull << 32), 1, page), crc);
	cr_assert_neq(page_crc(&name, 5, 0, page), crc);
	other.set++;
	cr_assert_neq(page_crc(&other, 5, 1, page), crc);
	other = name;
	other.array_uuid[15] ^= 1;
	cr_assert_neq(page_crc(&other, 5, 1, page), crc);
	page[4095] = 1;
	cr_assert_neq(page_crc(&name, 5, 1, page), crc);
}

Test(map, entries_have_the_same_crc_wherever_they_stand)
{
	static uint8_t other[4096] __attribute__((aligned(4096)));

	map_block_encode(entries, MAP_ENTRIES, 7, &name, AT, block);
	map_block_encode(entries, MAP_ENTRIES, 7, &name, AT + 4096, other);
	cr_assert_eq(map_entries_crc(block), map_entries_crc(other));
	entries[MAP_ENTRIES - 1] ^= 1;
	map_block_encode(entries, MAP_ENTRIES, 7, &name, AT, other);
	cr_assert_neq(map_entries_crc(block), map_entries_crc(other));
}
