/* SPDX-License-Identifier: MIT */
/*
 * After a crash the array is started with both members, and with each of them
 * alone; it is read, read again, and stopped.  After the first reading power
 * is cut once more, and what was read must be read again (I3), from each leg
 * alone as well: what a read returned is evidence that must be durable.
 */
#include "exhaust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crc.h"
#include "reader.h"
#include "rng.h"

#define BOTH 3u
/* Images of a second crash. */
#define SECOND_MAX 256u

/* A start that is to be. */
struct xstart {
	unsigned mask; /* the members that are there */
	bool force;
	struct assembly assembly;
};

/* The bytes of a member in one piece, for reader.c: most are there from the
 * last time. */
static const uint8_t *
xcheck_media(const struct xdisk *d)
{
	static uint64_t hashes[XDISK_PAGES_MAX];
	static uint8_t *media;

	if (media == NULL)
		media = malloc(XDISK_PAGES_MAX * XPAGE_BYTES);
	CHECK(media != NULL);
	for (unsigned i = 0; i < XDISK_PAGES_MAX; i++) {
		if (hashes[i] == xpage_hash(d->media[i]))
			continue;
		hashes[i] = xpage_hash(d->media[i]);
		memcpy(media + i * XPAGE_BYTES, d->media[i]->data,
		       XPAGE_BYTES);
	}
	return media;
}

/* Of block 0 or 1: can it be zeros, can it be data? */
static void
xcheck_may_be(const struct xoracle *o, unsigned block, bool *hole, bool *data)
{
	*hole = true;
	*data = false;
	for (unsigned s = block * XORACLE_BLOCK;
	     s < (block + 1) * XORACLE_BLOCK; s++) {
		bool zeros = false;

		for (unsigned i = 0; i < o->count; i++) {
			if ((o->alive[s] >> i & 1) == 0)
				continue;
			zeros |= o->changes[i].zeros;
			*data |= !o->changes[i].zeros;
		}
		*hole &= zeros;
	}
}

static void
xcheck_block(struct xworld *w, unsigned leg, unsigned block,
	     const struct reader *r)
{
	const struct xdisk *d = &w->disk[leg];
	uint64_t at = xshape.block_at[block] / XPAGE_BYTES;
	uint64_t page = xshape.layout.data_offset / XPAGE_BYTES + at;
	uint32_t sum = r->sums[at];
	bool hole, data;

	xcheck_may_be(&w->oracle, block, &hole, &data);
	if (sum == SUM_UNWRITTEN && !hole)
		xworld_fail(w, "I16", "leg %u: block %u is unwritten", leg,
			    block);
	if (sum == SUM_UNWRITTEN)
		return;
	if (sum_of(sum_base(r->array_uuid, r->set), at,
		   d->media[page]->data) != sum)
		xworld_fail(w, "I14", "leg %u: block %u does not match its sum",
			    leg, block);
	if (w->disk[0].media[page] != w->disk[1].media[page] &&
	    memcmp(w->disk[0].media[page]->data, w->disk[1].media[page]->data,
		   XPAGE_BYTES) != 0 && w->in_sync[0] && w->in_sync[1])
		xworld_fail(w, "I14", "the legs differ in block %u", block);
}

unsigned
xcheck_in_sync(struct xworld *w, bool *in_force)
{
	static struct raid_status st;
	unsigned mask = 0;

	raid_status(w->raid, &st);
	*in_force = st.epoch == st.epoch_in_force;
	for (unsigned i = 0; i < XLEGS; i++) {
		w->in_sync[i] = st.legs[i].present &&
				st.legs[i].state == LEG_IN_SYNC;
		mask |= (unsigned)w->in_sync[i] << i;
	}
	return mask;
}

