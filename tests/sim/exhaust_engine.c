/* SPDX-License-Identifier: MIT */
/*
 * The engine's life in a small world: created, assembled, started, stopped.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "exhaust_world.h"
#include "rng.h"

void
xworld_drop_engine(struct xworld *w)
{
	w->raid = NULL;
	for (unsigned i = 0; i < XCLIENTS_MAX; i++)
		w->clients[i].busy = false;
}

static void
xworld_started_done(struct raid *r, int res, void *arg)
{
	struct xworld *w = arg;

	(void)r;
	w->started = true;
	w->start_res = res;
	trace_add(&w->trace, w->now_ns, TRACE_STARTED, NULL,
		  (uint64_t)(int64_t)res, 0, 0, 0);
}

static void
xworld_stopped_done(struct raid *r, int res, void *arg)
{
	struct xworld *w = arg;

	(void)r;
	w->stopped = true;
	w->stop_res = res;
	trace_add(&w->trace, w->now_ns, TRACE_STOPPED, NULL,
		  (uint64_t)(int64_t)res, 0, 0, 0);
}

static void
xworld_begin_engine(struct xworld *w, const struct raid_config *cfg)
{
	size_t bytes = raid_bytes(cfg);

	if (w->memory == NULL) {
		w->memory_bytes = (bytes + 4095) / 4096 * 4096;
		w->memory = aligned_alloc(4096, w->memory_bytes);
		CHECK(w->memory != NULL);
		memset(w->memory, 0xa5, w->memory_bytes);
	}
	CHECK(bytes <= w->memory_bytes);
	memset(w->memory, 0, raid_zeroed_bytes(cfg));
	w->started = false;
	w->stopped = false;
	w->ops_count = 0;
	w->steps = 0;
	w->now_ns += 1000000000;
	CHECK(raid_init(&w->raid, cfg, &w->io, w->memory,
			w->memory_bytes) == 0);
	raid_start(w->raid, xworld_started_done, w);
	w->called = true;
}

static void
xworld_run_to_service(struct xworld *w)
{
	while (!w->started)
		if (!xworld_step(w, XORDER_ALL))
			xworld_fail(w, "I30", "the start never ends");
	if (w->start_res != 0)
		xworld_fail(w, "I17", "raid_start: %d", w->start_res);
	xoracle_all_durable(&w->oracle);
}

static void
xworld_fill_leg(const struct xworld *w, unsigned i, struct raid_leg_config *leg)
{
	*leg = (struct raid_leg_config){
		.present = w->present[i],
		.sector_bytes = 512,
		.bytes = xshape.member_bytes,
	};
	memcpy(leg->member_uuid, xshape.member_uuid[i], 16);
}

void
xworld_create(struct xworld *w)
{
	static struct sb sb;
	struct raid_leg_config legs[XLEGS];
	struct raid_config cfg = {
		.sb = &sb,
		.create = true,
		.legs = legs,
		.limits = xshape.limits,
		.wall_s = 1000000000,
	};

	sb = (struct sb){
		.name = "sim",
		.created_s = 1,
		.geometry = xshape.geometry,
		.layout = xshape.layout,
	};
	memcpy(sb.array_uuid, xshape.array_uuid, 16);
	w->now_ns = 0;
	w->randoms = 0;
	w->seq = 0;
	w->io_count = 0;
	xoracle_init(&w->oracle);
	for (unsigned i = 0; i < XLEGS; i++) {
		memcpy(sb_place(&sb, 0, i)->member_uuid,
		       xshape.member_uuid[i], 16);
		xdisk_init(&w->disk[i], w->pool);
		w->present[i] = w->in_sync[i] = true;
		w->out[i] = false;
		xworld_fill_leg(w, i, &legs[i]);
	}
	sb_create(&sb, 4711);
	trace_add(&w->trace, w->now_ns, TRACE_CREATE, NULL, 0, 0, 0, 0);
	xworld_begin_engine(w, &cfg);
	xworld_run_to_service(w);
}

/* What the daemon finds on a member: the newest of four copies. */
struct xfound {
	uint64_t hash;
	int chosen;
	struct sb_copy copies[4];
};

