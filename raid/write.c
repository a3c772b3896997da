/* SPDX-License-Identifier: MIT */
/*
 * Writes (R1-R4, R8).
 *
 *  WAITING_ROOM (part.c) -> LOCKING
 *          -> WAITING_PAGE, FETCHING (prepare.c)
 *          -> WAITING_UNITS  for places in their table
 *          -> INTENT         written blocks of a unit that is not DIRTY: the
 *                            record, with the sums, first (R1)
 *          -> DATA           all counted legs; FUA for FUA and for R4
 *          -> RECORD         unwritten blocks: the sums after the data (R4);
 *                            FUA to DIRTY units: beside the data (R3)
 *
 * The answer comes when every counted leg has it all (fan.c, R2).
 */
#include <errno.h>

#include "set.h"

enum { WAIT_DATA = 1 << 0, WAIT_RECORD = 1 << 1 };

static bool
part_is_unwritten(const struct part *p, uint64_t i)
{
	return p->unwritten[i / 64] >> (i % 64) & 1;
}

static uint64_t
part_unit_number(const struct part *p, uint32_t bit)
{
	uint64_t region = set_region(p->set, p->block);

	return (region << p->set->region_shift) / UNIT_BLOCKS + bit;
}

/* --- the end --- */

static void
write_release_units(struct part *p)
{
	struct set *set = p->set;

	for (uint32_t bit = 0; bit < 64; bit++) {
		if (!(p->units >> bit & 1))
			continue;
		struct unit *u =
			units_find(&set->units, part_unit_number(p, bit));

		CHECK(u && u->inflight > 0);
		u->inflight--;
		u->gen = set->flusher.gen;
	}
	p->units = 0;
}

static void
write_end(struct part *p, int res)
{
	write_release_units(p);
	part_finish(p, res);
}

/* The last leg failed the data: what the blocks hold is decided by R17 at
 * the next access (R7, H28).  Unwritten ones stay unwritten. */
static void
write_undecided(struct part *p)
{
	struct set *set = p->set;

	for (uint64_t i = 0; i < p->count; i++)
		if (part_is_unwritten(p, i))
			sums_pop(&set->sums, p->block + i);
	for (uint32_t bit = 0; bit < 64; bit++) {
		if (!(p->units >> bit & 1))
			continue;
		struct unit *u =
			units_find(&set->units, part_unit_number(p, bit));

		unit_set_open(&set->units, u, false);
		if (u->resync || PLANTED(UNDECIDED_NOT_RESYNCED))
			continue;
		unit_set_resync(&set->units, u, true);
		set->resync_in[set_region(set, p->block)]++;
	}
	write_end(p, -EIO);
}

/* --- record --- */

static void
write_settle_first(struct part *p)
{
	struct set *set = p->set;

	for (uint64_t i = 0; i < p->count; i++) {
		if (!part_is_unwritten(p, i))
			continue;
		struct node *n = sums_newest(&set->sums, p->block + i);

		CHECK(n && (n->flags & NODE_FIRST));
		n->flags |= NODE_SETTLED;
		sums_trim(&set->sums, n);
	}
}

static void
write_was_lost(const struct part *p)
{
	lost_left(p->set, p->block, p->count);
	raid_note(p->set->raid, NOTE_LOST_OVERWRITTEN, p->set, NULL, 0,
		  p->block * BLOCK_BYTES, p->count * BLOCK_BYTES);
}

static void
write_record_done(struct job *job, int res)
{
	struct part *p = container_of(job, struct part, job);

	if (res < 0) {
		p->res = res;
		if (p->first && job->composed &&
		    !PLANTED(FAILED_APPEND_FORGOTTEN))
			set_doubt(p->set, p->block, p->count);
	} else if (p->first) {
		write_settle_first(p);
		if (p->listed)
			write_was_lost(p);
	}
	p->waits &= (uint8_t)~WAIT_RECORD;
	if (p->waits == 0)
		write_end(p, p->res);
}

static void
write_put_sums(struct part *p, struct record *rec, bool unwritten_too)
{
	struct set *set = p->set;

	for (uint64_t i = 0; i < p->count; i++) {
		struct node *n = sums_newest(&set->sums, p->block + i);

		/* No node: a page that was stored meanwhile holds it. */
		if (!n || (n->flags & NODE_JOURNALED))
			continue;
		if (part_is_unwritten(p, i) && !unwritten_too)
			continue;
		CHECK(journal_put_node(set, rec, n));
	}
}

