/* SPDX-License-Identifier: MIT */
/*
 * Crashes, and starts after them (raid/start.c, raid/scan.c).
 *
 *   scan_start(), start_choose()    start_begin
 *   start_epoch(), meta_in_force()  start_epoch_done
 *   start_copy(), start_served()    start_copied
 */
#include <string.h>

#include "block.h"

/* What block_begin() gives the legs: where a leg may go back to (H21). */
static void
leg_go_back(const struct search *s, struct block *b, struct leg *leg)
{
	uint8_t value = bounds(s)->unwritten ? GARBAGE : VALUE_FIRST;

	leg->content = whole(value);
	for (int h = 0; h < HALVES; h++)
		leg->media[h] = (uint8_t)(1u << value);
	leg->has = 0;
	leg->behind = 1;
	leg->page = PAGE_LOST;
	b->behind = (struct replay){
		.page = bounds(s)->unwritten ? SUM_NONE : whole(VALUE_FIRST),
	};
}

/* --- crashes --- */

/* The daemon dies; the host loses power; the daemon dies while a leg that
 * failed loses what its cache had.  Of the last no more is promised than of a
 * power cut: nothing can tell which leg went back. */
enum crash { KILL, POWER_CUT, KILL_AND_LOSS, CRASHES };

static const char *const crash_words[] = {
	[KILL] = "KILL",
	[POWER_CUT] = "POWER CUT",
	[KILL_AND_LOSS] = "KILL, and a failed leg's cache is lost,",
};

/* What is on disk, and what clients know: all else is gone. */
static struct block
crash_forget(const struct block *b, enum crash kind)
{
	struct block n = {
		.journal = b->journal,
		.next = b->next,
		.behind = b->behind,
		.phase = DOWN,
		.recovered = 1,
		.seen = b->seen,
		.writes = b->writes,
		.flushes = b->flushes,
		.crashes = (uint8_t)(b->crashes + 1),
		.faults = b->faults,
		.appends = b->appends,
		.lied = b->lied,
		.vouched = b->vouched,
	};

	memcpy(n.leg, b->leg, sizeof(n.leg));
	for (int h = 0; h < HALVES; h++) {
		n.now[h] = kind == KILL ? b->now[h] : b->cut[h];
		/* After a failed flush nothing but the cut's is promised. */
		if (b->eio)
			n.now[h] |= b->cut[h];
		n.cut[h] = b->cut[h];
	}
	return n;
}

/* Masks of what the halves of a leg may be after the crash. */
static void
crash_masks(const struct block *b, int leg, enum crash kind,
	    uint8_t masks[HALVES])
{
	const struct leg *l = &b->leg[leg];

	for (int h = 0; h < HALVES; h++) {
		if (kind == POWER_CUT ||
		    (kind == KILL_AND_LOSS && l->run == RUN_FAILING))
			masks[h] = l->media[h];
		else
			masks[h] = (uint8_t)(1u << half(l->content, h)) |
				   in_flight(b, l, h);
	}
}

/* The record in flight: on the leg (bit 1), not on it (bit 0)? */
static uint8_t
crash_has(const struct block *b, int leg)
{
	const struct leg *l = &b->leg[leg];

	if (b->phase == COPY && b->next.page && !l->has)
		return 3;
	if (b->phase != SERVING)
		return (uint8_t)(1u << l->has);
	if (!b->appending)
		return 1;
	if (l->run == RUN_IN)
		return 3;
	if (b->there & FAN_APPEND)
		return 2;
	return b->sent & FAN_APPEND ? 3 : 1;
}

/* A page that is not durable; a page that is being written over. */
static uint8_t
crash_page(const struct search *s, const struct block *b, int leg,
	   enum crash kind)
{
	const struct leg *l = &b->leg[leg];
	bool over = b->store != STORE_FREE && b->page != SUM_NONE &&
		    b->page != b->store_sum && has_bug(s, BUG_PAGE_IN_PLACE);

	if (over && !b->store_composed)
		return b->store_gen == 2 ? 1 << PAGE_LOST
					 : 1 << PAGE_LOST | 1 << l->page;
	if (kind == POWER_CUT && l->page >= PAGE_CACHED)
		return 1 << PAGE_LOST | 1 << PAGE_DURABLE;
	return (uint8_t)(1u
			 << (l->page == PAGE_COVERED ? PAGE_CACHED : l->page));
}