void
xcheck_stopped(struct xworld *w)
{
	bool in_force;

	if (xcheck_in_sync(w, &in_force) == 0)
		xworld_fail(w, "R7", "no leg is left");
	for (unsigned leg = 0; leg < XLEGS; leg++) {
		struct reader r;

		if (!w->in_sync[leg])
			continue;
		if (w->disk[leg].cached_count != 0)
			xworld_fail(w, "stop", "leg %u: %u writes not flushed",
				    leg, w->disk[leg].cached_count);
		if (!reader_read(&r, xcheck_media(&w->disk[leg]),
				 raid_superblock(w->raid), 0))
			xworld_fail(w, "I14", "leg %u: %s", leg, r.reason);
		for (uint64_t i = 0; i < r.regions; i++)
			if (r.dirty[i] != 0)
				xworld_fail(w, "R5", "leg %u: DIRTY", leg);
		for (unsigned block = 0; block < 2; block++)
			xcheck_block(w, leg, block, &r);
		reader_fini(&r);
	}
}

/* Stop it cleanly and look. */
static void
xcheck_stop(struct xexplorer *x, struct xworld *w)
{
	x->counts->stops++;
	xworld_stop(w);
	while (!w->stopped)
		if (!xworld_step(w, XORDER_ALL))
			xworld_fail(w, "I30", "the stop never ends");
	if (w->stop_res != 0)
		xworld_fail(w, "stop", "raid_stop: %d", w->stop_res);
	if (w->ops_count != 0)
		xworld_fail(w, "stop", "%u I/O in flight", w->ops_count);
	xoracle_all_durable(&w->oracle);
	xcheck_stopped(w);
}

static void
xcheck_read_all(struct xworld *w)
{
	for (unsigned block = 0; block < 2; block++)
		xworld_do(w, &(struct xrequest){
			.op = RAID_READ,
			.sector = block * XORACLE_BLOCK,
			.sectors = XORACLE_BLOCK,
		}, XORDER_ALL);
}

static void xcheck_crash(struct xexplorer *x, const struct xcrash *c);

void
xcheck_images(struct xexplorer *x, const struct ximages *im, struct xcrash *c)
{
	unsigned level = c->depth == 0 ? XPATH_IMAGE : XPATH_IMAGE2;
	uint64_t known = xoracle_hash(&c->oracle) ^
			 rng_mix(c->depth + 2 * c->faultless +
				 4 * c->fails_after + 8 * c->whole +
				 32 * c->starts);

	x->counts->left_out += im->left_out;
	for (uint64_t i = 0; i < im->count; i++) {
		if (!xpath_enter(x, level, (int64_t)i))
			continue;
		x->counts->images++;
		if (!xvisited_add(x, rng_mix(ximages_hash(im, i)) ^ known))
			continue;
		if (x->trace)
			ximages_print(im, i);
		ximages_make(im, i, c->disk);
		xcheck_crash(x, c);
	}
}

/* Power goes again, just after the first reading. */
static void
xcheck_second(struct xexplorer *x, struct xworld *w, const struct xcrash *first)
{
	static struct ximages im;
	static struct xcrash c;
	bool in_force;

	xworld_finish_superblocks(w);
	ximages_list(&im, w, &x->pool, true, SECOND_MAX);
	c.depth = 1;
	c.whole = xcheck_in_sync(w, &in_force);
	c.starts = in_force ? c.whole : 0;
	c.faultless = first->faultless && !w->fault_hit;
	c.fails_after = false;
	c.oracle = w->oracle;
	xoracle_crash(&c.oracle, true);
	xcheck_images(x, &im, &c);
}

/* False: it does not start from these, as it should be. */
static bool
xcheck_assemble(struct xexplorer *x, struct xworld *w, const struct xcrash *c,
		unsigned mask, struct xstart *out)
{
	out->mask = mask;
	out->force = false;
	if (xworld_assemble(w, mask, &out->assembly)) {
		/* What it leaves out could not start alone either. */
		if ((mask & c->starts) != c->starts || (mask & c->whole) == 0)
			xworld_fail(w, "R15", "starts with members %u: counted"
				    " are %u, and whole %u", mask, c->starts,
				    c->whole);
		return true;
	}
	x->counts->waits++;
	if (mask == BOTH || mask == c->starts)
		xworld_fail(w, "R15", "no start with members %u: verdict %d",
			    mask, (int)out->assembly.verdict);
	if ((c->whole & mask) == 0)
		return false;
	if (!out->assembly.can_force)
		xworld_fail(w, "R15", "member %u cannot be started by force",
			    mask >> 1);
	out->force = true;
	return true;
}

