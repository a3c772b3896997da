/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic only: where things lie on a member, and which set and offset
 * hold a byte of the array.
 *
 * From the front of a member: 64 KiB left alone, two superblock slots,
 * journal, region map (two copies), pages of sums (two slots a region),
 * data; two superblock slots again at the very end.
 */
#ifndef RAID_LAYOUT_H
#define RAID_LAYOUT_H

#include <stdint.h>

#define BLOCK_BYTES         4096u
#define BLOCK_SHIFT         12u
#define UNIT_BLOCKS         16u   /* 64 KiB: what DIRTY counts in */
#define REGION_BLOCKS       1024u /* 4 MiB; smaller in simulations */
#define REGION_BLOCKS_MIN   16u
#define CHUNK_BYTES_MIN     (16u << 10)
#define CHUNK_BYTES_MAX     (4u << 20)
#define CHUNK_BYTES_DEFAULT (256u << 10)
#define MEMBER_BYTES_MIN    (16ull << 20)
#define MEMBER_BYTES_MAX    (64ull << 40)
#define JOURNAL_BYTES_MIN   (64ull << 10)
#define JOURNAL_BYTES_MAX   (1ull << 30)
#define LAYOUT_SETS_MAX     64u
#define LAYOUT_LEGS_MIN     2u
#define LAYOUT_LEGS_MAX     3u

struct geometry {
	uint32_t sets;
	uint32_t legs;
	uint32_t chunk_bytes;
	uint32_t block_bytes;   /* logical block of the array: 512 or 4096 */
	uint32_t region_blocks; /* power of two, 16 to 1024 */
};

/* Bytes on the member; all multiples of 4096. */
struct layout {
	uint64_t journal_offset;
	uint64_t journal_bytes;
	uint64_t map_offset[2];
	uint64_t map_bytes; /* of one copy: header block and entries */
	uint64_t sums_offset;
	uint64_t sums_bytes;
	uint64_t data_offset; /* multiple of 1 MiB */
	uint64_t data_bytes;  /* multiple of the chunk and of a region */
};

/*
 * The layout for members of at least member_bytes.  journal_bytes 0: the
 * default for the size.  0; -EINVAL: geometry out of bounds; -ENOSPC: too
 * small to hold one region; -EFBIG: larger than 64 TiB.
 */
int layout_compute(const struct geometry *g, uint64_t member_bytes,
		   uint64_t journal_bytes, struct layout *out);

/* 0 or -EINVAL: areas overlap, are misaligned or do not fit a member of
 * member_bytes (0: size not known).  For what was read from a disk. */
int layout_validate(const struct geometry *g, const struct layout *l,
		    uint64_t member_bytes);

uint64_t layout_array_bytes(const struct geometry *g, const struct layout *l);

/* Array offset -> set and byte offset in the set's data area. */
void layout_locate(const struct geometry *g, uint64_t offset, uint32_t *set,
		   uint64_t *set_offset);

/* The inverse: for messages. */
uint64_t layout_array_offset(const struct geometry *g, uint32_t set,
			     uint64_t set_offset);

static inline uint64_t
layout_regions(const struct geometry *g, const struct layout *l)
{
	return l->data_bytes / ((uint64_t)g->region_blocks * BLOCK_BYTES);
}

#endif
