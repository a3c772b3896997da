/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C (Castagnoli), as RFC 3720 gives it: init all ones, final
 * complement.  isa-l's crc32_iscsi underneath.
 */
#ifndef RAID_CRC_H
#define RAID_CRC_H

#include <stddef.h>
#include <stdint.h>

/* crc32c("123456789") == 0xe3069283. */
uint32_t crc32c(const void *data, size_t length);

/* Go on: crc is what the call before returned (0 to begin). */
uint32_t crc32c_more(uint32_t crc, const void *data, size_t length);

/*
 * The sum of a block: CRC-32C of its 4096 bytes, xor seed(array uuid, set,
 * block).  Never 0, which means "unwritten": a computed 0 becomes all ones.
 * base = sum_base(array uuid, set).
 */
#define SUM_UNWRITTEN 0u
uint32_t sum_base(const uint8_t array_uuid[16], uint32_t set);
uint32_t sum_of(uint32_t base, uint64_t block, const void *data);
/* The same in two steps, for data held against several places: of a block
 * whose bytes have that CRC-32C. */
uint32_t sum_of_crc(uint32_t base, uint64_t block, uint32_t crc);

#endif
