/* SPDX-License-Identifier: MIT */
/*
 * Decodes what a journal or a region map might hold: one block as a record's,
 * as a map header and as map entries.
 *
 * An input is a byte of flags, then a block without its zeros.  Bit 0: make
 * magic, names and checksum right, or nothing behind them would ever be
 * reached.  Bits 1 and 2: which magic.
 *
 * Built with -DFUZZ_LIBFUZZER -fsanitize=fuzzer it is driven by libFuzzer,
 * else replay.c hands it the files it is given.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crc.h"
#include "fuzzer.h"
#include "map.h"
#include "record.h"

#define OFFSET      (1u << 20)
#define CHECKSUM_AT 4

static const struct record_name name = {
	.array_uuid = {0xa7, 1, 2, 3},
	.set = 1,
};

/* Items end where the header says, and the sums of each lie before. */
static void
items_try(const uint8_t *block, const struct record_head *head)
{
	const uint8_t *end = block + RECORD_HEADER_BYTES + head->used;
	struct item item;
	uint32_t at = 0;
	uint32_t sum = 0;
	int res;

	CHECK(head->used <= RECORD_PAYLOAD_BYTES);
	CHECK(head->index < head->count);
	CHECK(head->count <= RECORD_BLOCKS_MAX);
	while ((res = record_next(block, head, &at, &item)) > 0) {
		CHECK(at <= head->used);
		CHECK(item.type >= ITEM_DIRTY && item.type <= ITEM_LOST);
		if (item.type != ITEM_SUMS)
			continue;
		CHECK((const uint8_t *)item.sums + (size_t)item.count * 4 <=
		      end);
		for (uint32_t i = 0; i < item.count; i++)
			sum ^= item_sum(&item, i);
	}
	CHECK(res <= 0);
	CHECK(res < 0 || at == head->used);
	/* So that reading the sums is not optimized away. */
	__asm__ volatile("" : : "r"(sum));
}

/* What was taken for good must survive being written and read. */
static void
map_try(const uint8_t *block)
{
	static uint8_t again[4096];
	static map_entry entries[MAP_ENTRIES], got[MAP_ENTRIES];
	struct map_head head, other;

	if (map_head_decode(block, &name, OFFSET, &head) == 0) {
		map_head_encode(&head, &name, OFFSET, again);
		CHECK(map_head_decode(again, &name, OFFSET, &other) == 0);
		CHECK(other.journal_index == head.journal_index);
		CHECK(other.regions == head.regions);
	}
	if (map_block_decode(block, MAP_ENTRIES, 0, &name, OFFSET, entries) ==
	    0) {
		map_block_encode(entries, MAP_ENTRIES, 0, &name, OFFSET, again);
		CHECK(map_block_decode(again, MAP_ENTRIES, 0, &name, OFFSET,
				       got) == 0);
		CHECK(memcmp(entries, got, sizeof(got)) == 0);
	}
}

static void
block_seal(uint8_t *block, unsigned which)
{
	static const char magics[4][5] = {"RDJL", "RDMH", "RDMB", "RDJL"};
	const uint64_t offset = OFFSET;
	uint32_t crc;

	memcpy(block, magics[which], 4);
	memcpy(block + 8, name.array_uuid, 16);
	memcpy(block + 24, &name.set, 4);
	memcpy(block + 32, &offset, 8);
	memset(block + CHECKSUM_AT, 0, 4);
	crc = crc32c(block, 4096);
	memcpy(block + CHECKSUM_AT, &crc, 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A block of its own: the sanitizer sees both ends. */
	uint8_t *block = calloc(1, 4096);
	struct record_head head;

	CHECK(block);
	if (size > 1)
		memcpy(block, data + 1, size - 1 < 4096 ? size - 1 : 4096);
	if (size > 0 && (data[0] & 1))
		block_seal(block, data[0] >> 1 & 3);
	if (record_decode(block, &name, OFFSET, &head) == 0)
		items_try(block, &head);
	map_try(block);
	free(block);
	return 0;
}
