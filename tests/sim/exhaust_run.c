/* SPDX-License-Identifier: MIT */
/*
 * Programs: up to three requests, from some state of the array, one after the
 * other or two at a time, with the I/O completing in some order.  After the
 * last answer the array is left alone until nothing happens any more (so it
 * cleans), and is stopped.
 *
 * Crash points are between two steps.  A step is a completion (or a request)
 * and the tick that follows: what the tick sends is in flight when the crash
 * comes, and that some of it was not sent yet looks like some of it having
 * left nothing.
 *
 * A program does the same as the program without its last request until that
 * one is sent; so only what comes after is looked at here.
 */
#include "exhaust.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "rng.h"

#define LENGTH_MAX 3u
#define LETTERS    9u
#define LETTERS_LONG 6u
#define LETTERS_FAULT 4u
/* Images of one crash point; and of the death of the daemon. */
#define IMAGES_MAX 2048u
#define DEATHS_MAX 256u

/* Which of the two blocks is called 0 makes no difference: what is done to
 * block 1 alone is a plain write.  The longest programs use the first
 * LETTERS_LONG only, and LETTERS_FAULT when a leg fails. */
static const struct {
	const char *name;
	struct xrequest request;
} letters[LETTERS] = {
	{"W0", {RAID_WRITE, 0, 0, 8, false}},
	{"F0", {RAID_WRITE, RAID_FUA, 0, 8, false}},
	{"FL", {RAID_FLUSH, 0, 0, 0, false}},
	{"W1", {RAID_WRITE, 0, 8, 8, false}},
	{"P0", {RAID_WRITE, 0, 3, 1, false}},
	{"D0", {RAID_DISCARD, 0, 0, 8, false}},
	{"W01", {RAID_WRITE, 0, 0, 16, false}},
	{"Z0", {RAID_ZEROES, RAID_NO_HOLE, 0, 8, false}},
	{"R0", {RAID_READ, 0, 0, 8, false}},
};

#define XSTATES(X)                                                             \
	X(FRESH, "fresh")  /* nothing was ever written */                      \
	X(CLEAN, "clean")  /* both blocks are written, their unit is CLEAN */  \
	X(RESYNC, "resync") /* after a power cut: each leg lacks a write */    \
	X(PAGES, "pages")  /* one more sum, and pages are stored */            \
	X(RING, "ring")    /* one more record, and a checkpoint begins */

enum xstate {
#define X(name, word) STATE_##name,
	XSTATES(X)
#undef X
	STATE_COUNT
};

/* What fails, of what could. */
enum xfailing { FAILING_NOTHING, FAILING_RUN, FAILING_START };

struct xprogram {
	enum xstate state;
	bool far;
	unsigned window; /* requests in flight */
	enum xorder order;
	unsigned length;
	unsigned letter[LENGTH_MAX];
	enum xfailing failing;
};

/* How programs are run, for each state. */
static const struct family {
	bool far;
	unsigned window;
	enum xorder order;
	unsigned letters;
	unsigned least, most; /* length */
	enum xfailing failing;
	bool pages; /* from STATE_PAGES, too: the most costly */
} families[] = {
	{false, 1, XORDER_FIRST, LETTERS, 0, 1, FAILING_RUN, true},
	{false, 1, XORDER_FIRST, LETTERS, 2, 2, FAILING_NOTHING, true},
	{false, 2, XORDER_FIRST, LETTERS, 2, 2, FAILING_NOTHING, true},
	{false, 1, XORDER_FIRST, LETTERS, 0, 1, FAILING_START, false},
	{false, 1, XORDER_FIRST, LETTERS, 2, 2, FAILING_RUN, true},
	{false, 2, XORDER_FIRST, LETTERS_FAULT, 2, 2, FAILING_RUN, false},
	{false, 1, XORDER_FIRST, LETTERS_FAULT, 3, 3, FAILING_RUN, false},
	{false, 1, XORDER_LAST, LETTERS, 1, 2, FAILING_NOTHING, false},
	{false, 2, XORDER_LAST, LETTERS, 2, 2, FAILING_NOTHING, false},
	{false, 2, XORDER_LEG0, LETTERS, 2, 2, FAILING_NOTHING, false},
	{false, 2, XORDER_LEG1, LETTERS, 2, 2, FAILING_NOTHING, false},
	{false, 2, XORDER_ALL, LETTERS, 2, 2, FAILING_NOTHING, false},
	{true, 1, XORDER_FIRST, LETTERS, 0, 2, FAILING_NOTHING, false},
	{true, 2, XORDER_LAST, LETTERS, 2, 2, FAILING_NOTHING, false},
	{false, 1, XORDER_FIRST, LETTERS_LONG, 3, 3, FAILING_NOTHING, true},
};

