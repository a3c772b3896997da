/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "crc.h"
#include "le.h"
#include "plant.h"

#define RECORD_MAGIC 0x4c4a4452u /* "RDJL" */

struct record_disk {
	le32 magic;
	le32 crc; /* CRC-32C of the block with this field zero */
	uint8_t array_uuid[16];
	le32 set;
	le32 used;
	le64 offset; /* own, on the member */
	le64 sequence;
	le64 nonce;
	le32 index;
	le32 count;
	le32 before_crc;
	le32 reserved;
	le64 repeats;
};
_Static_assert(sizeof(struct record_disk) == RECORD_HEADER_BYTES, "header");
_Static_assert(offsetof(struct record_disk, sequence) == 40, "layout");
_Static_assert(offsetof(struct record_disk, repeats) == 72, "layout");

struct item_disk {
	uint8_t type;
	uint8_t flags;
	uint8_t stale;
	uint8_t slot;
	le32 count;
	le64 start;
};
_Static_assert(sizeof(struct item_disk) == 16, "item");

static struct record_disk *
record_head_at(const struct record *rec, uint32_t index)
{
	return (struct record_disk *)(void *)(rec->buf + (size_t)index * 4096);
}

void
record_begin(struct record *rec, void *buf, uint32_t blocks_max)
{
	*rec = (struct record){.buf = buf, .blocks_max = blocks_max};
	CHECK(blocks_max <= RECORD_BLOCKS_MAX);
}

bool
record_has_room(const struct record *rec, uint32_t bytes)
{
	/* A block's end may stay empty by less than the largest header and
	 * one sum: 24 bytes. */
	uint32_t blocks = (bytes + RECORD_PAYLOAD_BYTES - 33) /
			  (RECORD_PAYLOAD_BYTES - 32);
	uint32_t left = rec->blocks_max - rec->blocks;

	if (rec->blocks > 0 && rec->used + bytes <= RECORD_PAYLOAD_BYTES)
		return true;
	return blocks <= left;
}

/* Room for bytes in one block, opening a new one if need be; or NULL. */
static uint8_t *
record_reserve(struct record *rec, uint32_t bytes)
{
	CHECK(bytes <= RECORD_PAYLOAD_BYTES);
	if (rec->blocks == 0 || rec->used + bytes > RECORD_PAYLOAD_BYTES) {
		if (rec->blocks == rec->blocks_max)
			return NULL;
		memset(rec->buf + (size_t)rec->blocks * 4096, 0, 4096);
		rec->blocks++;
		rec->used = 0;
	}
	uint8_t *p = rec->buf + (size_t)(rec->blocks - 1) * 4096 +
		     RECORD_HEADER_BYTES + rec->used;

	rec->used += bytes;
	record_head_at(rec, rec->blocks - 1)->used = le32_of(rec->used);
	return p;
}

static void
item_put(uint8_t *p, const struct item *item)
{
	struct item_disk d = {
		.type = (uint8_t)item->type,
		.flags = item->flags,
		.stale = item->stale,
		.slot = item->slot,
		.count = le32_of(item->count),
		.start = le64_of(item->start),
	};

	memcpy(p, &d, sizeof(d));
}

bool
record_add(struct record *rec, const struct item *item)
{
	CHECK(item->type != ITEM_SUMS);
	uint8_t *p = record_reserve(rec, sizeof(struct item_disk) + 8);
	le64 extra = le64_of(item->extra);

	if (!p)
		return false;
	item_put(p, item);
	memcpy(p + sizeof(struct item_disk), &extra, sizeof(extra));
	rec->open = NULL;
	return true;
}

/* Append to the SUMS item at the record's end, if this sum continues it. */
static bool
record_extend(struct record *rec, uint64_t block, uint32_t sum, uint8_t flags,
	      uint8_t stale)
{
	struct item_disk d;

	if (!rec->open)
		return false;
	memcpy(&d, rec->open, sizeof(d));
	uint32_t count = le32_get(d.count);

	if (le64_get(d.start) + count != block || d.flags != flags ||
	    d.stale != stale)
		return false;
	/* Items are padded to 8: an odd count has room for one more. */
	if (count % 2 == 0) {
		if (rec->used + 8 > RECORD_PAYLOAD_BYTES)
			return false;
		CHECK(record_reserve(rec, 8) != NULL);
	}
	le32 s = le32_of(sum);

	memcpy(rec->open + sizeof(d) + (size_t)count * 4, &s, sizeof(s));
	d.count = le32_of(count + 1);
	memcpy(rec->open, &d, sizeof(d));
	rec->sums++;
	return true;
}

