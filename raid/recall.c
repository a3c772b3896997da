/* SPDX-License-Identifier: MIT */
/*
 * Does a leg still have the metadata that it acknowledged?  Asked after
 * each verdict on data or a page that does not verify: the leg may have gone
 * back in time, by a disk image put back or a cache that lied.  Read are its
 * superblocks, the headers of its map copies and the last records of its
 * journal.  What is in any of these places may be newer than what was last
 * known to be durable there, or be torn just now, but never older: whatever
 * else is in flight.
 *
 * Left alone, such a leg would have metadata that agree with one another, and
 * start the array some day without the others (H21).  So both superblock slots
 * and both copies of the map are written anew, and with the two checkpoints
 * that takes all that a replay needs of the ring; and all pages are looked at
 * (heal.c).
 */
#include <errno.h>
#include <string.h>

#include "set.h"

static void recall_end(struct raid *r);

void
recall_carve(struct raid *r, struct arena *a)
{
	ARENA_TAKE_BUFFERS(a, r ? &r->recall : NULL, bufs,
			   RECALL_BYTES / BLOCK_BYTES);
}

void
recall_ask(struct leg *leg)
{
	leg->recall = true;
}

/* --- looking --- */

static void
recall_found(struct recall *rc, enum raid_back what, uint64_t is, uint64_t was)
{
	if (is >= was || was - is <= rc->behind)
		return;
	rc->behind = was - is;
	rc->what = what;
}

static void
recall_superblock(struct raid *r, const struct recall_read *rd)
{
	struct sb *sb = &r->recall.sb;

	if (sb_decode(rd->buf, rd->offset, sb) == 0 &&
	    uuid_is_equal(sb->array_uuid, r->sb.array_uuid))
		recall_found(&r->recall, BACK_SUPERBLOCK, sb->sequence,
			     rd->durable);
}

static void
recall_map(struct raid *r, const struct recall_read *rd)
{
	struct map_head head;

	if (map_head_decode(rd->buf, &r->recall.leg->set->name, rd->offset,
			    &head) == 0)
		recall_found(&r->recall, BACK_MAP, head.sequence, rd->durable);
}

/* From the last record back: where the chain has a gap, what is before it is
 * of an earlier time, and what is behind it was appended since.  In the first
 * lap there is no record at all in the gap; in one block, that may be rot. */
static void
recall_journal(struct raid *r, const struct recall_read *rd)
{
	const struct record_name *name = &r->recall.leg->set->name;
	uint64_t expected = rd->durable;
	uint32_t gap = 0;
	struct record_head head;

	for (uint32_t at = rd->bytes; at > 0; at -= BLOCK_BYTES) {
		int res = record_decode(rd->buf + at - BLOCK_BYTES, name,
					rd->offset + at - BLOCK_BYTES, &head);

		if (res == -ENOENT) {
			gap++;
			continue;
		}
		if (res < 0 || head.sequence > rd->durable)
			return; /* damaged, or written over by now */
		if (head.sequence < expected && gap != 1) {
			recall_found(&r->recall, BACK_JOURNAL, head.sequence,
				     expected);
			return;
		}
		expected = head.index == 0 ? head.sequence - 1 : head.sequence;
		gap = 0;
	}
	if (gap > 1)
		recall_found(&r->recall, BACK_JOURNAL, expected - 1, expected);
}

static void
recall_released(struct op *op, int res)
{
	struct raid *r = op->owner;

	(void)res;
	r->recall.abandoned--;
}

static void
recall_read_done(struct op *op, int res)
{
	struct raid *r = op->owner;
	struct recall *rc = &r->recall;
	const struct recall_read *rd = &rc->reads[op->tag];

	if (op->abandoned) {
		rc->abandoned++;
		op->released = recall_released;
	} else if (res == 0 && rd->what == BACK_SUPERBLOCK) {
		recall_superblock(r, rd);
	} else if (res == 0 && rd->what == BACK_MAP) {
		recall_map(r, rd);
	} else if (res == 0) {
		recall_journal(r, rd);
	}
	if (--rc->pending == 0)
		recall_end(r);
}