static uint64_t
power(uint64_t base, unsigned exponent)
{
	uint64_t n = 1;

	while (exponent-- > 0)
		n *= base;
	return n;
}

static uint64_t
family_count(const struct family *f)
{
	uint64_t count = 0;

	for (unsigned length = f->least; length <= f->most; length++)
		count += power(f->letters, length);
	return count;
}

uint64_t
xprogram_count(void)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(families); i++)
		count += family_count(&families[i]) * STATE_COUNT;
	return count;
}

static void
xprogram_letters(struct xprogram *p, const struct family *f, uint64_t n)
{
	p->length = f->least;
	while (n >= power(f->letters, p->length))
		n -= power(f->letters, p->length++);
	for (unsigned i = p->length; i-- > 0;) {
		p->letter[i] = (unsigned)(n % f->letters);
		n /= f->letters;
	}
}

/* False: there is none. */
static bool
xprogram_get(uint64_t index, struct xprogram *p)
{
	const struct family *f = families;

	for (; index >= family_count(f) * STATE_COUNT; f++)
		index -= family_count(f) * STATE_COUNT;
	*p = (struct xprogram){
		.state = (enum xstate)(index / family_count(f)),
		.far = f->far,
		.window = f->window,
		.order = f->order,
		.failing = f->failing,
	};
	xprogram_letters(p, f, index % family_count(f));
	for (unsigned i = 0; i < p->length; i++)
		if (p->far && letters[p->letter[i]].request.sectors > 8)
			return false; /* not one stretch there */
	return f->pages || p->state != STATE_PAGES;
}

void
xprogram_print(uint64_t index)
{
	static const char *const states[STATE_COUNT] = {
#define X(name, word) [STATE_##name] = word,
		XSTATES(X)
#undef X
	};
	static const char *const orders[XORDER_COUNT] = {
		"first first", "last first", "leg 1 late", "leg 0 late",
		"all at once",
	};
	struct xprogram p;

	xprogram_get(index, &p);
	printf("%s%s:", states[p.state], p.far ? ", far apart" : "");
	for (unsigned i = 0; i < p.length; i++)
		printf(" %s", letters[p.letter[i]].name);
	printf("; %u at a time, I/O %s\n", p.window, orders[p.order]);
}

static void
xrun_until_quiet(struct xworld *w)
{
	while (xworld_step(w, XORDER_ALL))
		;
}

static void
xrun_write(struct xworld *w, unsigned sector, unsigned sectors, bool aside)
{
	xworld_do(w, &(struct xrequest){
		.op = RAID_WRITE, .sector = sector, .sectors = sectors,
		.aside = aside,
	}, XORDER_ALL);
}

static void
xrun_write_both(struct xworld *w)
{
	xrun_write(w, 0, XORACLE_BLOCK, false);
	xrun_write(w, XORACLE_BLOCK, XORACLE_BLOCK, false);
}

static uint64_t
xrun_sums(const struct xworld *w)
{
	static struct raid_status st;

	raid_status(w->raid, &st);
	return st.sets[0].sums_pending;
}

/* Sums as many as there may be; then one more, and pages are stored.  Once
 * more as many. */
