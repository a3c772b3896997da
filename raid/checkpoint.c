/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: the map to the older of its two copies, so that the ring
 * before it can be used again (R20).
 *
 *   IDLE -> APPEND -> MAP -> FLUSH -> HEADER -> IDLE
 *
 * Replay will start with the first record composed in APPEND.  From there on
 * the journal says again all it still owes: DIRTY units, the chains of sums
 * that no page holds, oldest first, and what is lost.  The map's blocks may be
 * newer than that record: records state whole values.  Ring space is free when
 * the header is durable on every counted leg.
 */
#include <errno.h>

#include "set.h"

void
checkpoint_carve(struct set *set, struct arena *a)
{
	ARENA_TAKE_BUFFERS(a, set ? &set->checkpoint : NULL, bufs,
			   CK_BATCH * 2);
}

void
checkpoint_init(struct set *set)
{
	set->checkpoint.copy = 1;
}

void
checkpoint_want(struct set *set)
{
	set->checkpoint.wanted = true;
}

static void
checkpoint_fail(struct set *set)
{
	set->write_stopped = true;
	set->checkpoint.state = CK_IDLE;
}

static bool
checkpoint_put_units(struct set *set, struct record *rec)
{
	struct checkpoint *ck = &set->checkpoint;
	struct units *us = &set->units;
	uint32_t per_region = 1u << (set->region_shift - 4);

	for (; ck->unit_at < us->count; ck->unit_at++) {
		struct unit *u = &us->all[ck->unit_at];
		struct item item = {
			.type = ITEM_DIRTY,
			.start = u->number / per_region,
			.extra = 1ull << (u->number % per_region),
		};

		/* Its CLEAN stands in this very record. */
		if (u->state == UNIT_CLEAN ||
		    PLANTED(CHECKPOINT_FORGETS_UNITS) ||
		    (u->state == UNIT_CLEANING && set->cleaner.composed))
			continue;
		item.stale = set_absent_mask(set);
		if (item.stale)
			map_add_stale(set, item.start, item.stale);
		if (!record_add(rec, &item))
			return false;
	}
	return true;
}

static bool
node_is_owed(const struct node *n)
{
	/* What no record holds yet comes into one of its own: these here may
	 * be dropped by a start (tail.c). */
	if (PLANTED(CHECKPOINT_SAYS_NEW) && (n->flags & NODE_DONE))
		return !(n->flags & (NODE_VOID | NODE_FIRST));
	return (n->flags & NODE_JOURNALED) &&
	       (!(n->flags & NODE_VOID) || PLANTED(CHECKPOINT_SAYS_VOID));
}

/* The block's whole chain, oldest first. */
static bool
checkpoint_put_chain(struct set *set, struct record *rec, uint64_t block)
{
	struct sums *s = &set->sums;
	struct node *head = sums_newest(s, block);
	uint32_t length = 0;
	uint8_t flags = ITEM_AGAIN;

	sums_trim_settled(s, block, set->flusher.done_gen);
	for (struct node *n = head; n; n = sums_node(s, n->older))
		length++;
	if (!record_has_room(rec, length * 24))
		return false;
	for (uint32_t left = length; left > 0; left--) {
		struct node *n = head;

		for (uint32_t i = 1; i < left; i++)
			n = sums_node(s, n->older);
		n->flags |= NODE_TAKEN;
		if (!node_is_owed(n))
			continue;
		/* The first stands for all said before; the rest follow. */
		CHECK(journal_put_again(set, rec, n, flags));
		flags = 0;
	}
	return true;
}

static bool
checkpoint_put_sums(struct set *set, struct record *rec)
{
	struct checkpoint *ck = &set->checkpoint;
	struct sums *s = &set->sums;

	for (; ck->node_at <= s->high; ck->node_at++) {
		const struct node *n = &s->nodes[ck->node_at];

		if (!(n->flags & NODE_USED) ||
		    PLANTED(CHECKPOINT_FORGETS_SUMS) ||
		    (n->flags & (NODE_DEAD | NODE_TAKEN)))
			continue;
		if (!checkpoint_put_chain(set, rec, n->block))
			return false;
	}
	return true;
}

static bool
checkpoint_put_lost(struct set *set, struct record *rec)
{
	return PLANTED(LOST_NOT_REPEATED) ||
	       lost_put_again(set, rec, set->checkpoint.lost_at);
}

static void
checkpoint_enter_map(struct set *set)
{
	if (PLANTED(RING_FREED_EARLY)) {
		set->journal.used -= set->checkpoint.start_used;
		set->checkpoint.start_used = 0;
	}
	set->checkpoint.state = CK_MAP;
	set->checkpoint.block_at = 0;
}

static void
checkpoint_appended(struct job *job, int res)
{
	struct checkpoint *ck = container_of(job, struct checkpoint, job);
	struct set *set = container_of(ck, struct set, checkpoint);

	if (res < 0)
		checkpoint_fail(set);
	else
		checkpoint_enter_map(set);
}

