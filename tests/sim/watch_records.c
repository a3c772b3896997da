/* SPDX-License-Identifier: MIT */
/*
 * Records.  Each block of the journal is decoded on its way to a leg; what its
 * items promise must be true of that leg's medium by then (I13, R4, R21), and
 * once the record is durable on every counted leg the model of its set says
 * so too.
 */
#include <string.h>

#include "le.h"
#include "map.h"
#include "record.h"
#include "sim.h"

/* --- what records say --- */

typedef void watch_item_f(struct sim *s, uint32_t set, const struct item *item,
			  unsigned leg);

/* Each item of the record under way. */
static void
watch_items(struct sim *s, uint32_t set, watch_item_f *f, unsigned leg)
{
	struct watch_record *r = &s->watch.sets[set].record;

	for (uint32_t i = 0; i < r->count; i++) {
		const uint8_t *block = r->blocks + (size_t)i * BLOCK_BYTES;
		struct item item;
		uint32_t at = 0;

		while (record_next(block, &r->heads[i], &at, &item) == 1)
			f(s, set, &item, leg);
	}
}

static void
watch_apply_item(struct sim *s, uint32_t set, const struct item *item,
		 unsigned leg)
{
	struct watch_set *ws = &s->watch.sets[set];
	uint64_t per = s->options.geometry.region_blocks;

	(void)leg;
	if (item->type == ITEM_DIRTY) {
		ws->dirty[item->start] |= item->extra;
	} else if (item->type == ITEM_CLEAN) {
		ws->dirty[item->start] &= ~item->extra;
	} else if (item->type == ITEM_PAGE) {
		ws->map[item->start] = map_entry_of(SLOT_0 + item->slot, false,
						    0, item->count);
	} else if (item->type == ITEM_UNWRITTEN) {
		uint64_t end = item->start + item->extra;

		for (uint64_t r = (item->start + per - 1) / per;
		     (r + 1) * per <= end; r++)
			ws->map[r] = 0;
	}
}

bool
watch_apply(struct sim *s, uint32_t set)
{
	struct watch_set *ws = &s->watch.sets[set];
	struct watch_record *r = &ws->record;

	if (!ws->active || !r->open)
		return true;
	for (unsigned leg = 0; leg < s->options.geometry.legs; leg++)
		if (watch_is_counted(s, watch_first_member(s, set) + leg) &&
		    r->done[leg] < r->count)
			return false;
	if (r->seen < r->count)
		return false;
	watch_items(s, set, watch_apply_item, 0);
	memcpy(ws->sums, ws->after, ws->blocks * sizeof(*ws->sums));
	ws->sequence = r->sequence;
	r->open = false;
	return true;
}

/* Of a page that a record names: its sums, and that each leg has it (R21). */
static void
watch_page_item(struct sim *s, uint32_t set, const struct item *item)
{
	struct watch_set *ws = &s->watch.sets[set];
	uint64_t per = s->options.geometry.region_blocks;
	uint64_t at = s->layout.sums_offset +
		      (item->start * 2 + item->slot) * BLOCK_BYTES;
	struct record_name name = watch_name(s, set);
	bool known = false;

	for (unsigned leg = 0; leg < s->options.geometry.legs; leg++) {
		unsigned i = watch_first_member(s, set) + leg;
		const uint8_t *page = disk_media(&s->member[i].disk, at,
						 BLOCK_BYTES);

		if (page_crc(&name, item->start, item->slot, page) !=
		    item->count)
			continue;
		known = true;
		for (uint64_t b = 0; b < per; b++) {
			le32 sum;

			memcpy(&sum, page + b * sizeof(sum), sizeof(sum));
			ws->after[item->start * per + b] = le32_get(sum);
		}
	}
	/* A page that no medium has is told of by watch_leg_item(). */
	if (!known && s->lenient)
		ws->active = false;
}

