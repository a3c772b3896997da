/* SPDX-License-Identifier: MIT */
/*
 * What one leg's map and journal say at a start (R19).
 *
 *   FLUSH -> HEADS -> MAP -> RING -> DONE
 *
 * The newest of the two map copies that is whole, then the chain of records
 * from the place its header names.  The whole ring is looked at: a later
 * record behind the end of the chain means that the end is damage, not the
 * end (H9).
 */
#include <errno.h>
#include <string.h>

#include "set.h"

#define SCAN_BLOCKS  16u
#define SCAN_RETRIES 3u /* of reads, in all */

static void scan_map(struct scan *s);
static void scan_ring(struct scan *s);
static void scan_ring_begin(struct scan *s);

static const struct layout *
scan_layout(const struct scan *s)
{
	return &s->leg->raid->sb.layout;
}

bool
scan_is_good(const struct scan *s)
{
	return s->leg && s->res == 0 && s->leg->run == RUN_IN;
}

/* Only the older map copy is whole, and the ring does not go back so far: the
 * newest one then, such as it is. */
static bool
scan_take_holes(struct scan *s)
{
	if (!raid_rescues(s->leg->raid) || !s->has_head || s->holes ||
	    s->head_res[s->newest] == 0)
		return false;
	s->holes = true;
	s->copy = s->newest;
	scan_ring_begin(s);
	return true;
}

static void
scan_finish(struct scan *s, int res)
{
	if (res < 0 && scan_take_holes(s))
		return;
	if (res == 0 && s->holes)
		res = -EBADMSG;
	s->res = res;
	s->step = SCAN_DONE;
}

static void
scan_read(struct scan *s, uint64_t offset, uint32_t blocks, op_done_f *done)
{
	s->buf_blocks = blocks;
	op_submit(s->leg, IO_READ, offset, (uint64_t)blocks * 4096, s->buf,
		  false, done, s, 0);
}

/* --- ring --- */

/* The block continues the chain. */
static bool
scan_follows(const struct scan *s, const struct record_head *h)
{
	if (h->sequence != s->sequence + 1 || h->before_crc != s->crc ||
	    h->index != s->run_index)
		return false;
	return s->run_index == 0 ||
	       (h->count == s->run_count && h->nonce == s->run_nonce);
}

static void
scan_follow(struct scan *s, const struct record_head *h, uint64_t ring_index,
	    uint64_t ring_blocks)
{
	if (s->run_index == 0) {
		s->run_count = h->count;
		s->run_nonce = h->nonce;
		s->run_crc = 0;
	}
	s->run_crc = record_crc_more(s->run_crc, h->crc);
	if (++s->run_index < s->run_count)
		return;
	s->crc_before = s->crc;
	s->crc = s->run_crc;
	s->sequence++;
	s->index = (ring_index + 1) % ring_blocks;
	s->blocks += s->run_count;
	s->last_count = s->run_count;
	s->run_index = 0;
	tail_follow(s, h);
}

/* Neither a record of any time, nor nothing.  (Where the ring was never written
 * it may be what an earlier owner of the disk left: an end like any other, but
 * for how it is told if the chain is too short.) */
static bool
scan_is_rot(const struct scan *s, const uint8_t *block, int res)
{
	return res == -EBADMSG ||
	       (res == -ENOENT &&
		memcmp(block, s->leg->raid->zeros, BLOCK_BYTES) != 0);
}

static void
scan_ring_block(struct scan *s, const uint8_t *block, uint64_t ring_index)
{
	const struct layout *l = scan_layout(s);
	struct record_head h;
	int res = record_decode(block, &s->leg->set->name,
				l->journal_offset + ring_index * 4096, &h);

	if (!s->ended && res == 0 && scan_follows(s, &h)) {
		scan_follow(s, &h, ring_index, l->journal_bytes / 4096);
		return;
	}
	if (!s->ended) {
		s->torn = res == -EBADMSG || s->run_index > 0;
		s->rot = scan_is_rot(s, block, res);
	}
	s->ended = true;
	if (res == 0 && h.sequence > s->seen_max)
		s->seen_max = h.sequence;
}

/* A salvage goes on behind what cannot be read: there may be the end of the
 * chain, or records behind it. */
static void
scan_ring_skip(struct scan *s)
{
	s->narrow = s->buf_blocks > 1;
	if (!s->narrow) {
		s->ended = true;
		s->unread = true;
		s->at++;
	}
	scan_ring(s);
}

static void
scan_ring_failed(struct scan *s, const struct op *op, int res)
{
	if (!op->abandoned)
		verdict_give(s->leg, VERDICT_READ_ERROR, res, NOTE_NO_PLACE, 0);
	if (!op->abandoned && s->retries++ < SCAN_RETRIES)
		scan_ring(s);
	else if (!op->abandoned && raid_rescues(s->leg->raid))
		scan_ring_skip(s);
	else
		scan_finish(s, res);
}

