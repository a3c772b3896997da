/* SPDX-License-Identifier: MIT */
/*
 * Appends and checkpoints (raid/journal.c, raid/checkpoint.c), and what each
 * job puts into a record.
 *
 *   journal_tick()         append_begin, and its end in append_done
 *   checkpoint_tick()      checkpoint_steps
 *
 * A record in flight is a second replay: a crash leaves either on each leg.
 */
#include <string.h>

#include "block.h"

/* --- items --- */

/* Each goes into the journal as it is, and as seen from the checkpoint on. */
#define PUT(b, call, ...)                                   \
	do {                                                \
		call(&(b)->next, ##__VA_ARGS__);            \
		if ((b)->ck_begun)                          \
			call(&(b)->ck_next, ##__VA_ARGS__); \
	} while (0)

/* journal_put_again() */
static void
put_again(struct block *b, struct node *n, bool again)
{
	bool base = node_is_settled(n) || (n->flags & NODE_FIRST);

	n->flags |= NODE_JOURNALED;
	if (n->sum == SUM_ZEROS)
		PUT(b, replay_unwritten);
	else
		PUT(b, replay_sum, n->sum, base, again);
}

/* journal_put_node(): in the order of admission (R3). */
static void
put_node(struct block *b, struct node *n)
{
	if (n > b->node) {
		struct node *older = n - 1;

		if (!(older->flags & NODE_JOURNALED) &&
		    (older->flags & NODE_DONE))
			put_node(b, older);
	}
	put_again(b, n, false);
}

/* --- jobs --- */

/* write_put_sums() */
static void
compose_write(struct block *b)
{
	struct node *n = chain_newest(b);

	if (n && !(n->flags & NODE_JOURNALED))
		put_node(b, n);
}

/* unwritten_compose(), unwritten_waive() */
static void
compose_unwritten(const struct search *s, struct block *b)
{
	for (int i = 0; i < b->nodes && !has_bug(s, BUG_UNWRITTEN_ORDER); i++) {
		b->node[i].flags |= NODE_JOURNALED;
		b->node[i].voided = 1;
	}
	store_drop(b);
	PUT(b, replay_unwritten);
}

/* cleaner_compose() */
static void
compose_clean(const struct search *s, struct block *b)
{
	struct node *n = chain_visible(b);

	if (b->unit != UNIT_CLEANING)
		return;
	if (n && !(n->flags & NODE_JOURNALED) && !has_bug(s, BUG_CLEAN_NO_SUMS))
		put_node(b, n);
	PUT(b, replay_clean);
}

/* store_compose_record(), store_put_newer() */
static void
compose_store(const struct search *s, struct block *b)
{
	int first = 0;

	if (b->store_dropped)
		return;
	b->store_composed = 1;
	PUT(b, replay_page, b->store_sum);
	for (int i = 0; i < b->nodes; i++)
		if (b->node[i].flags & NODE_PAGED)
			first = i + 1;
	/* store_waive(): what the page holds does not follow what is newer. */
	for (int i = 0; i < first && !has_bug(s, BUG_PAGE_ORDER); i++)
		b->node[i].flags |= NODE_JOURNALED;
	for (int i = first; i < b->nodes; i++) {
		struct node *n = &b->node[i];

		if (!(n->flags & (NODE_JOURNALED | NODE_DONE)))
			continue; /* in flight: it will come by itself */
		if ((n->flags & NODE_FIRST) && !(n->flags & NODE_JOURNALED))
			continue;
		if (!has_bug(s, BUG_PAGE_NO_NEWER))
			put_again(b, n, false);
	}
}

/* settle_put(): older sums that wait are dismissed. */
static void
compose_settle(const struct search *s, struct block *b)
{
	put_again(b, chain_newest(b), false);
	for (int i = 0; i < b->nodes && !has_bug(s, BUG_SETTLE_ORDER); i++)
		b->node[i].flags |= NODE_JOURNALED;
}

/* journal_compose_queue() */
static void
compose_queue(struct block *b)
{
	for (int i = 0; i < b->nodes; i++) {
		struct node *n = &b->node[i];

		if (!(n->flags & NODE_LISTED))
			continue;
		if (!(n->flags & NODE_JOURNALED))
			put_node(b, n);
		n->flags &= (uint8_t) ~(NODE_LISTED | NODE_NEEDED);
		b->composed |= JOB_QUEUE;
	}
	if (b->drain == DRAIN_QUEUED)
		b->drain = DRAIN_COMPOSED;
}

/* --- checkpoints: what is said again --- */

static bool
node_is_owed(const struct node *n)
{
	if (n->voided)
		return false;
	if (n->flags & NODE_JOURNALED)
		return true;
	return (n->flags & NODE_DONE) && !(n->flags & NODE_FIRST);
}

/* checkpoint_put_chain() */
static void
checkpoint_put_chain(const struct search *s, struct block *b)
{
	bool again = true;

	chain_trim_settled(s, b);
	for (int i = 0; i < b->nodes; i++) {
		struct node *n = &b->node[i];

		n->flags |= NODE_TAKEN;
		if (!node_is_owed(n))
			continue;
		if (n->sum == SUM_ZEROS && has_bug(s, BUG_CK_NO_UNWRITTEN))
			continue;
		put_again(b, n, again);
		again = false;
	}
}

/* checkpoint_put_units(), checkpoint_put_sums() */
static void
compose_checkpoint(const struct search *s, struct block *b)
{
	bool clean_composed = b->composed & JOB_CLEAN;

	b->ck_visited = 1;
	b->composed |= JOB_CHECKPOINT;
	if (b->unit != UNIT_CLEAN &&
	    !(b->unit == UNIT_CLEANING && clean_composed))
		PUT(b, replay_dirty);
	for (int i = 0; i < b->nodes; i++)
		if (!(b->node[i].flags & NODE_TAKEN)) {
			checkpoint_put_chain(s, b);
			return;
		}
}

/* checkpoint_note_start(): replay will begin with this very record. */
static void
checkpoint_begin(struct block *b)
{
	b->ck_begun = 1;
	b->ck = (struct replay){.page = SUM_UNKNOWN};
	b->ck_next = b->ck;
	for (int i = 0; i < b->nodes; i++)
		b->node[i].flags &= (uint8_t)~NODE_TAKEN;
}

/* --- appends --- */

static void
compose_job(const struct search *s, struct block *b, uint8_t job)
{
	if (!(b->jobs & job))
		return;
	b->jobs &= (uint8_t)~job;
	b->composed |= job;
	switch (job) {
	case JOB_INTENT:
		PUT(b, replay_dirty);
		compose_write(b);
		break;
	case JOB_RECORD:
		compose_write(b);
		break;
	case JOB_UNWRITTEN:
		compose_unwritten(s, b);
		break;
	case JOB_CLEAN:
		compose_clean(s, b);
		break;
	case JOB_STORE:
		compose_store(s, b);
		break;
	case JOB_SETTLE:
		compose_settle(s, b);
		break;
	}
}

/* Urgent jobs are composed in either order; without room clients' wait, and
 * what would ride along; a checkpoint comes to the block in this record. */
enum { STORE_LAST = 1, NO_RIDE = 2, NO_CLIENT = 4, VISIT = 8, WAYS = 16 };

/*
 * journal_tick(): urgent jobs first, the last of them before the others; then
 * a client's; what rides along; the checkpoint, if this record reaches it.
 */
static void
append_begin(struct search *s, const struct block *b, int how)
{
	struct block n = *b;

	n.appending = 1;
	n.next = n.journal;
	n.ck_next = n.ck;
	if (n.ck_step == CK_APPEND && !n.ck_begun)
		checkpoint_begin(&n);
	compose_job(s, &n, how & STORE_LAST ? JOB_CLEAN : JOB_STORE);
	compose_job(s, &n, how & STORE_LAST ? JOB_STORE : JOB_CLEAN);
	compose_job(s, &n, JOB_SETTLE);
	if (!(how & NO_CLIENT)) {
		compose_job(s, &n, JOB_INTENT);
		compose_job(s, &n, JOB_RECORD);
		compose_job(s, &n, JOB_UNWRITTEN);
	}
	if (!(how & NO_RIDE))
		compose_queue(&n);
	if (how & VISIT)
		compose_checkpoint(s, &n);
	search_add(s, &n, "append begins%s%s%s%s%s%s%s%s",
		   n.composed & JOB_INTENT ? " DIRTY" : "",
		   n.composed & JOB_RECORD ? " sum" : "",
		   n.composed & JOB_UNWRITTEN ? " UNWRITTEN" : "",
		   n.composed & JOB_CLEAN ? " CLEAN" : "",
		   n.composed & JOB_STORE ? " PAGE" : "",
		   n.composed & JOB_SETTLE ? " settled" : "",
		   n.composed & JOB_QUEUE ? " waiting-sums" : "",
		   n.composed & JOB_CHECKPOINT ? " checkpoint" : "");
}

/* journal_is_wanted() */
static bool
append_is_wanted(const struct block *b)
{
	return b->jobs || b->drain == DRAIN_QUEUED ||
	       (b->ck_step == CK_APPEND && !b->ck_visited);
}

static void
clean_recorded(struct block *b)
{
	struct node *n = chain_visible(b);

	if (b->unit != UNIT_CLEANING)
		return; /* a write came: MARKING */
	if (n) {
		n->flags |= NODE_SETTLED;
		chain_trim(b, n);
	}
	b->unit = UNIT_CLEAN;
	b->unit_gen = 0;
}

static void
store_end(struct block *b)
{
	for (int i = 0; i < b->nodes; i++)
		b->node[i].flags &= (uint8_t)~NODE_PAGED;
	b->store = STORE_FREE;
	b->store_sum = b->store_dropped = b->store_composed = 0;
	b->store_gen = 0;
}

/* store_recorded() */
static void
store_recorded(struct block *b)
{
	if (b->store_composed) {
		b->page = b->store_sum;
		chain_drop_paged(b);
		for (int i = 0; i < LEGS; i++)
			b->leg[i].page = b->leg[i].run != RUN_IN ? PAGE_LOST
					 : b->store_gen == 2     ? PAGE_DURABLE
					 : b->store_gen == 1     ? PAGE_COVERED
								 : PAGE_CACHED;
	}
	store_end(b);
}

/* journal_append_done() */
static void
append_done(struct search *s, const struct block *b)
{
	struct block n = *b;
	uint8_t done = n.composed;

	n.appending = 0;
	n.composed = 0;
	n.there &= (uint8_t)~FAN_APPEND;
	n.sent &= (uint8_t)~FAN_APPEND;
	n.journal = n.next;
	n.next = (struct replay){0};
	if (n.ck_begun)
		n.ck = n.ck_next;
	n.ck_next = (struct replay){0};
	if (n.appends < 3 && bounds(s)->lies)
		n.appends++;
	if (n.drain == DRAIN_COMPOSED)
		n.drain = DRAIN_DONE;
	if (done & JOB_CLEAN)
		clean_recorded(&n);
	if (done & JOB_STORE)
		store_recorded(&n);
	if (done & JOB_SETTLE)
		settle_recorded(&n);
	if (done & JOB_INTENT) {
		if (n.unit == UNIT_MARKING)
			n.unit = UNIT_DIRTY;
		if (!has_bug(s, BUG_DATA_FIRST))
			write_data(s, &n);
	}
	if (done & JOB_RECORD)
		write_recorded(&n);
	if (done & JOB_UNWRITTEN)
		unwritten_recorded(&n);
	if (done & JOB_CHECKPOINT)
		n.ck_step = CK_MAP;
	client_flush_check(&n);
	search_add(s, &n, "append durable on all counted legs");
}

void
journal_steps(struct search *s, const struct block *b)
{
	if (b->appending) {
		if (fan_can_end(s, b, FAN_APPEND))
			append_done(s, b);
		return;
	}
	if (b->stopped || !append_is_wanted(b))
		return;
	int ways = 0;

	if ((b->jobs & JOB_CLEAN) && (b->jobs & JOB_STORE))
		ways |= STORE_LAST;
	if (bounds(s)->tight)
		ways |= NO_RIDE | NO_CLIENT;
	if (b->ck_step == CK_APPEND && !b->ck_visited)
		ways |= VISIT;
	for (int how = 0; how < WAYS; how++)
		if (!(how & ~ways) && !((how & NO_CLIENT) && !(how & NO_RIDE)))
			append_begin(s, b, how);
}

/* --- checkpoints: map and header --- */

/* checkpoint_write_map(): the map's entry as it is now. */
static void
checkpoint_write_map(const struct search *s, struct block *b)
{
	struct replay *r[] = {&b->ck, &b->ck_next};

	for (int i = 0; i < 1 + b->appending; i++) {
		if (r[i]->page != SUM_UNKNOWN)
			continue;
		r[i]->page = b->page;
		/* "Unwritten" in a region that has no page says nothing. */
		if (b->page == SUM_NONE && r[i]->count > 0 &&
		    r[i]->sum[0] == SUM_ZEROS) {
			memmove(r[i]->sum, r[i]->sum + 1, NODES - 1);
			r[i]->sum[NODES - 1] = 0;
			r[i]->count--;
			r[i]->settled >>= 1;
		}
	}
	b->ck_step = CK_FLUSH;
	count_written(b);
	flush_request(s, b, WAIT_CHECKPOINT);
}

void
checkpoint_flushed(struct block *b)
{
	b->ck_step = CK_HEADER;
}

static void
checkpoint_end(struct block *b)
{
	b->ck = (struct replay){0};
	b->ck_next = (struct replay){0};
	b->ck_step = CK_IDLE;
	b->ck_begun = b->ck_visited = 0;
}

void
checkpoint_steps(struct search *s, const struct block *b)
{
	struct block n = *b;

	switch (b->ck_step) {
	case CK_MAP:
		if (!fan_can_end(s, b, FAN_OTHER))
			return;
		checkpoint_write_map(s, &n);
		search_add(s, &n, "checkpoint: map written");
		return;
	case CK_HEADER:
		if (!fan_can_end(s, b, FAN_OTHER))
			return;
		n.journal = n.ck;
		if (n.appending)
			n.next = n.ck_next;
		checkpoint_end(&n);
		search_add(s, &n, "checkpoint: header durable");
		return;
	}
}

void
checkpoint_begins(struct search *s, const struct block *b)
{
	struct block n = *b;

	if (!bounds(s)->checkpoints || b->stopped || b->ck_step != CK_IDLE)
		return;
	n.ck_step = CK_APPEND;
	search_add(s, &n, "checkpoint begins");
}
