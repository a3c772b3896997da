/* SPDX-License-Identifier: MIT */
#include "settling.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

struct memio rig;
uint8_t *rig_buf;

void
settling_begin(void)
{
	rig_buf = aligned_alloc(4096, 64 * RAID_BLOCK);
	cr_assert(rig_buf != NULL);
}

void
settling_end(void)
{
	memio_destroy(&rig);
	free(rig_buf);
}

/* One set; few sums are kept in memory, as many errors as come. */
void
rig_create(uint32_t legs)
{
	const struct memio_shape shape = {
		.sets = 1, .legs = legs, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = MEMIO_MEMBER_BYTES,
		.chunk_bytes = 256 << 10,
		.limits = {.parts_max = 128, .sums_max = 128,
			   .read_error_budget = 10000},
	};

	cr_assert_eq(memio_create_as(&rig, &shape), 0);
}

int
rig_write(uint64_t block, int value, uint32_t flags)
{
	memset(rig_buf, value, RAID_BLOCK);
	return memio_do(&rig, RAID_WRITE, flags, block * RAID_BLOCK, RAID_BLOCK,
			rig_buf);
}

int
rig_read(uint64_t block)
{
	memset(rig_buf, 0xee, RAID_BLOCK);
	return memio_do(&rig, RAID_READ, 0, block * RAID_BLOCK, RAID_BLOCK, rig_buf);
}

struct memio_req *
rig_ask(enum raid_op op, uint64_t block, unsigned at)
{
	return memio_ask(&rig, op, 0, block * RAID_BLOCK, RAID_BLOCK,
			 rig_buf + (size_t)at * RAID_BLOCK);
}

uint8_t *
rig_member_block(uint32_t member, uint64_t block)
{
	return rig.bytes[member] + rig.sb.layout.data_offset + block * RAID_BLOCK;
}

struct set *
rig_set(void)
{
	return &rig.raid->sets[0];
}

void
rig_gate(unsigned i, unsigned members, enum io_op op, enum memio_area area, int res)
{
	rig.gates[i] = (struct memio_gate){.members = members, .op = op,
					 .area = area, .res = res};
}

void
rig_open_gates(void)
{
	memset(rig.gates, 0, sizeof(rig.gates));
}

/* Without leg 1 from now on. */
void
rig_on_the_last_leg(void)
{
	cr_assert_eq(raid_member_fail(rig.raid, 0, 1), 0);
	memio_turn(&rig);
	cr_assert_eq(rig_set()->legs[1].run, RUN_OUT);
}