/* Superblocks are large, and few different ones are met. */
#define XFOUND_MEMORY 64u

static struct xfound xfound_memory[XLEGS][XFOUND_MEMORY];
static const struct xfound *xfound[XLEGS];

static void
xworld_scan(struct xworld *w, unsigned leg)
{
	static uint8_t buf[SB_BYTES];
	const struct xdisk *d = &w->disk[leg];
	uint64_t hash = 0;
	struct xfound *f;
	int res;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t at = sb_offset(xshape.member_bytes, i / 2, i % 2);

		for (unsigned p = 0; p < SB_BYTES / XPAGE_BYTES; p++)
			hash = rng_mix(hash + xpage_hash(
				d->view[at / XPAGE_BYTES + p]));
	}
	f = &xfound_memory[leg][hash % XFOUND_MEMORY];
	xfound[leg] = f;
	if (f->hash == hash)
		return;
	f->hash = hash;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t at = sb_offset(xshape.member_bytes, i / 2, i % 2);

		xdisk_read(d, at, SB_BYTES, buf);
		f->copies[i].res = sb_decode(buf, at, &f->copies[i].sb);
	}
	f->chosen = sb_choose(f->copies, &res);
}

bool
xworld_takes(const struct assembly *a, unsigned leg)
{
	const struct xfound *f = xfound[a->freshest];

	return a->place[leg] >= 0 &&
	       sb_place_const(&f->copies[f->chosen].sb, 0, leg)->state ==
		       LEG_IN_SYNC;
}

bool
xworld_assemble(struct xworld *w, unsigned mask, struct assembly *out)
{
	const struct sb *sbs[XLEGS];
	unsigned index[XLEGS], count = 0;

	for (unsigned i = 0; i < XLEGS; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		xworld_scan(w, i);
		if (xfound[i]->chosen < 0)
			xworld_fail(w, "I17", "leg %u: no superblock is whole",
				    i);
		index[count] = i;
		sbs[count++] = &xfound[i]->copies[xfound[i]->chosen].sb;
	}
	assemble(sbs, count, out);
	for (unsigned p = 0; p < SB_PLACES_MAX; p++)
		if (out->place[p] >= 0)
			out->place[p] = (int)index[out->place[p]];
	out->freshest = index[out->freshest];
	trace_add(&w->trace, w->now_ns, TRACE_ASSEMBLE, NULL, out->verdict,
		  mask, out->freshest, 0);
	return out->verdict == ASSEMBLE_START;
}

void
xworld_start(struct xworld *w, const struct assembly *a, unsigned mask,
	     bool force)
{
	const struct xfound *f;
	struct raid_leg_config legs[XLEGS];
	struct raid_config cfg = {
		.force = force,
		.legs = legs,
		.limits = xshape.limits,
		.wall_s = 1000000000,
	};

	for (unsigned i = 0; i < XLEGS; i++)
		if ((mask >> i & 1) != 0)
			xworld_scan(w, i); /* others were in between */
	f = xfound[a->freshest];
	cfg.sb = &f->copies[f->chosen].sb;
	for (unsigned i = 0; i < XLEGS; i++) {
		const struct xfound *own = xfound[i];

		w->present[i] = a->place[i] >= 0;
		w->in_sync[i] = xworld_takes(a, i);
		w->out[i] = !w->in_sync[i];
		xworld_fill_leg(w, i, &legs[i]);
		if (!w->present[i])
			continue;
		legs[i].sb_sequence = own->copies[own->chosen].sb.sequence;
		legs[i].sb_slot = (uint8_t)(own->chosen % 2);
	}
	trace_add(&w->trace, w->now_ns, TRACE_START, NULL,
		  cfg.sb->history[0].number, mask, force, 0);
	xworld_begin_engine(w, &cfg);
	xworld_run_to_service(w);
}

void
xworld_stop(struct xworld *w)
{
	trace_add(&w->trace, w->now_ns, TRACE_STOP, NULL, 0, 0, 0, 0);
	raid_stop(w->raid, xworld_stopped_done, w);
	w->called = true;
}