/* Once a record is known whole: what it will mean. */
static void
watch_new_item(struct sim *s, uint32_t set, const struct item *item,
	       unsigned leg)
{
	struct watch_set *ws = &s->watch.sets[set];

	(void)leg;
	switch (item->type) {
	case ITEM_CLEAN:
		/* From the composing on it is not DIRTY (R5). */
		ws->dirty[item->start] &= ~item->extra;
		break;
	case ITEM_SUMS:
		for (uint32_t i = 0; i < item->count; i++)
			ws->after[item->start + i] = item_sum(item, i);
		break;
	case ITEM_UNWRITTEN:
		memset(ws->after + item->start, 0,
		       item->extra * sizeof(*ws->after));
		break;
	case ITEM_PAGE:
		watch_page_item(s, set, item);
		break;
	case ITEM_DIRTY:
	case ITEM_STALE:
	case ITEM_LOST:
		break;
	}
}

/* --- what must be true when a leg is sent a record --- */

/* The block on the leg's medium is what its sum will say. */
static void
watch_leg_block(struct sim *s, uint32_t set, unsigned leg, uint64_t block,
		const char *invariant)
{
	const struct watch_set *ws = &s->watch.sets[set];
	unsigned i = watch_first_member(s, set) + leg;
	uint64_t at = s->layout.data_offset + block * BLOCK_BYTES;

	s->watch.checks++;
	if (s->lenient || sim_is_damaged(s, i, at, BLOCK_BYTES))
		return;
	if (watch_medium_sum(s, i, block) != ws->after[block])
		sim_fail(s, invariant, "record %llu: block %llu of set %u is"
			 " not on the medium of leg %u",
			 (unsigned long long)ws->record.sequence,
			 (unsigned long long)block, set, leg);
}

static void
watch_leg_clean(struct sim *s, uint32_t set, const struct item *item,
		unsigned leg)
{
	const struct watch_set *ws = &s->watch.sets[set];
	uint64_t first = item->start * s->options.geometry.region_blocks;

	for (uint64_t b = 0; b < s->options.geometry.region_blocks; b++)
		if ((item->extra >> b / UNIT_BLOCKS & 1) != 0 &&
		    ws->after[first + b] != 0)
			watch_leg_block(s, set, leg, first + b, "I13");
}

static void
watch_leg_page(struct sim *s, uint32_t set, const struct item *item,
	       unsigned leg)
{
	unsigned i = watch_first_member(s, set) + leg;
	uint64_t at = s->layout.sums_offset +
		      (item->start * 2 + item->slot) * BLOCK_BYTES;
	struct record_name name = watch_name(s, set);

	if (!sim_is_damaged(s, i, at, BLOCK_BYTES) &&
	    page_crc(&name, item->start, item->slot,
		     disk_media(&s->member[i].disk, at, BLOCK_BYTES)) !=
		    item->count)
		sim_fail(s, "R21", "the page of region %llu is not on the"
			 " medium of leg %u.%u",
			 (unsigned long long)item->start, set, leg);
}

static void
watch_leg_item(struct sim *s, uint32_t set, const struct item *item,
	       unsigned leg)
{
	const struct watch_set *ws = &s->watch.sets[set];

	if (item->type == ITEM_CLEAN)
		watch_leg_clean(s, set, item, leg);
	else if (item->type == ITEM_PAGE)
		watch_leg_page(s, set, item, leg);
	else if (item->type == ITEM_SUMS)
		for (uint32_t i = 0; i < item->count; i++)
			if (ws->sums[item->start + i] == 0 &&
			    ws->after[item->start + i] != 0)
				watch_leg_block(s, set, leg, item->start + i,
						"R4");
}

static void
watch_leg_record(struct sim *s, uint32_t set, unsigned leg)
{
	struct watch_record *r = &s->watch.sets[set].record;

	if (r->seen == r->count && r->sent[leg] == r->count)
		watch_items(s, set, watch_leg_item, leg);
}

