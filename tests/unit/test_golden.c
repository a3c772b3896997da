/* SPDX-License-Identifier: MIT */
/*
 * Bytes made by tests/golden/make_*.py, which know only doc/format.md, mean
 * what it says.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "map.h"
#include "record.h"
#include "superblock.h"

#define BLOCK  4096u
#define MAP_AT (33ull << 20)

static uint8_t raw[SB_BYTES] __attribute__((aligned(4096)));

/* Of the records and the map. */
static const struct record_name name = {
	.array_uuid = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
		       0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f},
	.set = 1,
};

/* Some blocks of a file, whose lines are an offset and 32 bytes; what has no
 * line is zeros. */
static void
golden_read(const char *file, unsigned first, unsigned count)
{
	unsigned from = first * BLOCK, end = from + count * BLOCK;
	char path[512];
	unsigned at, byte;
	FILE *f;

	snprintf(path, sizeof(path), GOLDEN_DIR "/%s", file);
	f = fopen(path, "r");
	cr_assert(f != NULL);
	memset(raw, 0, sizeof(raw));
	while (fscanf(f, "%x", &at) == 1)
		for (unsigned i = 0; i < 32; i++) {
			cr_assert_eq(fscanf(f, "%2x", &byte), 1);
			if (at + i >= from && at + i < end)
				raw[at + i - from] = (uint8_t)byte;
		}
	fclose(f);
}

Test(golden, a_superblock_means_what_the_document_says)
{
	static uint8_t again[SB_BYTES] __attribute__((aligned(4096)));
	static struct sb got;
	const struct sb_place *p;

	golden_read("superblock.hex", 0, SB_BYTES / BLOCK);
	cr_assert_eq(sb_decode(raw, 96 << 10, &got), 0);
	cr_assert_str_eq(got.name, "BizTalk.Msg_Box-1");
	cr_assert_eq(got.sequence, 41);
	cr_assert_eq(got.array_uuid[1], 0x11);
	cr_assert_eq(got.created_s, 1750000000);
	cr_assert_eq(got.geometry.legs, 3);
	cr_assert_eq(got.geometry.chunk_bytes, 64 << 10);
	cr_assert_eq(got.geometry.block_bytes, 512);
	cr_assert_eq(layout_regions(&got.geometry, &got.layout), 1000);
	cr_assert_eq(got.layout.journal_bytes, 32 << 20);
	cr_assert_eq(got.set, 1);
	cr_assert_eq(got.leg, 1);
	cr_assert_eq(got.owner_host[0], 0xe0);
	cr_assert_eq(got.history[0].number, 5);
	cr_assert_eq(got.history[0].nonce, 0xabcdef0000000005ull);
	cr_assert_eq(got.history[2].how, HOW_START);
	cr_assert_eq(got.history[3].how, HOW_FORCE);
	cr_assert_eq(got.in_force_number, 3);
	p = sb_place_const(&got, 0, 1);
	cr_assert_eq(p->state, LEG_FAILED);
	cr_assert(p->counted);
	cr_assert_not(p->kept);
	cr_assert_eq(p->last_in_sync, 4);
	cr_assert_eq(p->changed_s, 1750000001);
	cr_assert_eq(sb_place_const(&got, 1, 0)->state, LEG_REBUILDING);
	sb_encode(&got, 96 << 10, again);
	cr_assert_arr_eq(again, raw, SB_BYTES);
}

static void
golden_next(const struct record_head *head, uint32_t *at, struct item *item,
	    enum item_type type, uint64_t start)
{
	cr_assert_eq(record_next(raw, head, at, item), 1);
	cr_assert_eq(item->type, type);
	cr_assert_eq(item->start, start);
}

