/* SPDX-License-Identifier: MIT */
/*
 * Records at the end of a chain that only repeat what the journal owed, for a
 * checkpoint that a crash kept from its header.  They say nothing new, and
 * the next checkpoint needs their room: a start drops them.  So crashes in
 * checkpoints, however many, never use up what is kept for one (R20).
 *
 * They are erased one by one, the newest first, each on every counted leg
 * before the next: a crash between finds legs that differ by one append at
 * most, and no later record behind any end (R19, H9).
 */
#include <string.h>

#include "set.h"

void
tail_begin(struct scan *s)
{
	s->kept = (struct scan_end){
		.sequence = s->sequence,
		.index = s->index,
		.blocks = s->blocks,
		.crc = s->crc,
	};
	s->tail_count = 0;
}

void
tail_follow(struct scan *s, const struct record_head *h)
{
	if (h->repeats > s->heads[s->copy].sequence &&
	    /* never: they are more than is kept for a checkpoint. */
	    s->tail_count < SCAN_TAIL_MAX)
		s->tail[s->tail_count++] = (uint8_t)s->last_count;
	else
		tail_begin(s);
}

/* Some leg has the header that they were said again for, or may have it: a
 * later start that reads it begins with them. */
static bool
tail_is_owed(const struct set *set, const struct scan *ref)
{
	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		const struct scan *s = &set->scans[i];

		if (!scan_is_good(s))
			continue;
		if (s->doubt || s->heads[s->copy].sequence !=
					ref->heads[ref->copy].sequence)
			return true;
	}
	return false;
}

void
tail_drop(struct set *set, struct scan *ref)
{
	set->erase_left = 0;
	if ((tail_is_owed(set, ref) && !PLANTED(OWED_TAIL_DROPPED)) ||
	    PLANTED(CHECKPOINT_LEFT_IN_RING))
		return;
	set->erase_left = ref->tail_count;
	set->erase_end = ref->index;
	ref->sequence = ref->kept.sequence;
	ref->index = ref->kept.index;
	ref->blocks = ref->kept.blocks;
	ref->crc = ref->kept.crc;
}

/*
 * A header that made no sense when it was read, by a fault that passes, would
 * be the newest again one day, and begin with what is dropped or written over
 * by then.
 */
bool
tail_wipe_heads(struct set *set, fan_done_f *done)
{
	const struct raid *r = set->raid;
	bool any = false;

	for (uint32_t i = 0; i < r->sb.geometry.legs; i++)
		any |= set->scans[i].leg && set->scans[i].rotten;
	if (!any || PLANTED(ROTTEN_HEADER_LEFT))
		return false;
	fan_begin(&set->start_fan, set, CAUSE_CHECKPOINT, done);
	for (uint32_t i = 0; i < r->sb.geometry.legs; i++)
		for (unsigned copy = 0; copy < 2; copy++)
			if (set->scans[i].leg &&
			    (set->scans[i].rotten >> copy & 1))
				fan_write_leg(&set->start_fan, &set->legs[i],
					      r->sb.layout.map_offset[copy],
					      4096, r->zeros, true);
	fan_end(&set->start_fan);
	return true;
}

void
tail_erase_last(struct set *set, fan_done_f *done)
{
	struct journal *j = &set->journal;
	const struct scan *ref = &set->scans[set->reference];
	uint64_t blocks = ref->tail[--set->erase_left];

	set->erase_end =
		(set->erase_end + j->ring_blocks - blocks) % j->ring_blocks;
	memset(j->buf, 0, blocks * 4096);
	fan_begin(&set->start_fan, set, CAUSE_APPEND, done);
	journal_write_ring(set, &set->start_fan, set->erase_end, blocks);
	fan_end(&set->start_fan);
}
