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

void
xcheck_stopped(struct xworld *w)
{
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

/* Which legs does the engine call in-sync? */
static unsigned
xcheck_in_sync(struct xworld *w)
{
	static struct raid_status st;
	unsigned mask = 0;

	raid_status(w->raid, &st);
	for (unsigned i = 0; i < XLEGS; i++) {
		w->in_sync[i] = st.legs[i].present &&
				st.legs[i].state == LEG_IN_SYNC;
		mask |= (unsigned)w->in_sync[i] << i;
	}
	return mask;
}

void
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
	xcheck_in_sync(w);
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

/* Power goes again, just after the first reading. */
static void
xcheck_second(struct xexplorer *x, struct xworld *w, const struct xcrash *first)
{
	static struct ximages im;
	static struct xcrash c;

	xworld_finish_superblocks(w);
	ximages_list(&im, w, &x->pool, true, SECOND_MAX);
	x->counts->left_out += im.left_out;
	c.depth = 1;
	c.whole = xcheck_in_sync(w);
	c.faultless = first->faultless;
	c.oracle = w->oracle;
	xoracle_crash(&c.oracle, true);
	for (uint64_t i = 0; i < im.count; i++) {
		uint64_t hash = rng_mix(ximages_hash(&im, i) + c.whole + 100) ^
				xoracle_hash(&c.oracle);

		if (!xpath_enter(x, XPATH_IMAGE2, (int64_t)i))
			continue;
		x->counts->images++;
		if (!xvisited_add(x, hash))
			continue;
		if (x->trace)
			ximages_print(&im, i);
		ximages_make(&im, i, c.disk);
		xcheck_crash(x, &c);
	}
}

/* False: it does not start from these, as it should be. */
static bool
xcheck_start(struct xexplorer *x, struct xworld *w, const struct xcrash *c,
	     unsigned mask)
{
	static struct assembly a;
	bool force = false;

	if (!xworld_assemble(w, mask, &a)) {
		x->counts->waits++;
		if (mask == BOTH)
			xworld_fail(w, "R15", "no start with both members:"
				    " verdict %d", (int)a.verdict);
		if ((c->whole & mask) == 0)
			return false;
		if (!a.can_force)
			xworld_fail(w, "R15", "member %u cannot be started by"
				    " force", mask >> 1);
		force = true;
		x->counts->forced++;
	}
	x->counts->starts++;
	xworld_start(w, &a, mask, force);
	return true;
}

static void
xcheck_members(struct xexplorer *x, const struct xcrash *c, unsigned mask)
{
	struct xworld *w = &x->after[c->depth];
	size_t mark = x->pool.used;

	for (unsigned i = 0; i < XLEGS; i++)
		xdisk_copy(&w->disk[i], &c->disk[i]);
	w->oracle = c->oracle;
	xworld_trace(w, x->trace);
	w->now_ns = 1;
	w->randoms = 1000 * (c->depth + 1);
	w->io_count = 0;
	w->seq = 1u << 20; /* later than all that is in the caches */
	if (xcheck_start(x, w, c, mask)) {
		xcheck_read_all(w);
		if (c->faultless && mask == BOTH && xcheck_in_sync(w) != BOTH)
			xworld_fail(w, "I16", "a leg is out, and none failed");
		if (c->depth == 0 && mask == BOTH)
			xcheck_second(x, w, c);
		xcheck_read_all(w);
		raid_check(w->raid);
		if (c->depth == 0 && mask == BOTH)
			xcheck_stop(x, w);
		xworld_drop_engine(w);
	}
	x->pool.used = mark;
}

void
xcheck_crash(struct xexplorer *x, const struct xcrash *c)
{
	unsigned level = c->depth == 0 ? XPATH_START : XPATH_START2;

	for (unsigned mask = BOTH; mask > 0; mask--)
		if (xpath_enter(x, level, mask))
			xcheck_members(x, c, mask);
}