static void
scan_ring_done(struct op *op, int res)
{
	struct scan *s = op->owner;
	uint64_t ring = scan_layout(s)->journal_bytes / 4096;

	if (res < 0) {
		scan_ring_failed(s, op, res);
		return;
	}
	for (uint32_t i = 0; i < s->buf_blocks; i++)
		scan_ring_block(s, s->buf + (size_t)i * 4096,
				(s->heads[s->copy].journal_index + s->at + i) %
					ring);
	s->at += s->buf_blocks;
	scan_ring(s);
}

static bool
scan_head_is_sane(const struct scan *s, unsigned copy)
{
	const struct map_head *h = &s->heads[copy];

	return s->head_res[copy] == 0 && h->regions == s->leg->set->regions &&
	       h->journal_sequence > 0 &&
	       h->journal_index < scan_layout(s)->journal_bytes / 4096;
}

/* The last record that a header knows to have been durable on this leg: the
 * header is behind it (R20). */
static uint64_t
scan_said(const struct scan *s)
{
	uint64_t said = 0;

	for (unsigned copy = 0; copy < 2; copy++)
		if (scan_head_is_sane(s, copy) &&
		    s->heads[copy].journal_said > said &&
		    !PLANTED(CHAIN_MAY_END_EARLY))
			said = s->heads[copy].journal_said;
	return said;
}

static void
scan_ring(struct scan *s)
{
	const struct layout *l = scan_layout(s);
	uint64_t ring = l->journal_bytes / 4096;
	uint64_t index = (s->heads[s->copy].journal_index + s->at) % ring;
	uint64_t blocks = ring - s->at;

	if (blocks == 0) {
		/* Sequence end + 1, in pieces, is a torn append. */
		s->cut = (s->seen_max > s->sequence + 1 &&
			  !PLANTED(DAMAGE_READS_AS_END)) ||
			 scan_said(s) > s->sequence || s->unread;
		scan_finish(s, s->cut ? -EBADMSG : 0);
		return;
	}
	if (blocks > SCAN_BLOCKS)
		blocks = SCAN_BLOCKS;
	if (s->narrow)
		blocks = 1;
	if (blocks > ring - index)
		blocks = ring - index;
	scan_read(s, l->journal_offset + index * 4096, (uint32_t)blocks,
		  scan_ring_done);
}

static void
scan_ring_begin(struct scan *s)
{
	const struct map_head *h = &s->heads[s->copy];

	s->step = SCAN_RING;
	s->at = 0;
	s->ended = false;
	s->sequence = h->journal_sequence - 1;
	s->index = h->journal_index;
	s->blocks = 0;
	s->crc = h->before_crc;
	s->crc_before = 0;
	s->last_count = 0;
	s->run_index = 0;
	s->seen_max = 0;
	s->narrow = false;
	s->unread = false;
	s->torn = false;
	s->rot = false;
	tail_begin(s);
	scan_ring(s);
}

/* --- map --- */

/* It was durable before its header was, and what a crash may have cut off is
 * the older copy.  If a header is missing, that may be this one. */
static void
scan_map_tell(struct scan *s)
{
	if (s->copy != s->newest || s->doubt || s->rotten)
		return;
	s->map_bad = true;
	verdict_give(s->leg, VERDICT_MISMATCH, 0, NOTE_NO_PLACE, 0);
}

/* This copy is not whole: the other one, once. */
static void
scan_map_bad(struct scan *s)
{
	s->head_res[s->copy] = -EBADMSG;
	s->doubt = true;
	s->copy ^= 1;
	if (!scan_head_is_sane(s, s->copy)) {
		scan_finish(s, -EBADMSG);
		return;
	}
	s->at = 0;
	scan_map(s);
}

static bool
scan_map_blocks_are_good(struct scan *s)
{
	const struct layout *l = scan_layout(s);
	map_entry unused[1];

	for (uint32_t i = 0; i < s->buf_blocks; i++) {
		uint64_t index = s->at + i;

		if (map_block_decode(s->buf + (size_t)i * 4096, 0, index,
				     &s->leg->set->name,
				     l->map_offset[s->copy] +
					     (1 + index) * 4096,
				     unused) < 0)
			return false;
		s->map_crc = record_crc_more(
			s->map_crc,
			map_entries_crc(s->buf + (size_t)i * 4096));
	}
	return true;
}

bool
scan_map_is_whole(const struct scan *s)
{
	uint32_t crc = s->heads[s->copy].entries_crc;

	return crc == 0 || crc == map_crc_of(s->map_crc) ||
	       PLANTED(LOST_MAP_BLOCK_TAKEN);
}