/* All in-sync legs, or none, have the record: then it is no more in flight. */
static void
crash_settle_journal(struct block *b)
{
	int insync = 0, has = 0;

	for (int i = 0; i < LEGS; i++) {
		if (!b->leg[i].insync) {
			b->leg[i] = (struct leg){0};
			continue;
		}
		insync++;
		has += b->leg[i].has;
		b->leg[i].run = RUN_OUT;
		b->leg[i].settling = 0;
		memset(b->leg[i].flush, 0, sizeof(b->leg[i].flush));
	}
	if (has == insync && has > 0)
		b->journal = b->next;
	if (has == insync || has == 0) {
		b->next = (struct replay){0};
		for (int i = 0; i < LEGS; i++)
			b->leg[i].has = 0;
	}
}

/* The contents that the masks allow: bit low + 8 * high. */
static uint64_t
crash_choices(const struct search *s, uint8_t content,
	      const uint8_t masks[HALVES])
{
	uint64_t choices = 0;

	for (int low = 0; low < 8; low++)
		for (int high = 0; high < 8; high++) {
			if (!(masks[0] >> low & 1) || !(masks[1] >> high & 1))
				continue;
			if (low != high && !bounds(s)->tear &&
			    content != join((uint8_t)low, (uint8_t)high))
				continue;
			choices |= 1ull << (low + 8 * high);
		}
	return choices;
}

/* One leg after the other takes each of the states it may be left in. */
static void
crash_leg(struct search *s, const struct block *b, const struct block *at,
	  int leg, enum crash kind)
{
	uint8_t masks[HALVES], has = crash_has(b, leg);
	uint8_t page = crash_page(s, b, leg, kind);

	if (leg == LEGS) {
		struct block n = *at;

		crash_settle_journal(&n);
		search_add(s, &n, "%s leaves %x %x", crash_words[kind],
			   n.leg[0].content, n.leg[1].content);
		return;
	}
	if (!at->leg[leg].insync) {
		crash_leg(s, b, at, leg + 1, kind);
		return;
	}
	crash_masks(b, leg, kind, masks);
	uint64_t choices = crash_choices(s, at->leg[leg].content, masks);

	for (; choices; choices &= choices - 1) {
		int bit = __builtin_ctzll(choices);
		struct block n = *at;
		struct leg *l = &n.leg[leg];

		l->content = join(bit & 7, (uint8_t)(bit >> 3));
		for (int h = 0; h < HALVES && kind == POWER_CUT; h++)
			l->media[h] = (uint8_t)(1u << half(l->content, h));
		for (int i = 0; i < 8; i++) {
			l->has = i & 1;
			l->page = (uint8_t)(i >> 1);
			if ((has >> l->has & 1) && (page >> l->page & 1))
				crash_leg(s, b, &n, leg + 1, kind);
		}
	}
}

/* Is the epoch under way known to those that will be there?  Either. */
static void
crash_members(struct search *s, const struct block *b, const struct block *at,
	      enum crash kind)
{
	struct block n = *at;
	bool under_way = false;

	crash_leg(s, b, at, 0, kind);
	for (int i = 0; i < LEGS; i++) {
		if (!b->leg[i].insync)
			continue;
		if (b->phase == EPOCH ? b->leg[i].run == RUN_OUT
				      : b->leg[i].run == RUN_FAILING) {
			under_way = true;
			n.leg[i] = (struct leg){0};
		}
	}
	if (under_way)
		crash_leg(s, b, &n, 0, kind);
}

/* A leg went back to what it was at first, and says nothing of it (H21). */
static void
crash_lie(struct search *s, const struct block *b)
{
	struct block n = crash_forget(b, KILL);

	if (b->phase != SERVING || b->appending || b->appends < 2 || b->lied)
		return;
	for (int i = 0; i < LEGS; i++)
		if (b->leg[i].run != RUN_IN || b->op || b->settle)
			return;
	crash_settle_journal(&n);
	n.lied = 1;
	leg_go_back(s, &n, &n.leg[0]);
	search_add(s, &n, "KILL; leg 0 goes back to the beginning");
}

void
crash_steps(struct search *s, const struct block *b)
{
	bool failing = false;

	if (b->phase == DOWN || b->crashes >= bounds(s)->crashes)
		return;
	if (bounds(s)->lies)
		crash_lie(s, b);
	for (int i = 0; i < LEGS; i++)
		failing |= b->leg[i].run == RUN_FAILING;
	for (enum crash kind = 0; kind < CRASHES; kind++) {
		if (kind == KILL_AND_LOSS && !failing)
			continue;
		struct block n = crash_forget(b, kind);

		crash_members(s, b, &n, kind);
		if (b->ck_step != CK_HEADER)
			continue;
		/* The header is durable, where replay begins. */
		n.journal = b->ck;
		n.next = b->ck_next;
		crash_members(s, b, &n, kind);
	}
}