static void
xrun_fill_sums(struct xworld *w)
{
	for (unsigned round = 0; round < 2; round++) {
		xrun_write_both(w);
		xrun_until_quiet(w);
		for (unsigned block = 2; xrun_sums(w) < XSUMS_MAX / 2;
		     block++) {
			CHECK(block < REGION_BLOCKS_MIN);
			xrun_write(w, block * XORACLE_BLOCK, XORACLE_BLOCK,
				   true);
			xrun_until_quiet(w);
		}
		if (round == 0)
			xrun_write(w, 0, XORACLE_BLOCK, false);
		xrun_until_quiet(w);
	}
	xoracle_all_durable(&w->oracle);
}

/* Each block's last write is on one leg only; the array was just started. */
static void
xrun_make_resync(struct xexplorer *x)
{
	static struct assembly a;
	struct xworld *w = &x->world;
	uint32_t page = (uint32_t)(xshape.layout.data_offset / XPAGE_BYTES);

	xrun_write_both(w);
	xoracle_crash(&w->oracle, true);
	xworld_drop_engine(w);
	w->ops_count = 0;
	for (unsigned leg = 0; leg < XLEGS; leg++) {
		struct xdisk *d = &w->disk[leg];
		uint32_t at = page + (uint32_t)(xshape.block_at[leg] /
						XPAGE_BYTES);
		const struct xpage *kept = d->view[at];

		d->cached_count = 0;
		memcpy(d->view, d->media, sizeof(d->view));
		d->media[at] = d->view[at] = kept;
	}
	CHECK(xworld_assemble(w, 3, &a));
	xworld_start(w, &a, 3, false);
}

static uint64_t
xrun_journal_used(const struct xworld *w)
{
	static struct raid_status st;

	raid_status(w->raid, &st);
	return st.sets[0].journal_used_bytes / XPAGE_BYTES;
}

/* Records about another block, until the next but one asks for room. */
static void
xrun_fill_ring(struct xworld *w)
{
	uint64_t most = 0;

	while (xrun_journal_used(w) >= most) {
		most = xrun_journal_used(w);
		xworld_do(w, &(struct xrequest){
			.op = RAID_WRITE, .flags = RAID_FUA, .sector = 40,
			.sectors = 8, .aside = true,
		}, XORDER_ALL);
	}
	xrun_until_quiet(w);
	while (xrun_journal_used(w) + 1 < most)
		xworld_do(w, &(struct xrequest){
			.op = RAID_WRITE, .flags = RAID_FUA, .sector = 40,
			.sectors = 8, .aside = true,
		}, XORDER_ALL);
}

static void
xrun_prepare(struct xexplorer *x, const struct xprogram *p)
{
	struct xworld *w = &x->world;

	x->run_pool.used = 0;
	xshape_init(p->far);
	xworld_trace(w, x->trace);
	w->fault_armed = false;
	xworld_create(w);
	if (p->state == STATE_PAGES) {
		xrun_fill_sums(w);
	} else if (p->state != STATE_FRESH) {
		xrun_write_both(w);
		xrun_until_quiet(w);
		xoracle_all_durable(&w->oracle);
	}
	if (p->state == STATE_RESYNC)
		xrun_make_resync(x);
	else if (p->state == STATE_RING)
		xrun_fill_ring(w);
	if (p->length > 0)
		xworld_finish_superblocks(w);
}

/* All that may be left if the run ends now in this way. */
static void
xrun_crash(struct xexplorer *x, bool power)
{
	static struct ximages im;
	static struct xcrash c;
	struct xworld *w = &x->world;
	size_t mark = x->pool.used;
	unsigned in_sync;
	bool in_force;

	ximages_list(&im, w, &x->pool, power, power ? IMAGES_MAX : DEATHS_MAX);
	x->counts->less_torn += power && im.tear == XTEAR_NONE;
	c.depth = 0;
	in_sync = xcheck_in_sync(w, &in_force);
	c.faultless = !w->fault_hit;
	c.whole = w->fault_hit ? 1u << (1 - w->fault.leg) : 3u;
	c.starts = in_force ? in_sync : 0;
	if ((c.starts & ~c.whole) != 0 && c.starts != 3)
		xworld_fail(w, "R2", "leg %u is out, and did not fail",
			    1 - w->fault.leg);
	c.fails_after = x->starts_fail;
	c.oracle = w->oracle;
	/* A flush that failed may have forgotten what it was to flush: then
	 * the death of the daemon is to that leg what a power cut is. */
	xoracle_crash(&c.oracle, power || w->forgot);
	xcheck_images(x, &im, &c);
	x->pool.used = mark;
}

