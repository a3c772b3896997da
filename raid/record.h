/* SPDX-License-Identifier: MIT */
/*
 * Journal records as they lie in the ring: encode, decode, no policy
 * (doc/format.md, "Journal").
 *
 * A record is 1 to RECORD_BLOCKS_MAX blocks under one sequence number; its
 * items never cross a block.  Each block names array, set, own offset, run,
 * sequence, index and count, and the CRC of the record before.
 */
#ifndef RAID_RECORD_H
#define RAID_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"

#define RECORD_BLOCKS_MAX    64u
#define RECORD_HEADER_BYTES  80u
#define RECORD_PAYLOAD_BYTES (4096u - RECORD_HEADER_BYTES)

enum item_type {
	ITEM_DIRTY = 1, /* units of a region: start = region, mask */
	ITEM_CLEAN,     /* the same */
	ITEM_SUMS,      /* start = block, count sums */
	ITEM_UNWRITTEN, /* start = block, length in blocks */
	ITEM_PAGE,      /* start = region; slot, crc: voids the sums before */
	ITEM_STALE,     /* start = region, length: stale and fresh masks */
	ITEM_LOST,      /* start = block, length: no leg verifies them */
};

enum {
	/* SUMS: older sums of these blocks are void (R4, settled). */
	ITEM_BASE = 1 << 0,
	/* SUMS: said again by a checkpoint, with those of the block that
	 * follow: they stand for all that was said before. */
	ITEM_AGAIN = 1 << 2,
	/* PAGE: no block of the region is unwritten. */
	ITEM_FULL = 1 << 1,
	/* LOST: not any more. */
	ITEM_GONE = 1 << 3,
	/* LOST: in regions, whose pages no leg has. */
	ITEM_OF_PAGES = 1 << 4,
	/* LOST: there are others, that the list has no room for. */
	ITEM_MORE = 1 << 5,
};

struct item {
	enum item_type type;
	uint8_t flags;
	uint8_t stale; /* mask of places that miss this change: or-ed in */
	uint8_t slot;  /* PAGE: 0, 1.  STALE: mask of places fresh again */
	/* SUMS: how many.  PAGE: its crc.  LOST: since, seconds since 1970. */
	uint32_t count;
	uint64_t start;
	/* DIRTY, CLEAN: mask.  UNWRITTEN, STALE, LOST: length.  PAGE: as of
	 * which record. */
	uint64_t extra;
	const void *sums; /* SUMS, decoded: count le32s, unaligned */
};

/* What a block's header says. */
struct record_head {
	uint64_t sequence;
	uint64_t nonce;
	uint32_t index;
	uint32_t count;
	uint32_t before_crc; /* of the record before */
	uint32_t crc;        /* of this block */
	uint32_t used;       /* bytes of payload */
	/* Not 0: it only says again what the journal owed, for the map header
	 * of this sequence. */
	uint64_t repeats;
};

/* Names what a block must be ours to be believed. */
struct record_name {
	uint8_t array_uuid[16];
	uint32_t set;
};

/* A record being composed. */
struct record {
	uint8_t *buf;
	uint32_t blocks_max;
	uint32_t blocks;  /* begun */
	uint32_t used;    /* bytes of payload in the last one */
	uint32_t sums;    /* sums in it */
	uint8_t *open;    /* the SUMS item that may still be extended */
	uint64_t repeats; /* see record_head */
};

void record_begin(struct record *rec, void *buf, uint32_t blocks_max);

/* Room for items of that many bytes in all, whatever their split? */
bool record_has_room(const struct record *rec, uint32_t bytes);

/* False: no room; nothing was added. */
MUST_USE bool record_add(struct record *rec, const struct item *item);

/* One sum; extends the item before it where that is the same run. */
MUST_USE bool record_add_sum(struct record *rec, uint64_t block, uint32_t sum,
			     uint8_t flags, uint8_t stale);

static inline bool
record_is_empty(const struct record *rec)
{
	return rec->blocks == 0;
}

/*
 * Fill in the headers.  first: ring index of its first block; the ring has
 * ring_blocks blocks from ring_offset on.  Returns the record's CRC.
 */
uint32_t record_seal(struct record *rec, const struct record_name *name,
		     uint64_t sequence, uint64_t nonce, uint32_t before_crc,
		     uint64_t ring_offset, uint64_t ring_blocks,
		     uint64_t first);

/* 0; -ENOENT: not ours; -EBADMSG: torn, rotten or in the wrong place. */
MUST_USE int record_decode(const void *block, const struct record_name *name,
			   uint64_t offset, struct record_head *out);

/* The record's CRC from its blocks' CRCs, in order: begin with 0. */
uint32_t record_crc_more(uint32_t crc, uint32_t block_crc);

/*
 * Items of a block that record_decode found good.  *at begins at 0.  1: *out
 * is the next; 0: no more; -EBADMSG: malformed.
 */
MUST_USE int record_next(const void *block, const struct record_head *head,
			 uint32_t *at, struct item *out);

/* The i-th sum of a decoded SUMS item. */
uint32_t item_sum(const struct item *item, uint32_t i);

#endif
