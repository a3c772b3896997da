/* SPDX-License-Identifier: MIT */
/*
 * Parts: the share of a request in one set; what they have in common.
 *
 * READ, MAP     LOCKING (shared) -> [WAITING_SETTLE] -> FETCHING -> done
 * WRITE         WAITING_ROOM -> LOCKING (exclusive) -> ... see write.c
 * UNWRITTEN     WAITING_ROOM -> LOCKING (exclusive) -> RECORD -> done
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
	switch (p->kind) { /* never: a FLUSH locks nothing */
	case PART_READ:
		read_begin(p);
		break;
	case PART_MAP:
		map_begin(p);
		break;
	case PART_WRITE:
		prepare_begin(p);
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

	if (p->set->raid->bare) {
		bare_begin(p);
		return;
	}
	/* Crash recovery comes before any access (R16); where it cannot be
	 * recorded, what is decided can still be read (R7). */
	if (p->kind != PART_UNWRITTEN &&
	    !(PLANTED(READ_UNSYNCED) && p->kind == PART_READ) &&
	    !(PLANTED(WRITE_UNSYNCED) && p->kind == PART_WRITE) &&
	    (set_can_record(p->set) || p->kind == PART_WRITE ||
	     PLANTED(READ_WAITS_IN_VAIN)) &&
	    settler_is_needed(p->set, p->block, p->count)) {
		p->step = PART_WAITING_SETTLE;
		range_unlock(&p->set->ranges, &p->range);
		settler_wait(p->set, p);
		return;
	}
	part_begin(p);
}

void
part_relock(struct part *p)
{
	bool exclusive = p->kind == PART_WRITE || p->kind == PART_UNWRITTEN;

	if (PLANTED(SMALL_WRITES_SHARE_LOCK) && p->bytes < BLOCK_BYTES)
		exclusive = p->kind == PART_UNWRITTEN;

	p->step = PART_LOCKING;
	if (range_lock(&p->set->ranges, &p->range, p->block, p->count,
		       exclusive, part_granted))
		part_granted(&p->range);
}

/* Sums that the part may add; of UNWRITTEN, the blocks of regions that it
 * does not cover whole. */
static uint32_t
part_sums(const struct part *p)
{
	uint64_t edges = 2 * ((1ull << p->set->region_shift) - 1);

	if (p->kind == PART_UNWRITTEN && p->count > edges)
		return (uint32_t)edges;
	return (uint32_t)p->count;
}

void
part_release_room(struct part *p)
{
	p->set->sums.reserved -= p->held;
	p->held = 0;
}

/* Room comes before the lock: what makes room (crash recovery, for one) may
 * need what the part would lock, and who has the lock needs no room. */
void
part_ask_room(struct part *p, bool woken)
{
	struct set *set = p->set;
	uint32_t sums = part_sums(p);

	if (set->write_stopped) {
		part_finish(p, -EIO);
		return;
	}
	/* Those that wait already come first. */
	if ((!woken && !list_empty(&set->starved)) ||
	    !sums_have_room(&set->sums, sums)) {
		p->step = PART_WAITING_ROOM;
		if (woken)
			list_prepend(&set->starved, &p->link);
		else
			list_append(&set->starved, &p->link);
		return;
	}
	p->held = sums;
	set->sums.reserved += sums;
	part_relock(p);
}

bool
part_is_wakeable(const struct set *set)
{
	if (set->write_stopped)
		return !list_empty(&set->starved) ||
		       !list_empty(&set->starved_units);
	return !list_empty(&set->starved) &&
	       sums_have_room(
		       &set->sums,
		       part_sums(list_first(&set->starved, struct part, link)));
}

void
part_wake_starved(struct set *set)
{
	struct list units;

	while (!list_empty(&set->starved)) {
		struct part *p = list_first(&set->starved, struct part, link);

		list_remove(&p->link);
		part_ask_room(p, true);
		if (p->step == PART_WAITING_ROOM)
			break;
	}
	list_init(&units);
	list_splice(&units, &set->starved_units);
	while (!list_empty(&units)) {
		struct part *p = list_first(&units, struct part, link);

		list_remove(&p->link);
		write_resume(p);
	}
}

void
part_start(struct part *p)
{
	p->step = PART_LOCKING;
	switch (p->kind) {
	case PART_FLUSH:
		flush_part_begin(p);
		break;
	case PART_WRITE:
	case PART_UNWRITTEN:
		part_ask_room(p, false);
		break;
	case PART_READ:
	case PART_MAP:
		part_relock(p);
		break;
	}
}

void
part_finish(struct part *p, int res)
{
	struct raid *r = p->set->raid;
	struct set *set = p->set;
	struct raid_req *req = p->req;

	CHECK(p->step != PART_FREE);
	p->step = PART_FREE;
	part_release_room(p);
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
	if (set->sums.queued != set->journal.drained_durable &&
	    !PLANTED(FLUSH_WITHOUT_SUMS)) {
		p->waits++;
		p->drain.done = flush_part_drained;
		journal_drain(set, &p->drain);
	}
	flush_part_waited(p, 0);
}