Test(golden, a_record_means_what_the_document_says)
{
	struct record_head head;
	struct item item;
	uint32_t at = 0;

	golden_read("journal.hex", 0, 1);
	cr_assert_eq(record_decode(raw, &name, 0x25000, &head), 0);
	cr_assert_eq(head.sequence, 0x123456789a);
	cr_assert_eq(head.nonce, 0xfedcba9876543210);
	cr_assert_eq(head.index, 2);
	cr_assert_eq(head.count, 3);
	cr_assert_eq(head.before_crc, 0x89abcdef);
	golden_next(&head, &at, &item, ITEM_DIRTY, 7);
	cr_assert_eq(item.extra, 0x8000000000000005);
	cr_assert_eq(item.stale, 4);
	golden_next(&head, &at, &item, ITEM_SUMS, 7168);
	cr_assert_eq(item.count, 3);
	cr_assert_eq(item_sum(&item, 0), 0xe3069283);
	cr_assert_eq(item_sum(&item, 2), 0xffffffff);
	golden_next(&head, &at, &item, ITEM_SUMS, 9000);
	cr_assert_eq(item.flags, ITEM_BASE);
	golden_next(&head, &at, &item, ITEM_SUMS, 9001);
	cr_assert_eq(item.flags, ITEM_AGAIN);
	golden_next(&head, &at, &item, ITEM_CLEAN, 6);
	cr_assert_eq(item.extra, 1);
	golden_next(&head, &at, &item, ITEM_UNWRITTEN, 4096);
	cr_assert_eq(item.extra, 2048);
	golden_next(&head, &at, &item, ITEM_PAGE, 7);
	cr_assert_eq(item.slot, 1);
	cr_assert_eq(item.flags, ITEM_FULL);
	cr_assert_eq(item.count, 0x0badcafe);
	cr_assert_eq(item.extra, 0x1234567890);
	golden_next(&head, &at, &item, ITEM_STALE, 0);
	cr_assert_eq(item.extra, 1000);
	cr_assert_eq(item.stale, 2);
	cr_assert_eq(item.slot, 1);
	golden_next(&head, &at, &item, ITEM_LOST, 513);
	cr_assert_eq(item.extra, 3);
	cr_assert_eq(item.flags, 0);
	cr_assert_eq(item.count, 1750000000);
	golden_next(&head, &at, &item, ITEM_LOST, 515);
	cr_assert_eq(item.flags, ITEM_GONE);
	golden_next(&head, &at, &item, ITEM_LOST, 9);
	cr_assert_eq(item.flags, ITEM_OF_PAGES);
	golden_next(&head, &at, &item, ITEM_LOST, 0);
	cr_assert_eq(item.flags, ITEM_MORE);
	cr_assert_eq(record_next(raw, &head, &at, &item), 0);
}

Test(golden, a_map_means_what_the_document_says)
{
	static map_entry got[MAP_ENTRIES];
	struct map_head head;

	golden_read("journal.hex", 1, 1);
	cr_assert_eq(map_head_decode(raw, &name, MAP_AT, &head), 0);
	cr_assert_eq(head.sequence, 12);
	cr_assert_eq(head.journal_sequence, 0x1234567899);
	cr_assert_eq(head.journal_index, 5);
	cr_assert_eq(head.before_crc, 0x76543210);
	cr_assert_eq(head.regions, 1000);
	cr_assert_eq(head.journal_said, 0x12345678ab);
	golden_read("journal.hex", 2, 1);
	cr_assert_eq(map_block_decode(raw, 496, 1, &name, MAP_AT + 2 * BLOCK,
				      got), 0);
	cr_assert_eq(got[0], 0);
	cr_assert_eq(map_slot(got[1]), SLOT_0);
	cr_assert_eq(map_stale(got[1]), 5);
	cr_assert_eq(map_crc(got[1]), 0xcafef00d);
	cr_assert_eq(map_slot(got[2]), SLOT_1);
	cr_assert(map_is_full(got[2]));
	cr_assert_eq(map_crc(got[2]), 0x80000001);
	cr_assert_eq(map_slot(got[3]), SLOT_UNKNOWN);
	cr_assert_eq(map_stale(got[3]), 255);
	cr_assert_eq(got[4], 0);
}