/*
 * All that a start depends on, and what is done then.  Of a member that is not
 * given nothing is known.  Of one that the freshest superblock calls failed
 * nothing but superblocks is used (xworld_check_submit), and alone it does not
 * start (xcheck_assemble).
 */
static uint64_t
xcheck_hash(const struct xcrash *c, const struct xstart *start)
{
	uint64_t hash = rng_mix(start->mask + 1000 + 8 * c->fails_after +
				16 * start->force);

	for (unsigned leg = 0; leg < XLEGS; leg++) {
		if ((start->mask >> leg & 1) == 0)
			continue;
		if (xworld_takes(&start->assembly, leg))
			hash += xdisk_hash(&c->disk[leg]);
		else
			hash += xshape_hash_superblocks(&c->disk[leg]);
		hash = rng_mix(hash + leg);
	}
	if (start->mask == BOTH)
		hash = rng_mix(hash + c->depth + 2 * c->faultless);
	return hash ^ xoracle_hash(&c->oracle);
}

static struct xworld *
xcheck_load(struct xexplorer *x, const struct xcrash *c)
{
	struct xworld *w = &x->after[c->depth];

	for (unsigned i = 0; i < XLEGS; i++)
		xdisk_copy(&w->disk[i], &c->disk[i]);
	w->oracle = c->oracle;
	xworld_trace(w, x->trace);
	w->now_ns = 1;
	w->randoms = 1000 * (c->depth + 1);
	w->io_count = 0;
	w->seq = 1u << 20; /* later than all that is in the caches */
	return w;
}

/* False: the I/O that was to fail never came. */
static bool
xcheck_start(struct xexplorer *x, const struct xcrash *c,
	     const struct xstart *start, const struct xfault *fault)
{
	struct xworld *w = xcheck_load(x, c);
	bool first = c->depth == 0 && start->mask == BOTH;
	size_t mark = x->pool.used;
	bool in_force;

	xworld_arm(w, fault);
	x->counts->starts++;
	x->counts->forced += start->force;
	xworld_start(w, &start->assembly, start->mask, start->force);
	xcheck_read_all(w);
	if (c->faultless && !w->fault_hit && start->mask == BOTH &&
	    xcheck_in_sync(w, &in_force) != BOTH)
		xworld_fail(w, "I16", "a leg is out, and none failed");
	if (first)
		xcheck_second(x, w, c);
	xcheck_read_all(w);
	raid_check(w->raid);
	if (first)
		xcheck_stop(x, w);
	xworld_drop_engine(w);
	x->pool.used = mark;
	return w->fault_hit;
}

/* Each I/O of each leg between the start and the stop fails, in each way. */
static void
xcheck_failing(struct xexplorer *x, const struct xcrash *c,
	       const struct xstart *start)
{
	for (unsigned n = 0; n < XFAULT_WAYS; n++) {
		struct xfault fault = xfault_way(n);

		for (;; fault.at++) {
			int64_t number = BOTH + 1 + n + XFAULT_WAYS * fault.at;

			if (fault.at == XFAULT_AT_MAX)
				xworld_fail(&x->after[0], "I32",
					    "no end of I/O");
			if (!xpath_enter(x, XPATH_START, number)) {
				if (number > x->want.at[XPATH_START])
					break;
				continue;
			}
			if (!xcheck_start(x, c, start, &fault))
				break;
			x->counts->start_faults++;
		}
	}
}

static void
xcheck_crash(struct xexplorer *x, const struct xcrash *c)
{
	unsigned level = c->depth == 0 ? XPATH_START : XPATH_START2;
	static const struct xfault none;
	struct xstart start;

	for (unsigned mask = BOTH; mask > 0; mask--) {
		if (!c->fails_after && !xpath_enter(x, level, mask))
			continue;
		if (c->fails_after && mask != BOTH)
			continue;
		if (!xcheck_assemble(x, xcheck_load(x, c), c, mask, &start) ||
		    !xvisited_add(x, xcheck_hash(c, &start)))
			continue;
		x->counts->distinct++;
		if (c->fails_after)
			xcheck_failing(x, c, &start);
		else
			xcheck_start(x, c, &start, &none);
	}
}