/* durable: the sequence of what was last written there; 0: not in this run. */
static void
recall_read(struct raid *r, enum raid_back what, uint64_t offset,
	    uint32_t bytes, uint64_t durable)
{
	struct recall *rc = &r->recall;
	struct recall_read *rd = &rc->reads[rc->count];

	if (durable == 0)
		return;
	*rd = (struct recall_read){
		.what = what,
		.offset = offset,
		.durable = durable,
		.bytes = bytes,
		.buf = rc->bufs + rc->used,
	};
	rc->used += bytes;
	rc->pending++;
	op_submit(rc->leg, IO_READ, offset, bytes, rd->buf, false,
		  recall_read_done, r, rc->count++);
}

/* The last blocks of this run's records, as far as they lie in one piece. */
static void
recall_read_ring(struct raid *r, const struct journal *j)
{
	uint64_t blocks = RECALL_RING;

	if (blocks > j->run_blocks - r->recall.leg->ring_seen)
		blocks = j->run_blocks - r->recall.leg->ring_seen;
	if (blocks > j->ring_blocks / 2)
		blocks = j->ring_blocks / 2;
	if (blocks > j->last_index + 1)
		blocks = j->last_index + 1;
	if (blocks == 0)
		return;
	recall_read(r, BACK_JOURNAL,
		    r->sb.layout.journal_offset +
			    (j->last_index + 1 - blocks) * 4096,
		    (uint32_t)blocks * BLOCK_BYTES, j->last_sequence);
}

static void
recall_begin(struct raid *r, struct leg *leg)
{
	const struct layout *l = &r->sb.layout;
	struct recall *rc = &r->recall;

	leg->recall = false;
	rc->leg = leg;
	rc->behind = 0;
	rc->count = 0;
	rc->used = 0;
	rc->pending = 1;
	for (unsigned end = 0; end < 2; end++)
		for (unsigned slot = 0; slot < SB_SLOTS; slot++)
			recall_read(r, BACK_SUPERBLOCK,
				    sb_offset(leg->bytes, end, slot), SB_BYTES,
				    leg->sb_durable[slot]);
	for (unsigned copy = 0; copy < 2; copy++)
		recall_read(r, BACK_MAP, l->map_offset[copy], BLOCK_BYTES,
			    leg->head_durable[copy]);
	recall_read_ring(r, &leg->set->journal);
	if (--rc->pending == 0)
		rc->leg = NULL; /* nothing was written yet */
}

/* --- writing anew --- */

static void
recall_rewrite(struct raid *r, struct leg *leg)
{
	struct set *set = leg->set;

	if (PLANTED(WENT_BACK_LEFT_SO) || r->phase != PHASE_SERVING)
		return;
	leg->rewriting = true;
	heal_all(leg);
	leg->ring_seen = set->journal.run_blocks;
	r->meta.marks = SB_SLOTS;
	if (PLANTED(MAP_LEFT_BACK))
		return;
	memset(set->map_dirty, 3, map_blocks(set->regions));
	set->checkpoint.whole = 2;
}

/* All blocks of a start's first checkpoint go to the copy that is not used. */
void
recall_rewrite_map(const struct scan *s)
{
	if (!s->map_bad || s->leg->run != RUN_IN)
		return;
	s->leg->rewriting = true;
	s->leg->set->checkpoint.whole = 1;
}

static void
recall_end(struct raid *r)
{
	struct recall *rc = &r->recall;
	struct leg *leg = rc->leg;

	rc->leg = NULL;
	if (rc->behind == 0)
		return;
	verdict_give(leg, VERDICT_WENT_BACK, 0, rc->what, rc->behind);
	if (leg->run == RUN_IN)
		recall_rewrite(r, leg);
}

static void
recall_look(struct raid *r, struct leg *leg)
{
	if (leg->rewriting && r->meta.marks == 0 &&
	    r->meta.state == META_IDLE && leg->set->checkpoint.whole == 0 &&
	    !heal_is_sweeping(leg)) {
		leg->rewriting = false;
		if (leg->run == RUN_IN)
			raid_note(r, NOTE_METADATA_REWRITTEN, leg->set, leg, 0,
				  0, 0);
	}
	if (leg->recall && leg->run == RUN_IN && !leg->rewriting &&
	    !r->recall.leg && r->recall.abandoned == 0)
		recall_begin(r, leg);
}

void
recall_tick(struct raid *r)
{
	for (uint32_t i = 0; i < r->leg_count; i++)
		recall_look(r, &r->legs[i]);
}