static void
checkpoint_note_start(struct set *set)
{
	struct checkpoint *ck = &set->checkpoint;
	const struct journal *j = &set->journal;

	ck->begun = true;
	sums_untake(&set->sums);
	ck->start_sequence = j->sequence;
	ck->start_index = j->head;
	ck->start_crc = j->before_crc;
	ck->start_used = j->used;
	ck->start_sums = j->sums_live;
}

/* The room kept for one is not enough: the limits were lowered since.  Reads
 * go on, writes cannot. */
static void
checkpoint_stuck(struct set *set)
{
	checkpoint_fail(set);
	raid_note(set->raid, NOTE_WRITE_STOPPED, set, NULL, -ENOSPC,
		  CAUSE_CHECKPOINT, 0);
}

static void
checkpoint_composed(struct set *set)
{
	struct checkpoint *ck = &set->checkpoint;

	ck->composed = true;
	if (record_is_empty(&set->journal.rec)) {
		checkpoint_enter_map(set);
		return;
	}
	ck->job.done = checkpoint_appended;
	list_append(&set->journal.composed, &ck->job.link);
}

uint32_t
checkpoint_compose(struct set *set)
{
	struct checkpoint *ck = &set->checkpoint;
	struct journal *j = &set->journal;
	struct record *rec = &j->rec;
	uint64_t room = j->ring_blocks - j->used;
	uint32_t blocks = rec->blocks;
	uint32_t sums = rec->sums;

	if (ck->state != CK_APPEND)
		return 0;
	CHECK(!ck->composed); /* it ends with that append */
	if (!ck->begun)
		checkpoint_note_start(set);
	if (record_is_empty(rec))
		rec->repeats = ck->head_sequence + 1;
	rec->blocks_max =
		room < RECORD_BLOCKS_MAX ? (uint32_t)room : RECORD_BLOCKS_MAX;
	bool all = checkpoint_put_units(set, rec) &&
		   checkpoint_put_sums(set, rec) &&
		   checkpoint_put_lost(set, rec);

	ck->appended += rec->blocks - blocks;
	ck->appended_sums += rec->sums - sums;
	if (all)
		checkpoint_composed(set);
	else if (record_is_empty(rec))
		checkpoint_stuck(set);
	return rec->sums - sums;
}

static void
checkpoint_header_done(struct fan *fan, int res)
{
	struct set *set = fan->set;
	struct checkpoint *ck = &set->checkpoint;
	struct journal *j = &set->journal;

	if (res < 0) {
		checkpoint_fail(set);
		return;
	}
	/* Durable on every counted leg: the ring before it is free (R20). */
	CHECK(j->used >= ck->start_used);
	j->used -= ck->start_used;
	j->sums_live += ck->appended_sums - ck->start_sums;
	ck->used_after = j->used;
	ck->sums_after = j->sums_live;
	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++)
		set->legs[i].head_durable[ck->copy ^ set->legs[i].map_flip] =
			ck->head_sequence;
	ck->whole -= ck->counts;
	ck->copy ^= !PLANTED(MAP_IN_PLACE);
	ck->state = CK_IDLE;
	set->raid->counters.checkpoints++;
}

static uint64_t
checkpoint_copy_offset(const struct set *set, const struct leg *leg)
{
	uint8_t physical = set->checkpoint.copy ^ leg->map_flip;

	return set->raid->sb.layout.map_offset[physical];
}

/* What the header says of the blocks behind it: a leg that lost one, though
 * it said that it was written, has no whole copy. */
uint32_t
checkpoint_entries_crc(const struct set *set, uint8_t copy)
{
	uint64_t blocks = map_blocks(set->regions);
	const uint32_t *crcs = &set->map_crcs[copy * blocks];
	uint32_t crc = 0;

	for (uint64_t i = 0; i < blocks; i++)
		crc = record_crc_more(crc, crcs[i]);
	return map_crc_of(crc);
}

static void
checkpoint_write_header(struct set *set)
{
	struct checkpoint *ck = &set->checkpoint;
	const struct journal *j = &set->journal;
	struct map_head head = {
		.sequence = ++ck->head_sequence,
		.journal_sequence = ck->start_sequence,
		.journal_index = ck->start_index,
		.before_crc = ck->start_crc,
		.entries_crc = checkpoint_entries_crc(set, ck->copy),
		.regions = set->regions,
		.journal_said = j->durable,
	};

	ck->state = CK_HEADER;
	fan_begin(&ck->fan, set, CAUSE_CHECKPOINT, checkpoint_header_done);
	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		struct leg *leg = &set->legs[i];
		uint64_t offset = checkpoint_copy_offset(set, leg);
		uint8_t *buf = ck->bufs + (size_t)i * 4096;

		map_head_encode(&head, &set->name, offset, buf);
		fan_write_leg(&ck->fan, leg, offset, 4096, buf,
			      !PLANTED(MAP_HEADER_WITHOUT_FUA));
	}
	fan_end(&ck->fan);
}