struct xrun {
	struct xexplorer *x;
	const struct xprogram *program;
	bool looking;
	int64_t point;
};

static void
xrun_point(struct xrun *run)
{
	struct xexplorer *x = run->x;

	run->point++;
	if (!run->looking || !xpath_enter(x, XPATH_POINT, run->point))
		return;
	if (x->world.fault_armed && !x->world.fault_hit)
		return; /* nothing is different yet */
	x->counts->points++;
	for (unsigned power = x->starts_fail; power < 2; power++)
		if (xpath_enter(x, XPATH_KIND, power))
			xrun_crash(x, power != 0);
}

static void
xrun_requests(struct xrun *run)
{
	const struct xprogram *p = run->program;
	struct xworld *w = &run->x->world;
	unsigned sent = 0;

	run->looking = p->length == 0;
	while (sent < p->length || xworld_busy(w) > 0) {
		if (sent < p->length && xworld_busy(w) < p->window) {
			xworld_send(w, &letters[p->letter[sent++]].request);
			run->looking = sent == p->length;
		} else if (!xworld_step(w, p->order)) {
			xworld_fail(w, "I30", "a request is never answered");
		}
		raid_check(w->raid);
		xrun_point(run);
	}
}

static void
xrun_end(struct xrun *run)
{
	struct xworld *w = &run->x->world;

	while (xworld_step(w, run->program->order)) {
		raid_check(w->raid);
		xrun_point(run);
	}
	xworld_stop(w);
	while (!w->stopped) {
		if (!xworld_step(w, run->program->order))
			xworld_fail(w, "I30", "the stop never ends");
		xrun_point(run);
	}
	if (w->stop_res != 0)
		xworld_fail(w, "stop", "raid_stop: %d", w->stop_res);
	xoracle_all_durable(&w->oracle);
	xcheck_stopped(w);
	xrun_point(run);
}

/* False: the I/O that was to fail never came. */
static bool
xrun(struct xexplorer *x, const struct xprogram *p, const struct xfault *fault)
{
	struct xrun run = {.x = x, .program = p, .point = -1};

	xrun_prepare(x, p);
	x->world.careful = true;
	xworld_arm(&x->world, fault);
	xrun_requests(&run);
	xrun_end(&run);
	xworld_drop_engine(&x->world);
	x->counts->runs++;
	return x->world.fault_hit;
}

/* Each I/O of each leg fails, in each way. */
static void
xrun_faults(struct xexplorer *x, const struct xprogram *p)
{
	for (unsigned n = 0; n < XFAULT_WAYS; n++) {
		struct xfault fault = xfault_way(n);

		for (;; fault.at++) {
			int64_t number = 1 + n + XFAULT_WAYS * fault.at;

			if (fault.at == XFAULT_AT_MAX)
				xworld_fail(&x->world, "I32", "no end of I/O");
			if (!xpath_enter(x, XPATH_FAULT, number)) {
				if (number > x->want.at[XPATH_FAULT])
					break;
				continue;
			}
			if (!xrun(x, p, &fault))
				break;
			x->counts->faults++;
		}
	}
}

void
xprogram_run(struct xexplorer *x, uint64_t index)
{
	static const struct xfault none;
	struct xprogram p;

	if (!xprogram_get(index, &p))
		return;
	x->starts_fail = p.failing == FAILING_START;
	x->counts->programs++;
	if (xpath_enter(x, XPATH_FAULT, 0))
		xrun(x, &p, &none);
	if (p.failing == FAILING_RUN)
		xrun_faults(x, &p);
}
