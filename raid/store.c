/* SPDX-License-Identifier: MIT */
/*
 * Storing pages of sums (R21), when the sums that no page holds press on
 * their memory.
 *
 *   FREE -> LOADING -> WRITING -> FLUSHING -> RECORDING -> FREE
 *
 * The page is composed of sums of completed writes and goes to the slot not
 * in use, then every counted leg is flushed, the data of those writes with
 * it.  The record voids the region's sums before it; sums newer than the page
 * follow it in the same record.  What was composed into the page is dropped
 * from memory when the record is durable.
 */
#include <errno.h>
#include <string.h>

#include "le.h"
#include "set.h"

/* When no page could be read to be stored anew. */
#define STORE_RETRY_NS 1000000000ull

/* Half of the largest record. */
#define STORE_NEWER_MAX \
	(RECORD_BLOCKS_MAX / 2 * ((RECORD_PAYLOAD_BYTES - 32) / 24))

void
store_carve(struct set *set, struct arena *a)
{
	ARENA_TAKE_BUFFERS(a, set ? &set->storer : NULL, bufs, STORE_MAX);
}

static void
store_free(struct store *st)
{
	struct set *set = st->set;

	struct frame *f = st->frame;

	st->frame = NULL;
	st->state = STORE_FREE;
	set->storer.busy--;
	if (f)
		pages_unpin(set, f);
	part_wake_starved(set);
}

static uint64_t
store_first_block(const struct store *st)
{
	return st->region << st->set->region_shift;
}

static uint32_t
store_blocks(const struct store *st)
{
	return 1u << st->set->region_shift;
}

/* The marks of an abandoned store must not mislead the next. */
static void
store_abandon(struct store *st)
{
	struct sums *s = &st->set->sums;

	for (uint32_t i = 0; i < store_blocks(st); i++)
		for (struct node *n = sums_newest(s, store_first_block(st) + i);
		     n; n = sums_node(s, n->older))
			n->flags &= (uint16_t)~NODE_PAGED;
	store_free(st);
}

static void
store_recorded(struct job *job, int res)
{
	struct store *st = container_of(job, struct store, job);
	struct set *set = st->set;

	if (res < 0 || !st->composed) {
		store_abandon(st);
		return;
	}
	set_apply_page(set, st->region, SLOT_0 + st->slot, st->crc, st->full);
	for (uint32_t i = 0; i < store_blocks(st); i++)
		PLANTED(SUM_DROPPED)
	? sums_drop(&set->sums, store_first_block(st) + i)
	: sums_drop_paged(&set->sums, store_first_block(st) + i);
	struct frame *f = pages_find(set, st->region);

	if (f && !PLANTED(STALE_PAGE_KEPT)) {
		memcpy(f->data, st->buf, 4096);
		f->state = FRAME_READY;
	}
	set->raid->counters.page_stores++;
	store_free(st);
}

static void
store_put_newer(struct store *st, struct record *rec, struct node *n)
{
	struct sums *s = &st->set->sums;

	if (!n || (n->flags & NODE_PAGED) || PLANTED(PAGE_VOIDS_NEWER))
		return;
	store_put_newer(st, rec, sums_node(s, n->older));
	/* In flight and not in any record: it will come by itself. */
	if (!(n->flags & (NODE_JOURNALED | NODE_DONE)))
		return;
	if ((n->flags & NODE_FIRST) && !(n->flags & NODE_JOURNALED))
		return;
	CHECK(journal_put_again(st->set, rec, n, 0));
}

/*
 * What the page holds stands in the journal with it.  A sum that waits for a
 * ride must not come behind a newer one that is said again here (R3).
 */
static void
store_waive(struct store *st, struct node *n)
{
	bool paged = false;

	for (; n && !PLANTED(PAGE_OVERTAKEN);
	     n = sums_node(&st->set->sums, n->older)) {
		paged |= (n->flags & NODE_PAGED) != 0;
		if (paged)
			n->flags |= NODE_JOURNALED;
	}
}

/* Sums that the record must say again: those newer than the page. */
static uint32_t
store_count_newer(const struct store *st)
{
	const struct sums *s = &st->set->sums;
	uint32_t count = 0;

	for (uint32_t i = 0; i < store_blocks(st); i++)
		for (const struct node *n =
			     sums_newest(s, store_first_block(st) + i);
		     n && !(n->flags & NODE_PAGED); n = sums_node(s, n->older))
			count++;
	return count;
}

