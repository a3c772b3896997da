/* SPDX-License-Identifier: MIT */
/*
 * Discard and write-zeroes of whole blocks (R22): a record makes them
 * unwritten; the members' own discard follows (trim.c).
 */
#include <errno.h>

#include "set.h"

static void
unwritten_recorded(struct job *job, int res)
{
	struct part *p = container_of(job, struct part, job);

	part_release_room(p);
	if (res < 0) {
		if (job->composed)
			set_doubt(p->set, p->block, p->count);
		part_finish(p, res);
		return;
	}
	/* Pages composed since the record was. */
	store_drop(p->set, p->block, p->count);
	set_apply_unwritten(p->set, p->block, p->count);
	if (p->listed)
		raid_note(p->set->raid, NOTE_LOST_DISCARDED, p->set, NULL, 0,
			  p->block * BLOCK_BYTES, p->count * BLOCK_BYTES);
	if (!PLANTED(DISCARD_BEFORE_RECORD))
		trim_want(p->set, p->block, p->count);
	part_finish(p, 0);
}

/* Sums that wait for a ride are not to follow the record (H14). */
static void
unwritten_waive(struct set *set, uint64_t block, uint64_t count)
{
	struct sums *s = &set->sums;

	if (count < s->used) {
		for (uint64_t b = block; b < block + count; b++)
			for (struct node *n = sums_newest(s, b); n;
			     n = sums_node(s, n->older))
				n->flags |= NODE_JOURNALED | NODE_VOID;
		return;
	}
	for (uint32_t i = 1; i <= s->high; i++) {
		struct node *n = &s->nodes[i];

		if ((n->flags & NODE_USED) && n->block >= block &&
		    n->block < block + count)
			n->flags |= NODE_JOURNALED | NODE_VOID;
	}
}

static void
unwritten_compose(struct job *job, struct record *rec)
{
	struct part *p = container_of(job, struct part, job);
	struct set *set = p->set;
	struct item item = {
		.type = ITEM_UNWRITTEN,
		.stale = set_absent_mask(set),
		.start = p->block,
		.extra = p->count,
	};

	if (!PLANTED(WAITING_SUM_OVERTAKES))
		unwritten_waive(set, p->block, p->count);
	store_drop(set, p->block, p->count);
	p->listed = lost_is_listed(set, p->block, p->count);
	if (!PLANTED(LOST_KEPT_AFTER_DISCARD))
		lost_leaving(set, p->block, p->count);
	if (item.stale)
		for (uint64_t i = set_region(set, p->block);
		     i <= set_region(set, p->block + p->count - 1); i++)
			map_add_stale(set, i, item.stale);
	CHECK(record_add(rec, &item));
	rec->sums += p->held; /* in replay it may become as many */
}

void
unwritten_begin(struct part *p)
{
	p->step = PART_RECORD;
	p->job.compose = unwritten_compose;
	p->job.done = unwritten_recorded;
	p->job.bytes = 24;
	p->job.sums = p->held;
	if (PLANTED(DISCARD_BEFORE_RECORD))
		trim_want(p->set, p->block, p->count);
	journal_submit(p->set, &p->job);
}
