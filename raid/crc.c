/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C over isa-l, whose crc32_iscsi() takes and gives the bare register:
 * the first and the last complement are done here, so that crc32c_more() can
 * go on from what crc32c() returned.
 */
#include "crc.h"

#include <isa-l/crc.h>
#include <limits.h>

#include "check.h"
#include "le.h"

uint32_t
crc32c_more(uint32_t crc, const void *data, size_t length)
{
	/* isa-l reads only, but its prototype does not say so. */
	unsigned char *p = (unsigned char *)(uintptr_t)data;

	CHECK(length <= INT_MAX); /* isa-l counts in int */
	return ~crc32_iscsi(p, (int)length, ~crc);
}

uint32_t
crc32c(const void *data, size_t length)
{
	return crc32c_more(0, data, length);
}

uint32_t
sum_base(const uint8_t array_uuid[16], uint32_t set)
{
	le32 number = le32_of(set);

	return crc32c_more(crc32c(array_uuid, 16), &number, sizeof(number));
}

uint32_t
sum_of_crc(uint32_t base, uint64_t block, uint32_t crc)
{
	le64 number = le64_of(block);
	uint32_t sum = crc ^ crc32c_more(base, &number, sizeof(number));

	return sum == SUM_UNWRITTEN ? UINT32_MAX : sum;
}

uint32_t
sum_of(uint32_t base, uint64_t block, const void *data)
{
	return sum_of_crc(base, block, crc32c(data, 4096));
}