static void
store_compose_record(struct job *job, struct record *rec)
{
	struct store *st = container_of(job, struct store, job);
	struct set *set = st->set;
	struct item item = {
		.type = ITEM_PAGE,
		.flags = st->full ? ITEM_FULL : 0,
		.stale = set_absent_mask(set),
		.slot = st->slot,
		.count = st->crc,
		.start = st->region,
		.extra = st->as_of,
	};

	/* Has too much come meanwhile?  The record has room for job.sums. */
	if (store_count_newer(st) > st->job.sums)
		st->dropped = true;
	if (st->dropped)
		return;
	st->composed = true;
	if (item.stale)
		map_add_stale(set, st->region, item.stale);
	CHECK(record_add(rec, &item));
	for (uint32_t i = 0; i < store_blocks(st); i++) {
		struct node *n =
			sums_newest(&set->sums, store_first_block(st) + i);

		store_put_newer(st, rec, n);
		store_waive(st, n);
	}
}

static void
store_flushed(struct flush_wait *w, int res)
{
	struct store *st = container_of(w, struct store, flush);

	if (res < 0 || st->dropped) {
		store_abandon(st);
		return;
	}
	st->state = STORE_RECORDING;
	st->job.compose = store_compose_record;
	st->job.done = store_recorded;
	/* More may come until it is composed: twice, and a few. */
	uint32_t newer = 2 * store_count_newer(st) + 64;

	if (newer > st->set->sums.limit)
		newer = st->set->sums.limit;
	if (newer > STORE_NEWER_MAX)
		newer = STORE_NEWER_MAX; /* more: another time */
	st->job.urgent = true;
	st->job.bytes = 24 + newer * 24;
	st->job.sums = newer;
	journal_submit(st->set, &st->job);
}

static void
store_written(struct fan *fan, int res)
{
	struct store *st = container_of(fan, struct store, fan);

	if (res < 0 || st->dropped) {
		store_abandon(st);
		return;
	}
	st->state = STORE_FLUSHING;
	st->flush.done = store_flushed;
	if (PLANTED(PAGE_COUNTS_UNFLUSHED)) {
		store_flushed(&st->flush, 0);
		return;
	}
	flush_request(st->set, &st->flush);
}

/* Of completed writes; marks the nodes that the page holds. */
static void
store_compose_page(struct store *st)
{
	struct set *set = st->set;

	st->full = true;
	for (uint32_t i = 0; i < store_blocks(st); i++) {
		struct node *n =
			sums_visible(&set->sums, store_first_block(st) + i);
		le32 sum;

		if (PLANTED(PAGE_OF_UNDONE_WRITES))
			n = sums_newest(&set->sums, store_first_block(st) + i);

		if (n) {
			page_put(st->buf, i, n->sum);
			n->flags |= NODE_PAGED;
		}
		memcpy(&sum, st->buf + (size_t)i * 4, sizeof(sum));
		if (le32_get(sum) == SUM_UNWRITTEN && !PLANTED(PAGE_SAYS_FULL))
			st->full = false;
	}
}

/* No region can be stored: those that wait for room wait in vain. */
static void
store_give_up(struct set *set)
{
	struct list starved;

	list_init(&starved);
	list_splice(&starved, &set->starved);
	while (!list_empty(&starved)) {
		struct part *p = list_first(&starved, struct part, link);

		list_remove(&p->link);
		part_finish(p, -EIO);
	}
}

/*
 * The region's page cannot be read: its other sums are not known, and must
 * stay as they are, lost but not unwritten (R24).  It is tried again, in a
 * while.
 */
static void
store_lost(struct store *st, struct frame *f)
{
	struct set *set = st->set;
	struct storer *sr = &set->storer;

	if (f->pins == 0)
		pages_forget(set, st->region); /* to be read again */
	if (sr->busy == 1 && !sr->stored && !st->anew) {
		sr->next_ns =
			set->raid->now +
			(PLANTED(STORE_RETRIED_AT_ONCE) ? 0 : STORE_RETRY_NS);
		store_give_up(set);
	}
	store_free(st);
}