static void
write_record_compose(struct job *job, struct record *rec)
{
	struct part *p = container_of(job, struct part, job);

	if (p->listed)
		lost_put_gone(p->set, rec, p->block, p->count);
	write_put_sums(p, rec, true);
}

static void
write_job(struct part *p, void (*compose)(struct job *, struct record *),
	  void (*done)(struct job *, int))
{
	p->job.compose = compose;
	p->job.done = done;
	p->job.bytes = 24 + 24 + (uint32_t)p->count * 48;
	p->job.sums = (uint32_t)p->count * 2; /* each with its older */
	journal_submit(p->set, &p->job);
}

/* --- data --- */

/*
 * The older sum waits for a ride and is superseded before it got one.  The
 * newer takes its place in the queue: a FLUSH may wait for it (R3).
 */
static void
write_supersede(struct set *set, struct node *n, struct node *older)
{
	/* never: a record that has the newer sum has the older, too. */
	if ((n->flags & NODE_JOURNALED) || PLANTED(SUPERSEDED_SUM_UNQUEUED)) {
		sums_unchain(&set->sums, n);
		return;
	}
	older->sum = n->sum;
	older->gen = n->gen;
	/* Not what a page that is being stored holds. */
	if (!PLANTED(SUPERSEDED_SUM_PAGED))
		older->flags &= (uint16_t)~NODE_PAGED;
	sums_pop(&set->sums, n->block);
}

/* The write of block i completed on every counted leg. */
static void
write_node_done(struct part *p, struct node *n)
{
	struct set *set = p->set;
	struct node *older = sums_node(&set->sums, n->older);
	bool durable = p->fua || p->first;

	n->flags |= NODE_DONE;
	n->gen = set->flusher.gen;
	if (n->flags & NODE_FIRST)
		return; /* its record makes it count */
	if (durable)
		n->flags |= NODE_SETTLED;
	if (older && (older->flags & NODE_LISTED) &&
	    !(older->flags & NODE_JOURNALED) && !durable) {
		write_supersede(set, n, older);
		return;
	}
	sums_trim_settled(&set->sums, n->block, set->flusher.done_gen);
	if (!(n->flags & NODE_JOURNALED) && !durable)
		sums_queue(&set->sums, n);
}

static void
write_data_done(struct fan *fan, int res)
{
	struct part *p = container_of(fan, struct part, fan);
	struct set *set = p->set;

	p->waits &= (uint8_t)~WAIT_DATA;
	if (res < 0) {
		p->res = res;
		/* With its record in flight it cannot end yet. */
		if (p->waits == 0)
			write_undecided(p);
		else
			p->undecided = true;
		return;
	}
	for (uint64_t i = 0; i < p->count; i++)
		write_node_done(p, sums_newest(&set->sums, p->block + i));
	if (p->first && !PLANTED(FIRST_RECORD_BESIDE_DATA)) {
		/* Durable; now the record that makes it written (R4). */
		p->step = PART_RECORD;
		p->waits |= WAIT_RECORD;
		write_job(p, write_record_compose, write_record_done);
		return;
	}
	if (p->waits == 0)
		write_end(p, p->res);
}

static void
write_fua_recorded(struct job *job, int res)
{
	struct part *p = container_of(job, struct part, job);

	if (p->undecided)
		write_undecided(p);
	else
		write_record_done(job, res);
}

/* Only the sectors it touches, if the rest of the block is on the legs. */
static void
write_fan_out(struct part *p)
{
	struct set *set = p->set;
	uint64_t offset = p->block * BLOCK_BYTES;
	uint64_t length = p->count * BLOCK_BYTES;
	uint64_t skip = 0;
	uint64_t sector = set->sector_bytes;

	if (part_is_sub_block(p) &&
	    (!p->first || PLANTED(PARTIAL_FIRST_WRITE))) {
		skip = p->skip & ~(sector - 1);
		length = ((p->skip + p->bytes + sector - 1) & ~(sector - 1)) -
			 skip;
	}
	fan_begin(&p->fan, set, CAUSE_DATA, write_data_done);
	fan_write(&p->fan, set->raid->sb.layout.data_offset + offset + skip,
		  length, p->buf + skip,
		  p->fua || (p->first && !PLANTED(FIRST_WRITE_CACHED)));
	fan_end(&p->fan);
}