static void
scan_map_done(struct op *op, int res)
{
	struct scan *s = op->owner;

	if (op->abandoned) {
		scan_finish(s, res);
		return;
	}
	if (res < 0)
		verdict_give(s->leg, VERDICT_READ_ERROR, res, NOTE_NO_PLACE, 0);
	if (res < 0 && s->retries++ < SCAN_RETRIES) {
		scan_map(s);
		return;
	}
	if (res == 0 && !scan_map_blocks_are_good(s)) {
		scan_map_tell(s);
		res = -EBADMSG;
	}
	if (res < 0) {
		scan_map_bad(s);
		return;
	}
	s->at += s->buf_blocks;
	scan_map(s);
}

static void
scan_map(struct scan *s)
{
	uint64_t left = map_blocks(s->leg->set->regions) - s->at;

	s->step = SCAN_MAP;
	if (s->at == 0)
		s->map_crc = 0;
	if (left == 0 && !scan_map_is_whole(s)) {
		scan_map_tell(s);
		scan_map_bad(s);
		return;
	}
	if (left == 0) {
		scan_ring_begin(s);
		return;
	}
	scan_read(s, scan_layout(s)->map_offset[s->copy] + (1 + s->at) * 4096,
		  left < SCAN_BLOCKS ? (uint32_t)left : SCAN_BLOCKS,
		  scan_map_done);
}

/* --- heads --- */

static void scan_head_read(struct scan *s, unsigned copy);

/* Not read; or whole; or never written. */
static bool
scan_head_may_be_absent(const struct scan *s, unsigned copy, int res)
{
	return res == 0 || (res != -EBADMSG && res != -ENOENT) ||
	       memcmp(s->buf + (size_t)copy * 4096, s->leg->raid->zeros,
		      4096) == 0;
}

static void
scan_head_done(struct op *op, int res)
{
	struct scan *s = op->owner;
	unsigned copy = (unsigned)op->tag;

	if (res < 0 && !op->abandoned) {
		verdict_give(s->leg, VERDICT_READ_ERROR, res, NOTE_NO_PLACE, 0);
		if (s->retries++ < SCAN_RETRIES) {
			scan_head_read(s, copy);
			return;
		}
	}
	/* It may be there, and be read by the next start (R24). */
	if (res < 0)
		s->doubt = !PLANTED(HEADER_UNREAD_IS_ABSENT);
	else
		res = map_head_decode(
			s->buf + (size_t)copy * 4096, &s->leg->set->name,
			scan_layout(s)->map_offset[copy], &s->heads[copy]);
	if (!scan_head_may_be_absent(s, copy, res)) {
		s->rotten |= (uint8_t)(1u << copy);
		raid_note(s->leg->raid, NOTE_MAP_HEADER_BAD, s->leg->set,
			  s->leg, 0, copy, 0);
	}
	s->head_res[copy] = res;
	s->given_up |= op->abandoned;
	if (--s->pending > 0)
		return;
	if (s->given_up) {
		scan_finish(s, -ETIMEDOUT);
		return;
	}
	bool sane[2] = {scan_head_is_sane(s, 0), scan_head_is_sane(s, 1)};

	if (!sane[0] && !sane[1]) {
		scan_finish(s, -EBADMSG);
		return;
	}
	s->copy = sane[1] && (!sane[0] || PLANTED(OLDER_MAP_TAKEN) !=
						  (s->heads[1].sequence >
						   s->heads[0].sequence));
	s->newest = s->copy;
	s->has_head = true;
	s->at = 0;
	scan_map(s);
}

static void
scan_head_read(struct scan *s, unsigned copy)
{
	op_submit(s->leg, IO_READ, scan_layout(s)->map_offset[copy], 4096,
		  s->buf + (size_t)copy * 4096, false, scan_head_done, s,
		  copy);
}

static void
scan_heads(struct scan *s)
{
	s->step = SCAN_HEADS;
	s->pending = 2;
	for (unsigned copy = 0; copy < 2; copy++)
		scan_head_read(s, copy);
}

static void
scan_flush_done(struct op *op, int res)
{
	struct scan *s = op->owner;

	if (res < 0)
		scan_finish(s, res);
	else
		scan_heads(s);
}

void
scan_start(struct scan *s, struct leg *leg)
{
	s->leg = leg;
	s->step = SCAN_FLUSH;
	/* What was read before the crash must not go back (H7).  A salvage
	 * promises nothing for later. */
	if (leg->raid->salvage)
		scan_heads(s);
	else if (PLANTED(START_WITHOUT_FLUSH))
		scan_read(s, scan_layout(s)->map_offset[0], 1, scan_flush_done);
	else
		op_submit(leg, IO_FLUSH, 0, 0, NULL, false, scan_flush_done, s,
			  0);
}
