/* SPDX-License-Identifier: MIT */
/*
 * Which leg has a block's value: by its sum (R11), or, after a crash, by the
 * evidence that the journal left (R17).
 */
#include <errno.h>
#include <string.h>

#include "set.h"
#include "settle.h"

/* The first leg whose block has that sum; -1: none.  An older one of a leg
 * that is aside says nothing. */
static int
evidence_match(const struct settle *st, uint32_t b, uint32_t sum, bool newest)
{
	uint64_t block = st->unit * UNIT_BLOCKS + b;

	for (uint32_t i = 0; i < settle_legs(st); i++)
		if (settle_is_readable(st, i, b) &&
		    (newest || !st->set->legs[i].aside) &&
		    sum_of(st->set->sum_base, block, settle_block(st, i, b)) ==
			    sum)
			return (int)i;
	return -1;
}

/* No sum vouches for any leg: what they agree on, else the lowest, one that
 * cannot tear a block if there is one (R17, H23). */
static int
evidence_last_resort(const struct settle *st, uint32_t b)
{
	const struct set *set = st->set;
	uint32_t block_bytes = set->raid->sb.geometry.block_bytes;
	int lowest = -1;
	int whole = -1;
	bool agree = true;

	for (uint32_t i = 0; i < settle_legs(st); i++) {
		if (!settle_is_readable(st, i, b))
			continue;
		if (lowest < 0)
			lowest = (int)i;
		else if (memcmp(settle_block(st, (uint32_t)lowest, b),
				settle_block(st, i, b), BLOCK_BYTES) != 0)
			agree = false;
		if (whole < 0 && set->legs[i].sector_bytes >= block_bytes)
			whole = (int)i;
	}
	return agree || whole < 0 || PLANTED(SECTORS_IGNORED) ? lowest : whole;
}

/* There is a frame if there is a page: settle_lacks_page(). */
static bool
evidence_page_is_lost(const struct settle *st)
{
	return st->frame && st->frame->state == FRAME_LOST;
}

/* The sum that the page on disk gives; false: unwritten or not known. */
static bool
evidence_page_sum(const struct settle *st, uint32_t b, uint32_t *sum)
{
	struct set *set = st->set;
	uint64_t block = st->unit * UNIT_BLOCKS + b;
	const struct frame *f = st->frame;

	if (!f || f->state == FRAME_LOST)
		return false;
	*sum = page_get(f,
			(uint32_t)(block & ((1ull << set->region_shift) - 1)));
	return *sum != SUM_UNWRITTEN;
}

static void
evidence_take(struct settle *st, uint32_t b, int leg, uint32_t sum)
{
	st->chosen |= (uint16_t)(1u << b);
	st->source[b] = (uint8_t)leg;
	st->sum[b] = sum;
}

/* Its sum stands, so that it reads as EIO; what is older is kept, since no
 * flush will ever seem to settle it. */
static void
evidence_lose(struct settle *st, uint32_t b)
{
	struct set *set = st->set;
	uint64_t block = st->unit * UNIT_BLOCKS + b;
	struct node *n = sums_newest(&set->sums, block);

	if (n) {
		n->flags |= NODE_DONE;
		n->gen = set->flusher.gen + (1u << 30);
	}
	set->salvage.undecided_blocks++;
	lost_add(set, block);
	st->open = true;
}

static void
evidence_accept(struct settle *st, uint32_t b)
{
	struct set *set = st->set;
	uint64_t block = st->unit * UNIT_BLOCKS + b;
	int leg = evidence_last_resort(st, b);

	/* What the legs have there may be what was no good before the crash:
	 * no write to it has ended since, or it would not be listed. */
	if (leg < 0 ||
	    (set_is_quiet(set) && !PLANTED(SALVAGE_TRUSTS_UNVERIFIED)) ||
	    (lost_is_possible(set, block) && !PLANTED(LOST_ACCEPTED))) {
		evidence_lose(st, b);
		return;
	}
	set->unverified_blocks++;
	raid_note(set->raid, NOTE_UNVERIFIED, set, &set->legs[leg], 0,
		  block * BLOCK_BYTES, 0);
	st->record |= (uint16_t)(1u << b);
	evidence_take(st, b, leg,
		      sum_of(set->sum_base, block,
			     settle_block(st, (uint32_t)leg, b)));
}

/* R17: from the newest sum back to the base. */
void
evidence_choose(struct settle *st, uint32_t b)
{
	struct set *set = st->set;
	const struct node *n =
		sums_newest(&set->sums, st->unit * UNIT_BLOCKS + b);
	uint32_t sum;
	bool based = false;
	bool any = n != NULL;
	bool older = n && n->older != NODE_NONE;
	bool paged = false;
	bool newest = true;

	if (n && n->sum == SUM_UNWRITTEN)
		return; /* nothing after it: zeros */
	for (; n && !based; n = sums_node(&set->sums, n->older)) {
		if (n->sum == SUM_UNWRITTEN) {
			based = true; /* below a sum, never zeros (H14) */
			break;
		}
		int leg = evidence_match(st, b, n->sum, newest);

		if (leg >= 0) {
			evidence_take(st, b, leg, n->sum);
			return;
		}
		based = node_is_settled(n, set->flusher.done_gen) &&
			!PLANTED(SUM_BELOW_BASE_VOUCHES);
		newest = false;
		if (PLANTED(NEWEST_SUM_ONLY))
			break;
	}
	if (!based && evidence_page_sum(st, b, &sum)) {
		int leg = evidence_match(st, b, sum, newest);

		any = paged = true;
		if (leg >= 0) {
			evidence_take(st, b, leg, sum);
			return;
		}
	}
	if (!any || PLANTED(NO_LAST_RESORT))
		return;
	/* What the block was may stand in the page that cannot be read: that
	 * it was unwritten, too (R24).  And a page that says so is right, the
	 * only sum after it being one whose data never came: a first write's
	 * is durable before its record (R4), unless the page was lost then. */
	if (!based && (evidence_page_is_lost(st) || (!paged && !older)))
		evidence_lose(st, b);
	else
		evidence_accept(st, b);
}

void
evidence_by_sum(struct settle *st, uint32_t b)
{
	struct set *set = st->set;
	uint32_t sum;

	if (sum_lookup(set, st->unit * UNIT_BLOCKS + b, &sum) != SUM_KNOWN ||
	    sum == SUM_UNWRITTEN)
		return;
	int leg = PLANTED(REPAIR_UNVERIFIED) ? evidence_last_resort(st, b)
					     : evidence_match(st, b, sum, true);

	if (leg >= 0)
		evidence_take(st, b, leg, sum);
	else
		lost_add(set, st->unit * UNIT_BLOCKS + b);
}
