/* SPDX-License-Identifier: MIT */
/*
 * The region map's two headers, and the journal's chain from the place the
 * newer one names: how far it goes, and what its records hold.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "member.h"
#include "record.h"

#define INT(n)     json_integer((json_int_t)(n))
#define ITEM_TYPES (ITEM_LOST + 1)

struct chain {
	const struct member *m;
	struct record_name name;
	uint64_t ring_offset;
	uint64_t ring_blocks;
	uint64_t index;    /* next block of the ring */
	uint64_t sequence; /* expected next */
	uint32_t before_crc;
	uint64_t nonce;
	uint64_t records;
	uint64_t blocks;
	uint64_t items[ITEM_TYPES];
	uint64_t sums;
	const char *end; /* why it ends */
	uint8_t block[BLOCK_BYTES] __attribute__((aligned(8)));
};

static const char *
trouble(int res)
{
	switch (res) {
	case 0:
		return "good";
	case -ENOENT:
		return "none";
	case -EBADMSG:
		return "damaged";
	default:
		return "unreadable";
	}
}

static int
chain_block(struct chain *ch, uint64_t index, struct record_head *head)
{
	uint64_t at = ch->ring_offset + index * BLOCK_BYTES;
	int err = member_read(ch->m, ch->block, BLOCK_BYTES, at);

	return err ? err : record_decode(ch->block, &ch->name, at, head);
}

static bool
chain_count(struct chain *ch, const struct record_head *head)
{
	struct item item;
	uint32_t at = 0;
	int more;

	while ((more = record_next(ch->block, head, &at, &item)) > 0) {
		if (item.type < ITEM_TYPES)
			ch->items[item.type]++;
		if (item.type == ITEM_SUMS)
			ch->sums += item.count;
	}
	return !more;
}

/* One record, whole and in its place; else why the chain ends here. */
static const char *
chain_record(struct chain *ch)
{
	uint32_t crc = 0;
	uint32_t count = 1;

	for (uint32_t i = 0; i < count; i++) {
		struct record_head head;
		int res = chain_block(ch, (ch->index + i) % ch->ring_blocks,
				      &head);

		if (res)
			return i ? "torn record" : trouble(res);
		if (head.sequence != ch->sequence)
			return i ? "torn record" : "older record";
		if (head.before_crc != ch->before_crc || head.index != i ||
		    !head.count || head.count > RECORD_BLOCKS_MAX)
			return "record of another chain";
		if (!chain_count(ch, &head))
			return "malformed record";
		count = head.count;
		ch->nonce = head.nonce;
		crc = record_crc_more(crc, head.crc);
	}
	ch->before_crc = crc;
	ch->index = (ch->index + count) % ch->ring_blocks;
	ch->blocks += count;
	return NULL;
}

static void
chain_walk(struct chain *ch)
{
	while (ch->blocks < ch->ring_blocks) {
		ch->end = chain_record(ch);
		if (ch->end)
			return;
		ch->records++;
		ch->sequence++;
	}
	ch->end = "the ring is full";
}

static json_t *
chain_json(struct chain *ch, uint64_t first)
{
	chain_walk(ch);
	return json_pack(
		"{s:I,s:I,s:I,s:I,s:s,s:{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}}",
		"first_sequence", (json_int_t)first, "next_sequence",
		(json_int_t)ch->sequence, "records", (json_int_t)ch->records,
		"blocks", (json_int_t)ch->blocks, "ends_with", ch->end, "items",
		"dirty", (json_int_t)ch->items[ITEM_DIRTY], "clean",
		(json_int_t)ch->items[ITEM_CLEAN], "sums",
		(json_int_t)ch->items[ITEM_SUMS], "sum_count",
		(json_int_t)ch->sums, "unwritten",
		(json_int_t)ch->items[ITEM_UNWRITTEN], "page",
		(json_int_t)ch->items[ITEM_PAGE], "stale",
		(json_int_t)ch->items[ITEM_STALE], "lost",
		(json_int_t)ch->items[ITEM_LOST]);
}

static json_t *
journal_json(const struct member *m, const struct record_name *name,
	     const struct map_head *head)
{
	const struct layout *l = &m->copies[m->chosen].sb.layout;
	struct chain *ch = calloc(1, sizeof(*ch));
	json_t *out;

	if (!ch)
		return json_null();
	ch->m = m;
	ch->name = *name;
	ch->ring_offset = l->journal_offset;
	ch->ring_blocks = l->journal_bytes / BLOCK_BYTES;
	ch->index = head->journal_index % ch->ring_blocks;
	ch->sequence = head->journal_sequence;
	ch->before_crc = head->before_crc;
	out = chain_json(ch, head->journal_sequence);
	free(ch);
	return out;
}

static int
map_head(const struct member *m, const struct record_name *name, unsigned copy,
	 struct map_head *head)
{
	uint64_t at = m->copies[m->chosen].sb.layout.map_offset[copy];
	uint8_t block[BLOCK_BYTES] __attribute__((aligned(8)));
	int err = member_read(m, block, sizeof(block), at);

	return err ? err : map_head_decode(block, name, at, head);
}

static json_t *
map_head_json(int res, const struct map_head *head)
{
	json_t *out = json_pack("{s:s}", "state", trouble(res));

	if (res)
		return out;
	json_object_set_new(out, "sequence", INT(head->sequence));
	json_object_set_new(out, "journal_sequence",
			    INT(head->journal_sequence));
	json_object_set_new(out, "journal_index", INT(head->journal_index));
	json_object_set_new(out, "regions", INT(head->regions));
	return out;
}

json_t *
member_metadata(const struct member *m)
{
	const struct sb *sb = &m->copies[m->chosen].sb;
	struct record_name name = {.set = sb->set};
	struct map_head heads[2];
	json_t *copies = json_array();
	int newest = -1;
	json_t *journal;

	memcpy(name.array_uuid, sb->array_uuid, 16);
	for (unsigned i = 0; i < 2; i++) {
		int res = map_head(m, &name, i, &heads[i]);

		json_array_append_new(copies, map_head_json(res, &heads[i]));
		if (!res &&
		    (newest < 0 || heads[i].sequence > heads[newest].sequence))
			newest = (int)i;
	}
	journal = newest < 0 ? json_null()
			     : journal_json(m, &name, &heads[newest]);
	return json_pack("{s:o,s:o}", "map_copies", copies, "journal", journal);
}
