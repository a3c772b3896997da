/* SPDX-License-Identifier: MIT */
/*
 * Decodes what a disk might hold, and decides over it.
 *
 * An input is a string of superblocks, without their zeros: two bytes that
 * count the bytes that follow and belong to it (less when the input ends),
 * and one whose lowest bit says "make the checksum right", or nothing behind
 * it would ever be reached.  Members that decode are assembled.
 *
 * Built with -DFUZZ_LIBFUZZER -fsanitize=fuzzer it is driven by libFuzzer,
 * else replay.c hands it the files it is given.
 */
#include <stdint.h>
#include <string.h>

#include "assemble.h"
#include "check.h"
#include "crc.h"
#include "fuzzer.h"
#include "superblock.h"

#define OFFSET (64u << 10)
#define CHECKSUM_AT 12
#define MEMBERS_MAX 16

static uint8_t raw[SB_BYTES] __attribute__((aligned(4096)));
static uint8_t again[SB_BYTES] __attribute__((aligned(4096)));
static struct sb members[MEMBERS_MAX];

/* What was taken for good must survive being written and read. */
static void
sb_try(const struct sb *sb)
{
	static struct sb other;

	sb_encode(sb, OFFSET, raw);
	CHECK(sb_decode(raw, OFFSET, &other) == 0);
	sb_encode(&other, OFFSET, again);
	CHECK(memcmp(raw, again, SB_BYTES) == 0);
	CHECK(layout_validate(&sb->geometry, &sb->layout, 0) == 0);
	CHECK(layout_array_bytes(&sb->geometry, &sb->layout) > 0);
}

static void
members_try(unsigned count)
{
	const struct sb *list[MEMBERS_MAX] = {NULL};
	struct assembly a;

	for (unsigned i = 0; i < count; i++)
		list[i] = &members[i];
	assemble(list, count, &a);
	CHECK(a.freshest < count);
	for (size_t i = 0; i < ARRAY_SIZE(a.place); i++) {
		CHECK(a.place[i] >= -1);
		CHECK(a.place[i] < (int)count);
		CHECK(!(a.missing[i] && a.place[i] >= 0));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned count = 0;

	while (size >= 3 && count < MEMBERS_MAX) {
		size_t length = (size_t)data[0] | (size_t)data[1] << 8;
		bool reseal = data[2] & 1;

		data += 3;
		size -= 3;
		if (length > size)
			length = size;
		if (length > SB_BYTES)
			length = SB_BYTES;
		memset(raw, 0, sizeof(raw));
		memcpy(raw, data, length);
		data += length;
		size -= length;
		if (reseal) {
			uint32_t crc;

			memset(raw + CHECKSUM_AT, 0, 4);
			crc = crc32c(raw, SB_BYTES);
			memcpy(raw + CHECKSUM_AT, &crc, 4);
		}
		if (sb_decode(raw, OFFSET, &members[count]) != 0)
			continue;
		sb_try(&members[count]);
		count++;
	}
	if (count > 0)
		members_try(count);
	return 0;
}