/* Are there sums to be journaled beside the data? */
static bool
write_has_unjournaled(const struct part *p)
{
	for (uint64_t i = 0; i < p->count; i++) {
		const struct node *n = sums_newest(&p->set->sums, p->block + i);

		if (!(n->flags & NODE_JOURNALED))
			return true;
	}
	return false;
}

static void
write_data(struct part *p)
{
	p->step = PART_DATA;
	p->waits = WAIT_DATA;
	if ((p->fua && !p->first && write_has_unjournaled(p) &&
	     !PLANTED(FUA_WITHOUT_SUM)) ||
	    (PLANTED(FIRST_RECORD_BESIDE_DATA) && p->first)) {
		p->waits |= WAIT_RECORD;
		write_job(p, write_record_compose, write_fua_recorded);
	}
	write_fan_out(p);
}

/* --- intent --- */

static void
write_intent_done(struct job *job, int res)
{
	struct part *p = container_of(job, struct part, job);
	struct set *set = p->set;

	if (res < 0) {
		for (uint64_t i = 0; i < p->count; i++)
			sums_pop(&set->sums, p->block + i);
		write_end(p, res);
		return;
	}
	for (uint32_t bit = 0; bit < 64; bit++) {
		if (!(p->units >> bit & 1))
			continue;
		struct unit *u =
			units_find(&set->units, part_unit_number(p, bit));

		if (u->state == UNIT_MARKING)
			unit_set_state(u, UNIT_DIRTY);
	}
	write_data(p);
}

static void
write_intent_compose(struct job *job, struct record *rec)
{
	struct part *p = container_of(job, struct part, job);
	struct set *set = p->set;
	struct item item = {
		.type = ITEM_DIRTY,
		.stale = set_absent_mask(set),
		.start = set_region(set, p->block),
		.extra = p->units,
	};

	if (item.stale)
		map_add_stale(set, item.start, item.stale);
	CHECK(record_add(rec, &item));
	write_put_sums(p, rec, false);
}

/* --- room --- */

static void
write_push_sums(struct part *p)
{
	struct set *set = p->set;

	part_release_room(p);
	for (uint64_t i = 0; i < p->count; i++) {
		bool first = part_is_unwritten(p, i);
		uint32_t sum = sum_of(set->sum_base, p->block + i,
				      p->buf + i * BLOCK_BYTES);

		sums_push(&set->sums, p->block + i, sum,
			  first ? NODE_FIRST : 0);
	}
}

/* True: a record must say DIRTY first. */
static bool
write_take_units(struct part *p)
{
	struct set *set = p->set;
	bool intent = false;

	for (uint32_t bit = 0; bit < 64; bit++) {
		if (!(p->units >> bit & 1))
			continue;
		uint64_t number = part_unit_number(p, bit);
		struct unit *u = units_find(&set->units, number);

		if (!u)
			u = units_add(&set->units, number);
		CHECK(u);
		if (u->state == UNIT_CLEAN ||
		    (u->state == UNIT_CLEANING && !PLANTED(WRITE_JOINS_CLEAN)))
			unit_set_state(u, PLANTED(DATA_WITHOUT_DIRTY)
						  ? UNIT_DIRTY
						  : UNIT_MARKING);
		if (u->state == UNIT_MARKING &&
		    !(PLANTED(DATA_BESIDE_DIRTY) && u->inflight > 0))
			intent = true;
		u->inflight++;
		units_touch(&set->units, u, set->raid->now);
	}
	return intent;
}

static uint32_t
write_new_units(const struct part *p)
{
	uint32_t count = 0;

	for (uint32_t bit = 0; bit < 64; bit++)
		if ((p->units >> bit & 1) &&
		    !units_find(&p->set->units, part_unit_number(p, bit)))
			count++;
	return count;
}

void
write_resume(struct part *p)
{
	struct set *set = p->set;
	struct units *us = &set->units;

	if (set->write_stopped) {
		p->units = 0;
		part_finish(p, -EIO);
		return;
	}
	if (us->used + write_new_units(p) > us->limit) {
		p->step = PART_WAITING_UNITS;
		list_append(&set->starved_units, &p->link);
		return;
	}
	bool intent = write_take_units(p);

	write_push_sums(p);
	if (!intent) {
		write_data(p);
		return;
	}
	p->step = PART_INTENT;
	write_job(p, write_intent_compose, write_intent_done);
}
