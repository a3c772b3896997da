/* SPDX-License-Identifier: MIT */
/*
 * The journal of a set: one append in flight, which carries everything that
 * waits (R20).
 *
 * Jobs are composed in the order they were submitted, then the queue of
 * completed writes whose sums no record holds yet rides along, then what a
 * checkpoint appends again.  A job's done is called when its record is
 * durable on every counted leg.
 *
 * Room, in blocks and in sums, is counted from the start of the newest
 * durable checkpoint; what a checkpoint may need is always kept (R20), so
 * making room never waits for a client.
 */
#include <errno.h>

#include "set.h"

/* The queue is worth an append of its own. */
#define JOURNAL_QUEUE_MAX 4096u

void
journal_carve(struct set *set, struct arena *a)
{
	ARENA_TAKE_BUFFERS(a, set ? &set->journal : NULL, buf,
			   RECORD_BLOCKS_MAX);
}

void
journal_init(struct set *set, uint64_t ring_blocks, uint64_t reserve)
{
	struct journal *j = &set->journal;

	j->ring_blocks = ring_blocks;
	j->reserve = reserve;
	list_init(&j->jobs);
	list_init(&j->composed);
	list_init(&j->drains);
}

void
journal_submit(struct set *set, struct job *job)
{
	job->composed = false;
	/* What makes room does not wait behind what needs it. */
	if (job->urgent)
		list_prepend(&set->journal.jobs, &job->link);
	else
		list_append(&set->journal.jobs, &job->link);
}

void
journal_drain(struct set *set, struct drain_wait *w)
{
	w->until = set->sums.queued;
	list_append(&set->journal.drains, &w->link);
}

/*
 * Blocks that records may take now but for a checkpoint's own.  While one is
 * under way, what it said again stands in what was kept for it; room for all
 * of a checkpoint is left behind any other record.
 */
static uint64_t
journal_room(const struct set *set)
{
	const struct journal *j = &set->journal;
	const struct checkpoint *ck = &set->checkpoint;
	uint64_t kept = journal_kept(j);

	if (PLANTED(RESERVE_TAKEN))
		return j->ring_blocks - j->used;
	if (ck->state != CK_IDLE)
		kept -= ck->appended < kept - j->reserve ? ck->appended
							 : kept - j->reserve;
	return j->ring_blocks > j->used + kept ? j->ring_blocks - j->used - kept
					       : 0;
}

/* Sums that records of clients may hold now, so that replay has room.  What
 * a checkpoint says again replaces what was there. */
static uint32_t
journal_sums_room(const struct set *set, bool urgent)
{
	uint32_t most = urgent ? set->sums.count : 3 * set->sums.limit;
	uint32_t live = set->journal.sums_live;

	return most > live ? most - live : 0;
}

bool
journal_put_again(struct set *set, struct record *rec, struct node *n,
		  uint8_t flags)
{
	uint8_t stale = set_absent_mask(set);
	bool base = node_is_settled(n, set->flusher.done_gen) ||
		    (n->flags & NODE_FIRST);

	if (stale)
		map_add_stale(set, set_region(set, n->block), stale);
	n->flags |= NODE_JOURNALED;
	if (n->sum == SUM_UNWRITTEN) {
		struct item item = {
			.type = ITEM_UNWRITTEN,
			.stale = stale,
			.start = n->block,
			.extra = 1,
		};

		rec->sums++;
		return record_add(rec, &item);
	}
	return record_add_sum(rec, n->block, n->sum, base ? ITEM_BASE : flags,
			      stale);
}

bool
journal_put_node(struct set *set, struct record *rec, struct node *n)
{
	struct node *older = sums_node(&set->sums, n->older);

	/* In the order of admission (R3). */
	if (older && !PLANTED(SUMS_OUT_OF_ORDER) &&
	    !(older->flags & NODE_JOURNALED)) {
		CHECK(older->flags & NODE_DONE);
		CHECK(journal_put_node(set, rec, older));
	}
	return journal_put_again(set, rec, n, 0);
}

static void
journal_compose_jobs(struct set *set)
{
	struct journal *j = &set->journal;

	while (!list_empty(&j->jobs)) {
		struct job *job = list_first(&j->jobs, struct job, link);
		uint32_t sums_room = journal_sums_room(set, job->urgent);

		if (!record_has_room(&j->rec, job->bytes) ||
		    j->rec.sums + job->sums > sums_room) {
			/* Only an empty record shows that the ring is full. */
			j->blocked = record_is_empty(&j->rec) &&
				     j->rec.blocks_max < RECORD_BLOCKS_MAX;
			j->blocked |= j->rec.sums + job->sums > sums_room;
			return;
		}
		list_remove(&job->link);
		list_append(&j->composed, &job->link);
		job->composed = true;
		job->compose(job, &j->rec);
	}
}

/* A sum behind a newer one of its block would be the block's in replay. */
static void
journal_check_order(const struct set *set, const struct node *n)
{
	const struct node *newer = sums_newest(&set->sums, n->block);

	for (; newer != n; newer = sums_node(&set->sums, newer->older))
		CHECK(newer && !(newer->flags & NODE_JOURNALED));
}

