/* SPDX-License-Identifier: MIT */
/*
 * Records and data.  A model of each set is kept: the newest sum of each
 * block, the units that are DIRTY and the pages in use, as the records say
 * that are durable on every counted leg.  It begins with what a reader finds
 * on the media (reader.c) and goes on with the records themselves, decoded on
 * their way to the disks.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crc.h"
#include "le.h"
#include "map.h"
#include "reader.h"
#include "record.h"
#include "sim.h"

static unsigned
watch_first_member(const struct sim *s, uint32_t set)
{
	return set * s->options.geometry.legs;
}

static uint32_t
watch_set_index(const struct sim *s, unsigned member)
{
	return member / s->options.geometry.legs;
}

static struct record_name
watch_name(const struct sim *s, uint32_t set)
{
	struct record_name name = {.set = set};

	memcpy(name.array_uuid, s->array_uuid, sizeof(name.array_uuid));
	return name;
}

uint32_t
watch_sum(const struct sim *s, uint32_t set, uint64_t block, const void *data)
{
	return sum_of(sum_base(s->array_uuid, set), block, data);
}

uint32_t
watch_medium_sum(struct sim *s, unsigned member, uint64_t block)
{
	struct disk *d = &s->member[member].disk;
	uint64_t at = s->layout.data_offset + block * BLOCK_BYTES;
	uint32_t *kept = disk_kept(d, at);

	/* Which set and block it is of never changes; 0 is no sum. */
	if (*kept == 0)
		*kept = watch_sum(s, watch_set_index(s, member), block,
				  disk_media(d, at, BLOCK_BYTES));
	return *kept;
}

/* --- the beginning of a run --- */

static void
watch_set_clear(struct watch_set *ws)
{
	free(ws->sums);
	free(ws->after);
	free(ws->dirty);
	free(ws->map);
	free(ws->record.blocks);
	*ws = (struct watch_set){0};
}

void
watch_fini(struct sim *s)
{
	for (unsigned i = 0; i < SB_SETS_MAX; i++)
		watch_set_clear(&s->watch.sets[i]);
}

/* A new array: nothing is written, no record was. */
static void
watch_set_create(struct sim *s, struct watch_set *ws)
{
	uint64_t per = s->options.geometry.region_blocks;

	ws->active = true;
	ws->regions = layout_regions(&s->options.geometry, &s->layout);
	ws->blocks = ws->regions * per;
	ws->sums = calloc(ws->blocks, sizeof(*ws->sums));
	ws->dirty = calloc(ws->regions, sizeof(*ws->dirty));
	ws->map = calloc(ws->regions, sizeof(*ws->map));
	CHECK(ws->sums != NULL && ws->dirty != NULL && ws->map != NULL);
}

/* What the longest chain says (R19). */
static void
watch_set_read(struct sim *s, uint32_t set, const struct sb *sb,
	       struct watch_set *ws)
{
	uint64_t ends[SB_LEGS_MAX] = {0};
	struct reader best = {0};

	for (unsigned leg = 0; leg < sb->geometry.legs; leg++) {
		unsigned i = watch_first_member(s, set) + leg;
		struct reader r;

		if (sb_place_const(sb, set, leg)->state != LEG_IN_SYNC ||
		    !s->member[i].present ||
		    sim_is_damaged(s, i, 0, s->layout.data_offset))
			continue;
		if (!reader_read(&r, sim_metadata(s, i), sb, set)) {
			reader_fini(&r);
			continue;
		}
		ends[leg] = r.sequence;
		if (best.sums == NULL || r.sequence > best.sequence) {
			reader_fini(&best);
			best = r;
		} else {
			reader_fini(&r);
		}
	}
	s->watch.starts++;
	if (best.sums == NULL) {
		s->watch.unwatched++;
		return;
	}
	for (unsigned leg = 0; leg < SB_LEGS_MAX; leg++)
		s->watch.lagged += ends[leg] != 0 &&
				   ends[leg] + 1 == best.sequence;
	*ws = (struct watch_set){
		.active = true, .sequence = best.sequence,
		.nonce = best.nonce,
		.kept = best.kept, .kept_nonce = best.kept_nonce,
		.regions = best.regions, .blocks = best.blocks,
		.sums = best.sums, .dirty = best.dirty, .map = best.map,
	};
	free(best.by_journal);
}

void
watch_start(struct sim *s, const struct sb *sb, bool create)
{
	struct watch *w = &s->watch;

	w->epoch_count = 0;
	w->in_force = false;
	w->counted = 0;
	w->data_writes = 0;
	memset(w->recent, 0, sizeof(w->recent));
	for (unsigned i = 0; i < s->members; i++)
		s->member[i].forgot = false;
	memcpy(s->array_uuid, sb->array_uuid, sizeof(s->array_uuid));
	for (uint32_t set = 0; set < sb->geometry.sets; set++) {
		struct watch_set *ws = &w->sets[set];

		watch_set_clear(ws);
		if (create)
			watch_set_create(s, ws);
		else
			watch_set_read(s, set, sb, ws);
		if (!ws->active)
			continue;
		ws->after = malloc(ws->blocks * sizeof(*ws->after));
		ws->record.blocks = malloc(RECORD_BLOCKS_MAX * BLOCK_BYTES);
		CHECK(ws->after != NULL && ws->record.blocks != NULL);
		memcpy(ws->after, ws->sums, ws->blocks * sizeof(*ws->after));
	}
}

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

