/* SPDX-License-Identifier: MIT */
/*
 * The reference: the leg whose map and journal become the set's at a start
 * (R19).  Its map is read once more, block by block, and its chain replayed
 * on it; then the run's journal goes on behind the chain.  If it cannot be
 * read again, start.c chooses another.
 */
#include <errno.h>
#include <string.h>

#include "set.h"
#include "start.h"

static void reference_read_ring(struct set *set);

struct scan *
reference_of(struct set *set)
{
	return &set->scans[set->reference];
}

/* --- behind the chain --- */

/* Blocks from where this leg's replay begins to the end of the set's chain. */
static uint64_t
reference_chain_blocks(const struct set *set, const struct scan *s)
{
	const struct scan *ref = &set->scans[set->reference];

	if (s == ref || s->sequence == ref->sequence)
		return s->blocks;
	if (s->sequence + 1 == ref->sequence) /* missed the last append */
		return s->blocks + ref->last_count;
	return s->kept.blocks;
}

/* A leg may have an older checkpoint: its replay begins earlier, and from
 * there on the ring is not free (R20) until it has the newest one too. */
static void
reference_count_ring(struct set *set)
{
	struct journal *j = &set->journal;
	const struct scan *newest = reference_of(set);

	for (uint32_t i = 0; i < start_legs(set); i++) {
		const struct scan *s = &set->scans[i];

		if (!scan_is_good(s) ||
		    (PLANTED(OLDER_CHECKPOINT_OVERWRITTEN) && s != newest))
			continue;
		if (s->heads[s->copy].sequence >
		    newest->heads[newest->copy].sequence)
			newest = s;
		if (reference_chain_blocks(set, s) > j->used)
			j->used = reference_chain_blocks(set, s);
	}
	if (reference_chain_blocks(set, newest) < j->used)
		checkpoint_resume(set, &newest->heads[newest->copy],
				  reference_chain_blocks(set, newest));
}

/* The new run goes on behind the set's chain. */
static void
reference_done(struct set *set)
{
	const struct scan *s = reference_of(set);
	struct journal *j = &set->journal;

	if (set->raid->salvage) {
		replay_end(set);
		salvage_replayed(set);
		set->start = SET_READY;
		return;
	}
	if (set_is_recut(set)) {
		salvage_go_on(set);
		return;
	}
	j->head = s->index;
	reference_count_ring(set);
	j->sequence = s->sequence + 1;
	j->durable = s->sequence;
	j->before_crc = s->crc;
	j->nonce = set->raid->io->ops->random(set->raid->io);
	replay_end(set);
	set->start = SET_READY;
}

/* --- its journal --- */

static bool
reference_replay(struct set *set, const uint8_t *block, uint64_t at)
{
	struct scan *s = reference_of(set);
	const struct layout *l = &set->raid->sb.layout;
	uint64_t index = (s->heads[s->copy].journal_index + at) %
			 set->journal.ring_blocks;
	struct record_head h;

	if (record_decode(block, &set->name, l->journal_offset + index * 4096,
			  &h) < 0)
		return false;
	/* Kept for the legs that may lack it. */
	if (h.sequence == s->sequence)
		memcpy(set->journal.buf + (size_t)h.index * 4096, block, 4096);
	return replay_block(set, block, &h);
}

static void
reference_ring_done(struct op *op, int res)
{
	struct set *set = op->owner;
	struct scan *s = reference_of(set);

	for (uint32_t i = 0; i < s->buf_blocks && res == 0; i++)
		if (!reference_replay(set, s->buf + (size_t)i * 4096,
				      set->at + i))
			res = -EUCLEAN;
	if (res < 0) {
		start_choose_again(set, res);
		return;
	}
	set->at += s->buf_blocks;
	reference_read_ring(set);
}

static void
reference_read_ring(struct set *set)
{
	struct scan *s = reference_of(set);
	uint64_t ring = set->journal.ring_blocks;
	uint64_t index = (s->heads[s->copy].journal_index + set->at) % ring;
	uint64_t blocks = s->blocks - set->at;

	set->start = SET_REPLAY;
	if (blocks == 0) {
		reference_done(set);
		return;
	}
	if (blocks > START_BLOCKS)
		blocks = START_BLOCKS;
	if (blocks > ring - index)
		blocks = ring - index;
	s->buf_blocks = (uint32_t)blocks;
	op_submit(s->leg, IO_READ,
		  set->raid->sb.layout.journal_offset + index * 4096,
		  blocks * 4096, s->buf, false, reference_ring_done, set, 0);
}

/* --- its map --- */

static int
reference_map_decode(struct set *set, struct scan *s)
{
	for (uint32_t i = 0; i < s->buf_blocks; i++) {
		uint64_t index = set->at + i;
		uint64_t first = index * MAP_ENTRIES;
		uint64_t count = set->regions - first;
		int res;

		if (count > MAP_ENTRIES)
			count = MAP_ENTRIES;
		res = map_block_decode(
			s->buf + (size_t)i * 4096, (uint32_t)count, index,
			&set->name,
			set->raid->sb.layout.map_offset[s->copy] +
				(1 + index) * 4096,
			&set->map[first]);
		if (res < 0 && !s->holes)
			return res;
		if (res < 0)
			salvage_lose_map_block(set, index);
		s->map_crc = record_crc_more(
			s->map_crc, map_entries_crc(s->buf + (size_t)i * 4096));
	}
	return 0;
}

static void
reference_map_done(struct op *op, int res)
{
	struct set *set = op->owner;
	struct scan *s = reference_of(set);

	if (res < 0 && s->holes && s->buf_blocks > 1) {
		set->salvage.narrow = true;
		reference_read_map(set);
		return;
	}
	if (res < 0 && s->holes) {
		salvage_lose_map_block(set, set->at);
		set->salvage.narrow = false;
		res = 0;
	} else if (res == 0) {
		res = reference_map_decode(set, s);
	}
	if (res < 0) {
		start_choose_again(set, res);
		return;
	}
	set->at += s->buf_blocks;
	reference_read_map(set);
}

void
reference_read_map(struct set *set)
{
	struct scan *s = reference_of(set);
	uint64_t left = map_blocks(set->regions) - set->at;

	set->start = SET_MAP;
	if (set->at == 0)
		s->map_crc = 0;
	if (left == 0 && !scan_map_is_whole(s) && !s->holes) {
		start_choose_again(set, -EBADMSG);
		return;
	}
	if (left == 0) {
		set->at = 0;
		reference_read_ring(set);
		return;
	}
	s->buf_blocks = left < START_BLOCKS ? (uint32_t)left : START_BLOCKS;
	if (set->salvage.narrow)
		s->buf_blocks = 1;
	op_submit(s->leg, IO_READ,
		  set->raid->sb.layout.map_offset[s->copy] +
			  (1 + set->at) * 4096,
		  (uint64_t)s->buf_blocks * 4096, s->buf, false,
		  reference_map_done, set, 0);
}
