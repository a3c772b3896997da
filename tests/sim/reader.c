/* SPDX-License-Identifier: MIT */
/*
 * The newest map copy, the journal from where that says, the pages that the
 * entries name in the end.  Decoders are the engine's; what records do to the
 * map and the sums is told here a second time.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crc.h"
#include "le.h"
#include "map.h"
#include "reader.h"
#include "record.h"

static bool reader_says(struct reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool
reader_says(struct reader *r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(r->reason, sizeof(r->reason), format, args);
	va_end(args);
	return false;
}

static struct record_name
reader_name(const struct reader *r)
{
	struct record_name name = {.set = r->set};

	memcpy(name.array_uuid, r->array_uuid, sizeof(name.array_uuid));
	return name;
}

static bool
reader_map(struct reader *r, struct map_head *head)
{
	struct record_name name = reader_name(r);
	uint64_t at, newest = 0;
	struct map_head h;

	for (unsigned c = 0; c < 2; c++) {
		at = r->layout.map_offset[c];
		if (map_head_decode(r->media + at, &name, at, &h) != 0)
			continue;
		if (newest != 0 && h.sequence <= head->sequence)
			continue;
		*head = h;
		newest = at;
	}
	if (newest == 0)
		return reader_says(r, "no map header");
	for (uint64_t i = 0; i < map_blocks(r->regions); i++) {
		uint64_t left = r->regions - i * MAP_ENTRIES;
		uint32_t count = (uint32_t)(left < MAP_ENTRIES ? left :
								 MAP_ENTRIES);

		at = newest + BLOCK_BYTES * (i + 1);
		if (map_block_decode(r->media + at, count, i, &name, at,
				     r->map + i * MAP_ENTRIES) != 0)
			return reader_says(r, "map block %llu",
					   (unsigned long long)i);
	}
	return true;
}

static void
reader_set(struct reader *r, uint64_t block, uint32_t sum)
{
	CHECK(block < r->blocks);
	r->sums[block] = sum;
	r->by_journal[block] = 1;
}

static void
reader_unwritten(struct reader *r, uint64_t block, uint64_t count)
{
	uint64_t per = r->geometry.region_blocks;

	for (uint64_t b = block; b < block + count; b++) {
		reader_set(r, b, SUM_UNWRITTEN);
		if (b % per != per - 1 || b - block < per - 1)
			continue;
		/* The last of a region, and the region's first was in it. */
		r->map[b / per] = map_entry_of(SLOT_NONE, false,
					       map_stale(r->map[b / per]), 0);
		memset(r->by_journal + b - (per - 1), 0, per);
	}
}

static void
reader_page_item(struct reader *r, const struct item *item)
{
	uint64_t per = r->geometry.region_blocks;

	CHECK(item->start < r->regions);
	r->map[item->start] =
		map_entry_of(SLOT_0 + item->slot, (item->flags & ITEM_FULL),
			     map_stale(r->map[item->start]), item->count);
	memset(r->by_journal + item->start * per, 0, per);
}

static void
reader_item(struct reader *r, const struct item *item)
{
	switch (item->type) {
	case ITEM_DIRTY:
		r->dirty[item->start] |= item->extra;
		break;
	case ITEM_CLEAN:
		r->dirty[item->start] &= ~item->extra;
		break;
	case ITEM_SUMS:
		for (uint32_t i = 0; i < item->count; i++)
			reader_set(r, item->start + i, item_sum(item, i));
		break;
	case ITEM_UNWRITTEN:
		reader_unwritten(r, item->start, item->extra);
		break;
	case ITEM_PAGE:
		reader_page_item(r, item);
		break;
	case ITEM_STALE:
	case ITEM_LOST:
		break;
	}
}

static bool
reader_block(struct reader *r, const void *block,
	     const struct record_head *head)
{
	struct item item;
	uint32_t at = 0;
	int res;

	while ((res = record_next(block, head, &at, &item)) == 1)
		reader_item(r, &item);
	return res == 0 || reader_says(r, "malformed record %llu",
				       (unsigned long long)head->sequence);
}

