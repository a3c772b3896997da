/* SPDX-License-Identifier: MIT */
/*
 * The region map as it lies on disk, and what an entry says (doc/format.md,
 * "Region map").  Encode, decode, no policy.
 */
#ifndef RAID_MAP_H
#define RAID_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "record.h"

#define MAP_ENTRIES 504u /* in a map block */

enum map_slot {
	SLOT_NONE, /* all blocks unwritten, but for sums in the journal */
	SLOT_0,    /* the page of sums is in slot 0 */
	SLOT_1,
	SLOT_UNKNOWN, /* written, no sums yet */
};

/* One region's entry: slot, full, stale places, page crc. */
typedef uint64_t map_entry;

static inline enum map_slot
map_slot(map_entry e)
{
	return (enum map_slot)(e & 3);
}

/* No block of the region is unwritten. */
static inline bool
map_is_full(map_entry e)
{
	return (e >> 2 & 1) != 0;
}

static inline uint8_t
map_stale(map_entry e)
{
	return (uint8_t)(e >> 8);
}

static inline uint32_t
map_crc(map_entry e)
{
	return (uint32_t)(e >> 32);
}

static inline map_entry
map_entry_of(enum map_slot slot, bool full, uint8_t stale, uint32_t crc)
{
	return (uint64_t)slot | (uint64_t)full << 2 | (uint64_t)stale << 8 |
	       (uint64_t)crc << 32;
}

/* The header block of a copy: the checkpoint. */
struct map_head {
	uint64_t sequence;         /* of checkpoints: the newest wins */
	uint64_t journal_sequence; /* replay starts with this record ... */
	uint64_t journal_index;    /* ... at this block of the ring */
	uint32_t before_crc;       /* CRC of the record before it */
	uint32_t entries_crc;      /* map_crc_of() the blocks; 0: not known */
	uint64_t regions;
	/* Of the last record that was durable then; 0: not known.  A chain
	 * that ends before it has lost what was acknowledged. */
	uint64_t journal_said;
};

void map_head_encode(const struct map_head *head,
		     const struct record_name *name, uint64_t offset,
		     void *block);
/* 0; -ENOENT: not a map header of this set; -EBADMSG. */
MUST_USE int map_head_decode(const void *block, const struct record_name *name,
			     uint64_t offset, struct map_head *out);

/* index: which block of entries; count: entries used in it, the rest 0. */
void map_block_encode(const map_entry *entries, uint32_t count, uint64_t index,
		      const struct record_name *name, uint64_t offset,
		      void *block);
MUST_USE int map_block_decode(const void *block, uint32_t count, uint64_t index,
			      const struct record_name *name, uint64_t offset,
			      map_entry *entries);

/* The CRC of the entries of an encoded block, be it whose and where it is. */
uint32_t map_entries_crc(const void *block);

/* Of all blocks of a copy, in order: begin with 0, then record_crc_more(). */
static inline uint32_t
map_crc_of(uint32_t crc)
{
	return crc != 0 ? crc : 0xffffffffu; /* never: one in 2^32 is 0 */
}

static inline uint64_t
map_blocks(uint64_t regions)
{
	return (regions + MAP_ENTRIES - 1) / MAP_ENTRIES;
}

/* The CRC that names a page of sums: mixed with what and where it is. */
uint32_t page_crc(const struct record_name *name, uint64_t region,
		  uint32_t slot, const void *page);

#endif