/* --- journal writes --- */

/* False: not one that is to be followed. */
static bool
watch_expects(struct sim *s, uint32_t set, const struct record_head *head,
	      unsigned leg)
{
	struct watch_set *ws = &s->watch.sets[set];
	struct watch_record *r = &ws->record;

	if (r->open && head->sequence == r->sequence)
		return true;
	/* Said again to all legs at a start. */
	if (!ws->begun && head->sequence == ws->sequence &&
	    head->nonce == ws->nonce)
		return false;
	ws->begun = true;
	if (!watch_apply(s, set))
		sim_fail(s, "R20", "record %llu of set %u before %llu was"
			 " durable", (unsigned long long)head->sequence, set,
			 (unsigned long long)r->sequence);
	if (head->sequence != ws->sequence + 1) {
		/* The engine knows more, or less, than the reader. */
		ws->active = false;
		s->watch.unwatched++;
		return false;
	}
	r->open = true;
	r->sequence = head->sequence;
	r->count = head->count;
	r->seen = 0;
	r->first = leg;
	memset(r->sent, 0, sizeof(r->sent));
	memset(r->done, 0, sizeof(r->done));
	return true;
}

static bool
watch_is_zero(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, BLOCK_BYTES - 1) == 0;
}

/* Most often it is the same that went to another leg before. */
static bool
watch_decode(struct sim *s, uint32_t set, const uint8_t *block,
	     uint64_t offset, struct record_head *head)
{
	const struct watch_record *r = &s->watch.sets[set].record;
	struct record_name name = watch_name(s, set);

	for (uint32_t i = 0; r->open && i < r->seen; i++)
		if (r->offsets[i] == offset &&
		    memcmp(r->blocks + (size_t)i * BLOCK_BYTES, block,
			   BLOCK_BYTES) == 0) {
			*head = r->heads[i];
			return true;
		}
	return record_decode(block, &name, offset, head) == 0;
}

static void
watch_journal_block(struct sim *s, struct sim_op *op, uint64_t at)
{
	uint32_t set = watch_set_index(s, op->member);
	unsigned leg = op->member - watch_first_member(s, set);
	struct watch_set *ws = &s->watch.sets[set];
	struct watch_record *r = &ws->record;
	struct record_head head;

	/* What a recovery erases is of no chain. */
	if (s->recover && watch_is_zero(op->data + at))
		return;
	if (!ws->begun && watch_is_zero(op->data + at)) {
		ws->sequence = ws->kept;
		ws->nonce = ws->kept_nonce;
		return;
	}
	if (!watch_decode(s, set, op->data + at, op->offset + at, &head))
		sim_fail(s, "I17", "a journal block that cannot be read");
	if (!ws->active || !watch_expects(s, set, &head, leg))
		return;
	op->record = head.sequence;
	r->sent[leg]++;
	if (leg == r->first) {
		memcpy(r->blocks + (size_t)head.index * BLOCK_BYTES,
		       op->data + at, BLOCK_BYTES);
		r->offsets[head.index] = op->offset + at;
		r->heads[head.index] = head;
		if (++r->seen == r->count)
			watch_items(s, set, watch_new_item, leg);
	}
}

void
watch_journal(struct sim *s, struct sim_op *op)
{
	uint32_t set = watch_set_index(s, op->member);
	unsigned first = watch_first_member(s, set);

	for (uint64_t at = 0; at < op->length; at += BLOCK_BYTES)
		watch_journal_block(s, op, at);
	if (!s->watch.sets[set].active || op->record == 0)
		return;
	if (op->member - first == s->watch.sets[set].record.first) {
		/* The first leg had to wait for the last of the blocks. */
		for (unsigned l = 0; l < s->options.geometry.legs; l++)
			watch_leg_record(s, set, l);
		return;
	}
	watch_leg_record(s, set, op->member - first);
}
