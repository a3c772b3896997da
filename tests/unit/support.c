/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

_Noreturn void
check_failed(const char *expr, const char *file, int line, const char *func)
{
	fprintf(stderr, "%s:%d: %s: CHECK(%s) failed\n", file, line, func,
		expr);
	abort();
}

void
support_sb(struct sb *sb, uint32_t sets, uint32_t legs)
{
	memset(sb, 0, sizeof(*sb));
	memset(sb->array_uuid, 0xa7, 16);
	strcpy(sb->name, "messagebox");
	sb->created_s = 1700000000;
	sb->geometry = (struct geometry){
		.sets = sets,
		.legs = legs,
		.chunk_bytes = CHUNK_BYTES_DEFAULT,
		.block_bytes = 4096,
		.region_blocks = REGION_BLOCKS,
	};
	CHECK(layout_compute(&sb->geometry, SUPPORT_MEMBER_BYTES, 0,
			     &sb->layout) == 0);
	for (uint32_t set = 0; set < sets; set++)
		for (uint32_t leg = 0; leg < legs; leg++) {
			uint8_t *uuid = sb_place(sb, set, leg)->member_uuid;

			memset(uuid, 0x11, 16);
			uuid[0] = (uint8_t)set;
			uuid[1] = (uint8_t)leg;
		}
	sb_create(sb, 0x1001);
}

void
support_seat(struct sb *sb, uint32_t set, uint32_t leg)
{
	sb->set = set;
	sb->leg = leg;
	memcpy(sb->member_uuid, sb_place(sb, set, leg)->member_uuid, 16);
}

uint64_t
support_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x * 0x2545f4914f6cdd1dull >> 16;
}
