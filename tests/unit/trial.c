/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

struct memio m;
struct fault fault;
uint8_t *block;
uint8_t value[BLOCKS];

void
trial_create(uint32_t sets, uint32_t legs)
{
	block = aligned_alloc(4096, RAID_BLOCK);
	CHECK(block != NULL);
	memset(value, 0, sizeof(value));
	memio_create(&m, sets, legs, 4096);
}

void
trial_begin(void)
{
	trial_create(1, 2);
	m.limits.sums_max = 128;
	CHECK(memio_stop(&m) == 0);
	CHECK(memio_restart(&m) == 0);
}

void
trial_end(void)
{
	memio_destroy(&m);
	free(block);
}

int
fault_hook(struct memio *mem, const struct io_req *req)
{
	if (req->member != fault.member)
		return 0;
	fault.seen++;
	if (req->op != fault.op || (fault.hits > 0 && !fault.for_ever))
		return 0;
	if (req->op != IO_FLUSH && memio_area(mem, req) != fault.area)
		return 0;
	if (fault.skip > 0) {
		fault.skip--;
		return 0;
	}
	fault.hits++;
	return -EIO;
}

void
fail_at(uint16_t member, enum io_op op, enum memio_area area)
{
	memset(&fault, 0, sizeof(fault));
	fault.member = member;
	fault.op = op;
	fault.area = area;
	m.hook = fault_hook;
}

int
write_block(uint64_t b, uint8_t v, uint32_t flags)
{
	memset(block, v, RAID_BLOCK);
	int res = memio_do(&m, RAID_WRITE, flags, b * RAID_BLOCK, RAID_BLOCK,
			   block);

	if (res == 0)
		value[b] = v;
	return res;
}

int
read_block(uint64_t b)
{
	memset(block, 0xee, RAID_BLOCK);
	return memio_do(&m, RAID_READ, 0, b * RAID_BLOCK, RAID_BLOCK, block);
}

bool
block_is(uint8_t v)
{
	for (unsigned i = 0; i < RAID_BLOCK; i++)
		if (block[i] != v)
			return false;
	return true;
}

uint64_t
first_wrong(uint64_t from)
{
	for (uint64_t b = from; b < BLOCKS; b++)
		if (read_block(b) != 0 || !block_is(value[b]))
			return b;
	return BLOCKS;
}

int
flush(void)
{
	return memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL);
}

struct raid_status
status(void)
{
	struct raid_status st;

	raid_status(m.raid, &st);
	return st;
}

int
work(uint8_t v)
{
	int res = 0;

	for (uint64_t b = 0; b < BLOCKS && res == 0; b++)
		res = write_block(b, v, 0);
	for (uint64_t b = 0; b < BLOCKS && res == 0; b++)
		res = write_block(b, v + 1, b % 2 ? RAID_FUA : 0);
	return res == 0 ? flush() : res;
}

uint8_t *
member_block(uint32_t member, uint64_t b)
{
	return m.bytes[member] + m.sb.layout.data_offset + b * RAID_BLOCK;
}
