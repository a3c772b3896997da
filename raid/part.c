/* SPDX-License-Identifier: MIT */
/*
 * Parts: the share of a request in one set; what they have in common.
 *
 * READ, MAP     LOCKING (shared) -> [WAITING_SETTLE] -> FETCHING -> done
 * WRITE         LOCKING (exclusive) -> ... see write.c
 * UNWRITTEN     LOCKING (exclusive) -> RECORD -> DISCARD -> done
 * FLUSH         FLUSHING -> done
 */
#include <errno.h>
#include <string.h>

#include "set.h"

struct part *
part_take(struct raid *r)
{
	if (list_empty(&r->parts_free))
		return NULL;
	struct part *p = list_first(&r->parts_free, struct part, link);
	uint8_t *bounce = p->bounce;

	list_remove(&p->link);
	*p = (struct part){.bounce = bounce};
	list_init(&p->link);
	return p;
}

/* With the range lock held. */
static void
part_begin(struct part *p)
{
	switch (p->kind) {
	case PART_READ:
		read_begin(p);
		break;
	case PART_MAP:
		map_begin(p);
		break;
	case PART_WRITE:
		write_begin(p);
		break;
	case PART_UNWRITTEN:
		unwritten_begin(p);
		break;
	case PART_FLUSH:
		CHECK(false);
	}
}

static void
part_granted(struct range *range)
{
	struct part *p = container_of(range, struct part, range);

	/* Crash recovery comes before any access (R16). */
	if (p->kind != PART_UNWRITTEN &&
	    settle_is_needed(p->set, p->block, p->count)) {
		p->step = PART_WAITING_SETTLE;
		range_unlock(&p->set->ranges, &p->range);
		settle_wait(p->set, p);
		return;
	}
	part_begin(p);
}

void
part_relock(struct part *p)
{
	bool exclusive = p->kind == PART_WRITE || p->kind == PART_UNWRITTEN;

	p->step = PART_LOCKING;
	if (range_lock(&p->set->ranges, &p->range, p->block, p->count,
		       exclusive, part_granted))
		part_granted(&p->range);
}

void
part_start(struct part *p)
{
	if (p->kind == PART_FLUSH)
		flush_part_begin(p);
	else
		part_relock(p);
}

void
part_finish(struct part *p, int res)
{
	struct raid *r = p->set->raid;
	struct set *set = p->set;
	struct raid_req *req = p->req;

	CHECK(p->step != PART_FREE);
	p->step = PART_FREE;
	if (p->range.held)
		range_unlock(&set->ranges, &p->range);
	list_append(&r->parts_free, &p->link);
	request_part_done(r, req, res);
}

/* --- FLUSH (R3) --- */

static void
flush_part_waited(struct part *p, int res)
{
	if (res < 0)
		p->res = res;
	if (--p->waits == 0)
		part_finish(p, p->res);
}

static void
flush_part_flushed(struct flush_wait *w, int res)
{
	flush_part_waited(container_of(w, struct part, flush), res);
}

static void
flush_part_drained(struct drain_wait *w, int res)
{
	flush_part_waited(container_of(w, struct part, drain), res);
}

void
flush_part_begin(struct part *p)
{
	struct set *set = p->set;

	p->step = PART_FLUSHING;
	if (set->write_stopped) {
		part_finish(p, -EIO);
		return;
	}
	p->waits = 1;
	if (flush_is_needed(set)) {
		p->waits++;
		p->flush.done = flush_part_flushed;
		flush_request(set, &p->flush);
	}
	if (set->sums.queued != set->journal.drained_durable) {
		p->waits++;
		p->drain.done = flush_part_drained;
		journal_drain(set, &p->drain);
	}
	flush_part_waited(p, 0);
}