/* Is the record durable on every counted leg?  Then it counts. */
static bool
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

static void
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

/* --- data and pages --- */

/* A repair writes what the sum says, and needs no DIRTY (R11). */
static bool
watch_is_repair(const struct sim *s, const struct sim_op *op, uint64_t block)
{
	uint32_t set = watch_set_index(s, op->member);
	uint64_t at = s->layout.data_offset + block * BLOCK_BYTES;

	return op->offset <= at && at + BLOCK_BYTES <= op->offset + op->length &&
	       watch_sum(s, set, block, op->data + (at - op->offset)) ==
		       s->watch.sets[set].sums[block];
}

static void
watch_data_dirty(struct sim *s, const struct sim_op *op)
{
	uint32_t set = watch_set_index(s, op->member);
	struct watch_set *ws = &s->watch.sets[set];
	uint64_t per = s->options.geometry.region_blocks;
	uint64_t from = op->offset - s->layout.data_offset;

	if (!ws->active)
		return;
	watch_apply(s, set);
	for (uint64_t b = from / BLOCK_BYTES;
	     b * BLOCK_BYTES < from + op->length; b++) {
		uint64_t unit = b % per / UNIT_BLOCKS;

		if (ws->sums[b] != 0 &&
		    (ws->dirty[b / per] >> unit & 1) == 0 &&
		    !watch_is_repair(s, op, b))
			sim_fail(s, "I12", "data for block %llu of leg %u.%u,"
				 " which is written, in a unit not DIRTY",
				 (unsigned long long)b, set,
				 op->member - watch_first_member(s, set));
	}
}

/* No byte goes to a leg that a client might not read there (I9, I18). */
static void
watch_data_value(struct sim *s, const struct sim_op *op)
{
	uint64_t grain = s->oracle.granule_bytes;
	uint64_t last = op->length / grain - 1;

	if (s->lenient || op->offset % grain != 0 || op->length % grain != 0)
		return;
	for (unsigned end = 0; end < (last == 0 ? 1 : 2); end++) {
		uint64_t at = end * last * grain;
		uint64_t where = layout_array_offset(
			&s->options.geometry, watch_set_index(s, op->member),
			op->offset + at - s->layout.data_offset);

		if (!oracle_may_be(&s->oracle, where, op->data + at))
			sim_fail(s, "I9", "member %u is to hold at %llu: %s",
				 op->member, (unsigned long long)where,
				 s->oracle.reason);
	}
}

static void
watch_page_write(struct sim *s, const struct sim_op *op)
{
	uint32_t set = watch_set_index(s, op->member);
	struct watch_set *ws = &s->watch.sets[set];
	uint64_t slot = (op->offset - s->layout.sums_offset) / BLOCK_BYTES;

	if (!ws->active)
		return;
	watch_apply(s, set);
	if (map_slot(ws->map[slot / 2]) == SLOT_0 + slot % 2)
		sim_fail(s, "R21", "the page in use of region %llu of set %u"
			 " is written over", (unsigned long long)slot / 2, set);
}

void
watch_submit(struct sim *s, struct sim_op *op)
{
	if (op->op != IO_WRITE)
		return;
	if (!s->watch.in_force && (op->area == AREA_DATA ||
				   op->area == AREA_JOURNAL ||
				   op->area == AREA_SUMS))
		sim_fail(s, "R13", "member %u is written before the start's"
			 " epoch is in force", op->member);
	if (op->area == AREA_SUPERBLOCK) {
		watch_superblock(s, op);
	} else if (op->area == AREA_JOURNAL) {
		watch_journal(s, op);
	} else if (op->area == AREA_SUMS) {
		watch_page_write(s, op);
	} else if (op->area == AREA_DATA) {
		s->watch.data_writes++;
		watch_data_dirty(s, op);
		watch_data_value(s, op);
	}
}

void
watch_done(struct sim *s, const struct sim_op *op)
{
	uint32_t set = watch_set_index(s, op->member);
	struct watch_set *ws = &s->watch.sets[set];
	unsigned leg = op->member - watch_first_member(s, set);

	if (op->res != 0) {
		watch_failed(s, op);
	} else if (op->op == IO_WRITE && op->area == AREA_SUPERBLOCK) {
		watch_superblock_done(s, op);
	} else if (op->record != 0 && ws->record.open &&
		   op->record == ws->record.sequence) {
		ws->record.done[leg] += (uint32_t)(op->length / BLOCK_BYTES);
	}
}

/* The newest sum that a durable record holds; false: nobody knows. */
bool
watch_newest_sum(struct sim *s, uint32_t set, uint64_t block, uint32_t *sum)
{
	struct watch_set *ws = &s->watch.sets[set];

	if (!ws->active)
		return false;
	watch_apply(s, set);
	*sum = ws->sums[block];
	return ws->active;
}