/* --- starts --- */

/* start_choose(): whose journal is the set's? */
static const struct replay *
start_choose(const struct search *s, struct block *b, uint8_t legs)
{
	bool ahead = false, whole_one = false;

	for (int i = 0; i < LEGS; i++) {
		if (!(legs >> i & 1))
			continue;
		ahead |= b->leg[i].has;
		whole_one |= !b->leg[i].behind;
	}
	if (!whole_one) { /* nobody here knows better */
		b->journal = b->behind;
		b->next = (struct replay){0};
		for (int i = 0; i < LEGS; i++) {
			b->leg[i].behind = 0;
			b->leg[i].page = PAGE_DURABLE;
		}
		return &b->journal;
	}
	/* A leg further behind than one append is evicted (R19). */
	for (int i = 0; i < LEGS; i++)
		if ((legs >> i & 1) && b->leg[i].behind &&
		    !has_bug(s, BUG_NO_LAG_CHECK) && !has_bug(s, BUG_NO_COPY))
			b->leg[i].run = RUN_OUT;
	return ahead ? &b->next : &b->journal;
}

static void
start_begin(struct search *s, const struct block *b, uint8_t legs)
{
	struct block n = *b;

	for (int i = 0; i < LEGS; i++) {
		struct leg *leg = &n.leg[i];

		if (!(legs >> i & 1)) {
			n.faults += leg->insync;
			continue;
		}
		leg->run = RUN_IN;
		for (int h = 0; h < HALVES; h++)
			if (!has_bug(s, BUG_NO_START_FLUSH))
				leg->media[h] =
					(uint8_t)(1u << half(leg->content, h));
		if (leg->page == PAGE_CACHED)
			leg->page = PAGE_DURABLE;
	}
	const struct replay *r = start_choose(s, &n, legs);

	if (r->page != n.journal.page)
		for (int i = 0; i < LEGS; i++)
			n.leg[i].page = PAGE_DURABLE;
	replay_load(s, &n, r);
	n.phase = EPOCH;
	search_add(s, &n, "start with%s%s", legs & 1 ? " leg 0" : "",
		   legs & 2 ? " leg 1" : "");
}

/* The start's epoch is in force: who is not in it is out. */
static void
start_epoch_done(struct search *s, const struct block *b)
{
	struct block n = *b;
	int has = 0;

	for (int i = 0; i < LEGS; i++) {
		if (n.leg[i].run == RUN_IN)
			has += n.leg[i].has;
		else
			n.leg[i] = (struct leg){0};
	}
	if (has == 0)
		n.next = (struct replay){0};
	n.lied = 0;
	n.phase = COPY;
	search_add(s, &n, "the start's epoch is in force");
}

/* start_copy(): the last record to every leg (H4). */
static void
start_copied(struct search *s, const struct block *b)
{
	struct block n = *b;
	bool any = false;

	for (int i = 0; i < LEGS; i++)
		any |= n.leg[i].has;
	for (int i = 0; i < LEGS && any; i++) {
		if (has_bug(s, BUG_NO_COPY) && n.leg[i].run == RUN_IN &&
		    !n.leg[i].has && !n.leg[i].behind) {
			n.leg[i].behind = 1;
			n.behind = n.journal;
		}
		n.leg[i].has = 0;
	}
	if (any)
		n.journal = n.next;
	n.next = (struct replay){0};
	n.phase = SERVING;
	search_add(s, &n, "journals are equal; serving");
}

void
start_steps(struct search *s, const struct block *b)
{
	uint8_t all = 0;

	if (b->phase == EPOCH)
		start_epoch_done(s, b);
	if (b->phase == COPY)
		start_copied(s, b);
	if (b->phase != DOWN)
		return;
	for (int i = 0; i < LEGS; i++)
		all |= (uint8_t)(b->leg[i].insync << i);
	start_begin(s, b, all);
	for (int i = 0; i < LEGS; i++)
		if (all == 3 && !b->lied && b->faults < bounds(s)->faults)
			start_begin(s, b, (uint8_t)(1 << i));
}