static void
checkpoint_flushed(struct flush_wait *w, int res)
{
	struct checkpoint *ck = container_of(w, struct checkpoint, flush);
	struct set *set = container_of(ck, struct set, checkpoint);

	if (res < 0)
		checkpoint_fail(set);
	else
		checkpoint_write_header(set);
}

static void checkpoint_write_map(struct set *set);

static void
checkpoint_map_done(struct fan *fan, int res)
{
	if (res < 0)
		checkpoint_fail(fan->set);
	else
		checkpoint_write_map(fan->set);
}

/* One map block, as entry block index, to all legs. */
static void
checkpoint_write_block(struct set *set, uint64_t index, uint32_t at)
{
	struct checkpoint *ck = &set->checkpoint;
	uint64_t first = index * MAP_ENTRIES;
	uint64_t count = set->regions - first;
	bool encoded[2] = {false, false};

	if (count > MAP_ENTRIES)
		count = MAP_ENTRIES;
	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		struct leg *leg = &set->legs[i];
		uint8_t copy = ck->copy ^ leg->map_flip;
		uint64_t offset = set->raid->sb.layout.map_offset[copy] +
				  (1 + index) * 4096;
		uint8_t *buf = ck->bufs + ((size_t)at * 2 + copy) * 4096;

		if (!encoded[copy])
			map_block_encode(&set->map[first], (uint32_t)count,
					 index, &set->name, offset, buf);
		encoded[copy] = true;
		set->map_crcs[ck->copy * map_blocks(set->regions) + index] =
			map_entries_crc(buf);
		fan_write_leg(&ck->fan, leg, offset, 4096, buf, false);
	}
}

static void
checkpoint_write_map(struct set *set)
{
	struct checkpoint *ck = &set->checkpoint;
	uint8_t bit = (uint8_t)(1u << ck->copy);
	uint32_t at = 0;

	fan_begin(&ck->fan, set, CAUSE_CHECKPOINT, checkpoint_map_done);
	for (; ck->block_at < map_blocks(set->regions) && at < CK_BATCH;
	     ck->block_at++) {
		if (!(set->map_dirty[ck->block_at] & bit))
			continue;
		set->map_dirty[ck->block_at] &= (uint8_t)~bit;
		checkpoint_write_block(set, ck->block_at, at++);
	}
	if (at > 0) {
		fan_end(&ck->fan);
		return;
	}
	ck->state = CK_FLUSH;
	ck->flush.done = checkpoint_flushed;
	if (PLANTED(MAP_HEADER_BEFORE_FLUSH)) {
		checkpoint_write_header(set);
		return;
	}
	flush_request(set, &ck->flush);
}

void
checkpoint_resume(struct set *set, const struct map_head *head, uint64_t blocks)
{
	struct checkpoint *ck = &set->checkpoint;

	CHECK(ck->state == CK_IDLE && blocks <= set->journal.used);
	ck->begun = true;
	ck->composed = true;
	ck->start_sequence = head->journal_sequence;
	ck->start_index = head->journal_index;
	ck->start_crc = head->before_crc;
	ck->start_used = set->journal.used - blocks;
	ck->start_sums = 0;
	ck->counts = false;
	ck->appended = 0;
	ck->appended_sums = 0;
	checkpoint_enter_map(set);
}

static bool
checkpoint_is_due(const struct set *set)
{
	const struct checkpoint *ck = &set->checkpoint;
	const struct journal *j = &set->journal;
	uint64_t slack = (j->ring_blocks - journal_kept(j) - j->reserve) / 2;

	return ck->wanted || ck->whole > 0 ||
	       j->used > ck->used_after + slack ||
	       j->sums_live > ck->sums_after + set->sums.limit / 2;
}

void
checkpoint_tick(struct set *set)
{
	struct checkpoint *ck = &set->checkpoint;

	if (set->write_stopped && (ck->state == CK_APPEND ||
				   (ck->state == CK_MAP && ck->block_at == 0)))
		ck->state = CK_IDLE;
	if (ck->state == CK_MAP && ck->block_at == 0) {
		checkpoint_write_map(set);
		return;
	}
	if (ck->state != CK_IDLE || set->write_stopped ||
	    !checkpoint_is_due(set))
		return;
	ck->state = CK_APPEND;
	ck->wanted = false;
	ck->counts = ck->whole > 0;
	ck->begun = false;
	ck->composed = false;
	ck->unit_at = 0;
	ck->node_at = 1;
	ck->lost_at[LOST_BLOCKS] = 0;
	ck->lost_at[LOST_PAGES] = 0;
	ck->appended = 0;
	ck->appended_sums = 0;
}