static void
journal_compose_queue(struct set *set)
{
	struct journal *j = &set->journal;
	uint32_t sums_room = journal_sums_room(set, false);
	struct node *n;

	while ((n = sums_queue_peek(&set->sums)) != NULL) {
		if (!record_has_room(&j->rec, 64) ||
		    j->rec.sums + 2 > sums_room) {
			j->blocked |= j->rec.blocks_max < RECORD_BLOCKS_MAX ||
				      j->rec.sums + 2 > sums_room;
			break;
		}
		journal_check_order(set, n);
		CHECK(journal_put_node(set, &j->rec, n));
		sums_queue_pop(&set->sums);
	}
	j->drained_composed = set->sums.drained;
}

static void
journal_finish_jobs(struct list *jobs, int res)
{
	struct list done;

	list_init(&done);
	list_splice(&done, jobs);
	while (!list_empty(&done)) {
		struct job *job = list_first(&done, struct job, link);

		list_remove(&job->link);
		job->done(job, res);
	}
}

static void
journal_finish_drains(struct set *set, int res)
{
	struct journal *j = &set->journal;

	while (!list_empty(&j->drains)) {
		struct drain_wait *w =
			list_first(&j->drains, struct drain_wait, link);

		if (res == 0 && w->until > j->drained_durable)
			return;
		list_remove(&w->link);
		w->done(w, res);
	}
}

static void
journal_append_done(struct fan *fan, int res)
{
	struct set *set = fan->set;
	struct journal *j = &set->journal;

	j->appending = false;
	if (res < 0 && !PLANTED(LAST_LEG_GOES_ON_AFTER_APPEND)) {
		/* What is behind it in the ring cannot be known: nothing is
		 * appended any more (R7, H10). */
		set->write_stopped = true;
	} else {
		j->last_sequence = j->sequence - 1;
		j->durable = j->last_sequence;
		j->last_index = (j->head + j->ring_blocks - 1) % j->ring_blocks;
		j->run_blocks += j->rec.blocks;
		j->drained_durable = j->drained_composed;
	}
	journal_finish_jobs(&j->composed, res);
	journal_finish_drains(set, res);
}

void
journal_write_ring(struct set *set, struct fan *fan, uint64_t first,
		   uint64_t blocks)
{
	const struct journal *j = &set->journal;
	uint64_t offset = set->raid->sb.layout.journal_offset;
	uint64_t left = j->ring_blocks - first;

	if (left > blocks)
		left = blocks;
	if (left > 0)
		fan_write(fan, offset + first * 4096, left * 4096, j->buf,
			  !PLANTED(JOURNAL_WITHOUT_FUA));
	if (blocks > left)
		fan_write(fan, offset, (blocks - left) * 4096,
			  j->buf + left * 4096, true);
}

/* again: sums in it that a checkpoint says again. */
static void
journal_write(struct set *set, uint32_t again)
{
	struct journal *j = &set->journal;
	struct raid *r = set->raid;
	uint64_t blocks = j->rec.blocks;

	j->before_crc = record_seal(&j->rec, &set->name, j->sequence, j->nonce,
				    j->before_crc, r->sb.layout.journal_offset,
				    j->ring_blocks, j->head);
	j->appending = true;
	fan_begin(&j->fan, set, CAUSE_APPEND, journal_append_done);
	journal_write_ring(set, &j->fan, j->head, blocks);
	fan_end(&j->fan);
	j->sequence++;
	j->head = (j->head + blocks) % j->ring_blocks;
	j->used += blocks;
	j->sums_live += j->rec.sums - again;
	CHECK(j->used <= j->ring_blocks);
	r->counters.appends++;
	r->counters.append_blocks += blocks;
}

static bool
journal_is_wanted(struct set *set)
{
	struct journal *j = &set->journal;

	if (!list_empty(&j->jobs) || set->checkpoint.state == CK_APPEND)
		return true;
	if (set->sums.queued - set->sums.drained > JOURNAL_QUEUE_MAX)
		return true;
	if (list_empty(&j->drains))
		return false;
	/* Perhaps all it waits for has been journaled another way. */
	(void)sums_queue_peek(&set->sums);
	j->drained_durable = set->sums.drained;
	journal_finish_drains(set, 0);
	return !list_empty(&j->drains);
}

void
journal_tick(struct set *set)
{
	struct journal *j = &set->journal;

	if (j->appending)
		return;
	if (set->write_stopped) {
		journal_finish_jobs(&j->jobs, -EIO);
		journal_finish_drains(set, -EIO);
		return;
	}
	if (!journal_is_wanted(set))
		return;
	uint64_t room = journal_room(set);

	j->blocked = false;
	record_begin(&j->rec, j->buf,
		     room < RECORD_BLOCKS_MAX ? (uint32_t)room
					      : RECORD_BLOCKS_MAX);
	journal_compose_jobs(set);
	journal_compose_queue(set);
	uint32_t again = checkpoint_compose(set);

	if (j->blocked)
		checkpoint_want(set);
	if (!record_is_empty(&j->rec))
		journal_write(set, again);
	else /* all of it stands in records already */
		journal_finish_jobs(&j->composed, 0);
}