static void
store_write(struct store *st)
{
	struct set *set = st->set;
	map_entry e = set->map[st->region];
	struct frame *f = pages_find(set, st->region);

	memset(st->buf, 0, 4096);
	/* Its sums are not decided (R17), or all became unwritten. */
	if (set->resync_in[st->region] > 0 ||
	    (map_slot(e) == SLOT_NONE && set->sums.per_region[st->region] == 0)) {
		store_free(st);
		return;
	}
	if (map_slot(e) != SLOT_NONE &&
	    !(PLANTED(LOST_PAGE_STORED_ANEW) && f && f->state == FRAME_LOST)) {
		CHECK(f);
		if (f->state == FRAME_LOST) {
			store_lost(st, f);
			return;
		}
		memcpy(st->buf, f->data, 4096);
		pages_pin(f);
		st->frame = f;
	}
	set->storer.stored = true;
	store_compose_page(st);
	st->state = STORE_WRITING;
	st->slot = map_slot(e) == (PLANTED(PAGE_IN_PLACE) ? SLOT_1 : SLOT_0);
	st->crc = page_crc(&set->name, st->region, st->slot, st->buf);
	st->as_of = set->journal.sequence - 1;
	fan_begin(&st->fan, set, CAUSE_PAGE, store_written);
	fan_write(&st->fan,
		  set->raid->sb.layout.sums_offset +
			  (st->region * 2 + st->slot) * 4096,
		  4096, st->buf, false);
	fan_end(&st->fan);
}

static void
store_page_done(struct page_wait *w)
{
	store_write(container_of(w, struct store, page));
}

static bool
store_has(const struct set *set, uint64_t region)
{
	for (uint32_t i = 0; i < STORE_MAX; i++)
		if (set->storer.stores[i].state != STORE_FREE &&
		    set->storer.stores[i].region == region)
			return true;
	return false;
}

static void
store_start(struct set *set, uint64_t region, bool anew)
{
	struct store *st = set->storer.stores;

	while (st->state != STORE_FREE)
		st++;
	st->state = STORE_LOADING;
	st->region = region;
	st->dropped = false;
	st->composed = false;
	st->anew = anew;
	set->storer.busy++;
	st->page.done = store_page_done;
	if (pages_need(set, region, &st->page))
		store_write(st);
}

void
store_anew(struct set *set, uint64_t region)
{
	if (set->storer.busy < STORE_MAX && !store_has(set, region))
		store_start(set, region, true);
}

void
store_drop(struct set *set, uint64_t block, uint64_t count)
{
	uint64_t first = set_region(set, block);
	uint64_t last = set_region(set, block + count - 1);

	if (set->storer.busy == 0 || PLANTED(STORE_SURVIVES_DISCARD))
		return;
	for (uint32_t i = 0; i < STORE_MAX; i++) {
		struct store *st = &set->storer.stores[i];

		/* One that is in a record already: what came later follows
		 * it, there and in memory. */
		if (st->state > STORE_LOADING && !st->composed &&
		    st->region >= first && st->region <= last)
			st->dropped = true;
	}
}

void
store_init(struct set *set)
{
	for (uint32_t i = 0; i < STORE_MAX; i++) {
		set->storer.stores[i].set = set;
		set->storer.stores[i].buf = set->storer.bufs + (size_t)i * 4096;
	}
}

bool
store_is_idle(const struct set *set)
{
	return set->storer.busy == 0;
}

static bool
store_is_pressed(struct set *set)
{
	struct storer *sr = &set->storer;
	uint32_t used = set->sums.used + set->sums.reserved;
	bool starved = !list_empty(&set->starved);

	if (used > set->sums.limit / 2 || starved)
		sr->pressed = true;
	else if (used < set->sums.limit / 8 * 3)
		sr->pressed = false;
	return sr->pressed;
}

void
store_tick(struct set *set)
{
	struct storer *sr = &set->storer;
	uint64_t looked = 0;

	if (set->write_stopped || !store_is_pressed(set) ||
	    set->raid->now < sr->next_ns)
		return;
	/* One batch at a time: it shares a flush and a record. */
	if (sr->busy > 0)
		return;
	sr->stored = false;
	for (; looked < set->regions && sr->busy < STORE_MAX; looked++) {
		uint64_t region = sr->hand;

		sr->hand = (sr->hand + 1) % set->regions;
		if (set->sums.per_region[region] > 0 &&
		    set->resync_in[region] == 0)
			store_start(set, region, false);
	}
}