bool
record_add_sum(struct record *rec, uint64_t block, uint32_t sum, uint8_t flags,
	       uint8_t stale)
{
	if (record_extend(rec, block, sum, flags, stale))
		return true;
	uint8_t *p = record_reserve(rec, sizeof(struct item_disk) + 8);
	struct item item = {
		.type = ITEM_SUMS,
		.flags = flags,
		.stale = stale,
		.count = 1,
		.start = block,
	};
	le32 s = le32_of(sum);

	if (!p)
		return false;
	item_put(p, &item);
	memcpy(p + sizeof(struct item_disk), &s, sizeof(s));
	rec->open = p;
	rec->sums++;
	return true;
}

uint32_t
record_crc_more(uint32_t crc, uint32_t block_crc)
{
	le32 v = le32_of(block_crc);

	return crc32c_more(crc, &v, sizeof(v));
}

uint32_t
record_seal(struct record *rec, const struct record_name *name,
	    uint64_t sequence, uint64_t nonce, uint32_t before_crc,
	    uint64_t ring_offset, uint64_t ring_blocks, uint64_t first)
{
	uint32_t crc = 0;

	CHECK(rec->blocks > 0);
	for (uint32_t i = 0; i < rec->blocks; i++) {
		struct record_disk *d = record_head_at(rec, i);
		uint64_t at = (first + i) % ring_blocks;

		d->magic = le32_of(RECORD_MAGIC);
		d->crc = le32_of(0);
		memcpy(d->array_uuid, name->array_uuid, 16);
		d->set = le32_of(name->set);
		d->offset = le64_of(ring_offset + at * 4096);
		d->sequence = le64_of(sequence);
		d->nonce = le64_of(nonce);
		d->index = le32_of(i);
		d->count = le32_of(rec->blocks);
		d->before_crc = le32_of(before_crc);
		d->repeats = le64_of(rec->repeats);
		d->crc = le32_of(crc32c(d, 4096));
		crc = record_crc_more(crc, le32_get(d->crc));
	}
	return crc;
}

/* CRC of a block whose CRC field (at byte 4) counts as zero. */
static uint32_t
record_block_crc(const void *block)
{
	static const uint8_t zero[4];
	const uint8_t *p = block;
	uint32_t crc = crc32c(p, 4);

	crc = crc32c_more(crc, zero, 4);
	return crc32c_more(crc, p + 8, 4096 - 8);
}

int
record_decode(const void *block, const struct record_name *name,
	      uint64_t offset, struct record_head *out)
{
	struct record_disk d;

	memcpy(&d, block, sizeof(d));
	if (le32_get(d.magic) != RECORD_MAGIC ||
	    memcmp(d.array_uuid, name->array_uuid, 16) != 0 ||
	    le32_get(d.set) != name->set)
		return -ENOENT;
	if ((le32_get(d.crc) != record_block_crc(block) &&
	     !PLANTED(TORN_RECORD_REPLAYED)) ||
	    le64_get(d.offset) != offset)
		return -EBADMSG;
	*out = (struct record_head){
		.sequence = le64_get(d.sequence),
		.nonce = le64_get(d.nonce),
		.index = le32_get(d.index),
		.count = le32_get(d.count),
		.before_crc = le32_get(d.before_crc),
		.crc = le32_get(d.crc),
		.used = le32_get(d.used),
		.repeats = le64_get(d.repeats),
	};
	if (out->count == 0 || out->count > RECORD_BLOCKS_MAX ||
	    out->index >= out->count || out->used > RECORD_PAYLOAD_BYTES)
		return -EBADMSG;
	return 0;
}

/* Bytes that follow an item's header. */
static uint64_t
item_tail_bytes(const struct item_disk *d)
{
	if (d->type != ITEM_SUMS)
		return 8;
	return ((uint64_t)le32_get(d->count) * 4 + 7) & ~7ull;
}

int
record_next(const void *block, const struct record_head *head, uint32_t *at,
	    struct item *out)
{
	const uint8_t *p = (const uint8_t *)block + RECORD_HEADER_BYTES + *at;
	uint32_t left = head->used - *at;
	struct item_disk d;

	if (left == 0)
		return 0;
	if (left < sizeof(d))
		return -EBADMSG;
	memcpy(&d, p, sizeof(d));
	uint64_t tail = item_tail_bytes(&d);

	if (d.type < ITEM_DIRTY || d.type > ITEM_LOST ||
	    tail > left - sizeof(d))
		return -EBADMSG;
	*out = (struct item){
		.type = (enum item_type)d.type,
		.flags = d.flags,
		.stale = d.stale,
		.slot = d.slot,
		.count = le32_get(d.count),
		.start = le64_get(d.start),
	};
	if (d.type == ITEM_SUMS) {
		out->sums = p + sizeof(d);
	} else {
		le64 extra;

		memcpy(&extra, p + sizeof(d), sizeof(extra));
		out->extra = le64_get(extra);
	}
	*at += (uint32_t)(sizeof(d) + tail);
	return 1;
}

uint32_t
item_sum(const struct item *item, uint32_t i)
{
	le32 v;

	memcpy(&v, (const uint8_t *)item->sums + (size_t)i * 4, sizeof(v));
	return le32_get(v);
}