/* Is the record of that sequence whole?  Then *crc is its crc. */
static bool
reader_record(struct reader *r, uint64_t index, uint64_t sequence,
	      uint32_t before, struct record_head *first, uint32_t *crc)
{
	struct record_name name = reader_name(r);
	uint64_t ring = r->layout.journal_bytes / BLOCK_BYTES;
	uint32_t sum = 0;

	for (uint32_t i = 0; i == 0 || i < first->count; i++) {
		uint64_t at = r->layout.journal_offset +
			      (index + i) % ring * BLOCK_BYTES;
		struct record_head h;

		if (record_decode(r->media + at, &name, at, &h) != 0 ||
		    h.sequence != sequence || h.index != i ||
		    h.before_crc != before)
			return false;
		if (i == 0)
			*first = h;
		sum = record_crc_more(sum, h.crc);
	}
	*crc = sum;
	return true;
}

static bool
reader_journal(struct reader *r, const struct map_head *start)
{
	struct record_name name = reader_name(r);
	uint64_t ring = r->layout.journal_bytes / BLOCK_BYTES;
	uint64_t index = start->journal_index;
	uint64_t sequence = start->journal_sequence;
	uint32_t crc = start->before_crc;
	struct record_head head = {0};

	r->kept = sequence - 1;
	while (reader_record(r, index, sequence, crc, &head, &crc)) {
		for (uint32_t i = 0; i < head.count; i++) {
			uint64_t at = r->layout.journal_offset +
				      (index + i) % ring * BLOCK_BYTES;
			struct record_head h;

			CHECK(record_decode(r->media + at, &name, at, &h) == 0);
			if (!reader_block(r, r->media + at, &h))
				return false;
		}
		r->nonce = head.nonce;
		if (head.repeats <= start->sequence) {
			r->kept = sequence;
			r->kept_nonce = head.nonce;
		}
		index = (index + head.count) % ring;
		sequence++;
		if (r->records++ > ring)
			return reader_says(r, "a journal without an end");
	}
	r->sequence = sequence - 1;
	return true;
}

static bool
reader_page(struct reader *r, uint64_t region)
{
	struct record_name name = reader_name(r);
	uint64_t per = r->geometry.region_blocks;
	map_entry e = r->map[region];
	const uint8_t *page;
	uint32_t slot;

	if (map_slot(e) == SLOT_UNKNOWN)
		return reader_says(r, "region %llu unknown",
				   (unsigned long long)region);
	slot = map_slot(e) == SLOT_1;
	page = r->media + r->layout.sums_offset +
	       (region * 2 + slot) * BLOCK_BYTES;
	if (map_slot(e) != SLOT_NONE &&
	    page_crc(&name, region, slot, page) != map_crc(e))
		return reader_says(r, "page of region %llu",
				   (unsigned long long)region);
	for (uint64_t i = 0; i < per; i++) {
		le32 sum = {0};

		if (r->by_journal[region * per + i])
			continue;
		if (map_slot(e) != SLOT_NONE)
			memcpy(&sum, page + i * 4, sizeof(sum));
		r->sums[region * per + i] = le32_get(sum);
	}
	return true;
}

bool
reader_read(struct reader *r, const uint8_t *media, const struct sb *sb,
	    uint32_t set)
{
	struct map_head head = {0};

	*r = (struct reader){
		.media = media,
		.geometry = sb->geometry,
		.layout = sb->layout,
		.set = set,
		.regions = layout_regions(&sb->geometry, &sb->layout),
	};
	memcpy(r->array_uuid, sb->array_uuid, sizeof(r->array_uuid));
	r->blocks = r->regions * r->geometry.region_blocks;
	r->map = calloc(r->regions, sizeof(*r->map));
	r->sums = calloc(r->blocks, sizeof(*r->sums));
	r->by_journal = calloc(r->blocks, 1);
	r->dirty = calloc(r->regions, sizeof(*r->dirty));
	CHECK(r->map != NULL && r->sums != NULL);
	CHECK(r->by_journal != NULL && r->dirty != NULL);
	if (!reader_map(r, &head) || !reader_journal(r, &head))
		return false;
	for (uint64_t region = 0; region < r->regions; region++)
		if (!reader_page(r, region))
			return false;
	return true;
}

void
reader_fini(struct reader *r)
{
	free(r->map);
	free(r->sums);
	free(r->by_journal);
	free(r->dirty);
}
