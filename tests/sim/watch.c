/* SPDX-License-Identifier: MIT */
/*
 * The model of each set, and data held against it: the newest sum of each
 * block, the units that are DIRTY and the pages in use, as the records say
 * that are durable on every counted leg.  It begins with what a reader finds
 * on the media (reader.c) and goes on with the records themselves
 * (watch_records.c).
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crc.h"
#include "map.h"
#include "reader.h"
#include "sim.h"

unsigned
watch_first_member(const struct sim *s, uint32_t set)
{
	return set * s->options.geometry.legs;
}

uint32_t
watch_set_index(const struct sim *s, unsigned member)
{
	return member / s->options.geometry.legs;
}

struct record_name
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
	witness_start(s);
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
