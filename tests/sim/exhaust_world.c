/* SPDX-License-Identifier: MIT */
#include "exhaust_world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "list.h"
#include "rng.h"
#include "sim.h"

/* Steps of one engine: more is a live-lock (I30, I32). */
#define STEPS_MAX 20000u
#define STEP_NS   1000u

struct xshape xshape;

/* What the trace needs to know of a simulation. */
static struct sim xshape_sim;

void
xshape_init(bool far)
{
	struct xshape *sh = &xshape;

	/* As small as the engine takes it: two regions of one unit each. */
	*sh = (struct xshape){
		.geometry = {
			.sets = 1,
			.legs = XLEGS,
			.chunk_bytes = CHUNK_BYTES_MIN,
			.block_bytes = 512,
			.region_blocks = REGION_BLOCKS_MIN,
		},
		.member_bytes = (1024u + 2 * 64 + 64) << 10,
		.limits = {.parts_max = 8, .sums_max = XSUMS_MAX,
			   .dirty_units_max = 2},
		.block_at = {0, XPAGE_BYTES},
	};
	if (far)
		sh->block_at[1] = REGION_BLOCKS_MIN * XPAGE_BYTES;
	CHECK(layout_compute(&sh->geometry, sh->member_bytes,
			     JOURNAL_BYTES_MIN, &sh->layout) == 0);
	CHECK(sh->member_bytes <= XDISK_PAGES_MAX * XPAGE_BYTES);
	xshape_sim.options.geometry = sh->geometry;
	xshape_sim.options.member_bytes = sh->member_bytes;
	xshape_sim.layout = sh->layout;
	memset(sh->array_uuid, 0xa1, sizeof(sh->array_uuid));
	for (unsigned i = 0; i < XLEGS; i++)
		memset(sh->member_uuid[i], (int)(0xb0 + i), 16);
}

const char *
xshape_area(uint32_t page)
{
	const struct layout *l = &xshape.layout;
	uint64_t offset = (uint64_t)page * XPAGE_BYTES;

	if (offset < l->journal_offset ||
	    offset >= l->data_offset + l->data_bytes)
		return "superblock";
	if (offset < l->map_offset[0])
		return "journal";
	if (offset < l->sums_offset)
		return "map";
	return offset < l->data_offset ? "sums" : "data";
}

uint64_t
xshape_hash_superblocks(const struct xdisk *d)
{
	uint64_t hash = 1;

	for (uint32_t i = 0; i < xshape.member_bytes / XPAGE_BYTES; i++)
		if (strcmp(xshape_area(i), "superblock") == 0)
			hash = rng_mix(hash + xpage_hash(d->media[i]) +
				       3 * xpage_hash(d->view[i]));
	for (unsigned i = 0; i < d->cached_count; i++)
		if (strcmp(xshape_area(d->cached[i].page), "superblock") == 0)
			hash = rng_mix(hash + xwrite_hash(&d->cached[i]));
	return hash;
}

void
xworld_fail(struct xworld *w, const char *invariant, const char *format, ...)
{
	va_list args;

	if (!w->trace.print)
		printf("...\n");
	trace_print_tail(&w->trace, stdout);
	printf("FAILED: %s: ", invariant);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	exit(1);
}

static bool
xop_is_data(const struct io_req *req)
{
	const struct layout *l = &xshape.layout;

	return req->op != IO_FLUSH &&
	       req->offset - l->data_offset < l->data_bytes;
}

static void
xworld_check_submit(struct xworld *w, const struct io_req *req)
{
	if (req->member >= XLEGS || !w->present[req->member])
		xworld_fail(w, "R15", "I/O to member %u, which is absent",
			    req->member);
	if (req->op == IO_FLUSH)
		return;
	if (req->length == 0 || req->offset % 512 != 0 ||
	    req->length % 512 != 0 ||
	    req->offset + req->length > xshape.member_bytes)
		xworld_fail(w, "seam", "bad range %llu+%llu",
			    (unsigned long long)req->offset,
			    (unsigned long long)req->length);
	/* exhaust_check.c takes it for granted. */
	if (w->out[req->member] && strcmp(xshape_area((uint32_t)(req->offset /
					XPAGE_BYTES)), "superblock") != 0)
		xworld_fail(w, "I11", "leg %u is used, which was out at the"
			    " start", req->member);
	if (xop_is_data(req) && req->op != IO_DISCARD &&
	    sb_place_const(raid_superblock(w->raid), 0, req->member)->state !=
		    LEG_IN_SYNC)
		xworld_fail(w, "I11", "data of leg %u, which is not in-sync",
			    req->member);
	if (req->op != IO_WRITE)
		return;
	for (unsigned i = 0; i < w->ops_count; i++) {
		const struct io_req *o = w->ops[i].req;

		if (o->op == IO_WRITE && o->member == req->member &&
		    o->offset < req->offset + req->length &&
		    req->offset < o->offset + o->length)
			xworld_fail(w, "R9", "leg %u: two writes in flight at"
				    " %llu", req->member,
				    (unsigned long long)req->offset);
	}
}

/* Members discard as they like: the bytes are gone at once, for noise. */
static void
xop_make_discard(struct xworld *w, struct xop *op)
{
	static uint8_t noise[XWRITE_PAGES_MAX * XPAGE_BYTES];

	memset(noise, 0xd1, sizeof(noise));
	xwrite_make(&op->write, w->pool, op->req->offset, op->req->length,
		    noise);
	op->write.firm = true;
}

static bool
xworld_draw_fault(struct xworld *w, const struct io_req *req)
{
	if (!w->fault_armed || req->member != w->fault.leg)
		return false;
	if (w->fault.kind == XFAULT_LANDED && req->op == IO_READ)
		return false; /* would be the same as XFAULT_LOST */
	if (w->fault_seen++ == w->fault.at)
		w->fault_hit = true;
	else
		return w->fault_hit && w->fault.kind == XFAULT_GONE;
	return true;
}

static void
xworld_trace_submit(struct xworld *w, const struct io_req *req)
{
	static const enum trace_kind kinds[] = {
		[IO_READ] = TRACE_IO_READ,
		[IO_WRITE] = TRACE_IO_WRITE,
		[IO_FLUSH] = TRACE_IO_FLUSH,
		[IO_DISCARD] = TRACE_IO_DISCARD,
	};

	trace_add(&w->trace, w->now_ns,
		  req->op == IO_WRITE && req->fua ? TRACE_IO_FUA :
						    kinds[req->op],
		  req->op == IO_FLUSH ? NULL :
			xshape_area((uint32_t)(req->offset / XPAGE_BYTES)),
		  w->io_count, req->member, req->offset, req->length);
}

static void
xworld_submit(struct io *io, struct io_req *req)
{
	struct xworld *w = (struct xworld *)io;
	struct xop *op = &w->ops[w->ops_count];

	xworld_check_submit(w, req);
	CHECK(w->ops_count < XOPS_MAX);
	op->req = req;
	op->submit_seq = ++w->seq;
	op->fails = xworld_draw_fault(w, req);
	op->write.pages = 0;
	op->write.firm = req->op == IO_WRITE && req->fua;
	op->write.tears = xop_is_data(req);
	if (req->op == IO_WRITE)
		xwrite_make(&op->write, w->pool, req->offset, req->length,
			    req->buf);
	else if (req->op == IO_DISCARD)
		xop_make_discard(w, op);
	req->priv = ++w->io_count;
	xworld_trace_submit(w, req);
	w->ops_count++;
}

static uint64_t
xworld_now(const struct io *io)
{
	return ((const struct xworld *)io)->now_ns;
}

static uint64_t
xworld_random(struct io *io)
{
	return rng_mix(++((struct xworld *)io)->randoms + 1000);
}

static void
xworld_note(struct io *io, const struct raid_note *note)
{
	struct xworld *w = (struct xworld *)io;

	w->notes[note->kind]++;
	trace_add(&w->trace, w->now_ns, TRACE_NOTE, note_word(note->kind),
		  note->set, note->leg, (uint64_t)(int64_t)note->err, note->a);
}

static void
xop_effect(struct xworld *w, struct xop *op)
{
	struct xdisk *d = &w->disk[op->req->member];

	switch (op->req->op) {
	case IO_READ:
		xdisk_read(d, op->req->offset, op->req->length, op->req->buf);
		break;
	case IO_WRITE:
	case IO_DISCARD:
		op->write.done_seq = ++w->seq;
		xdisk_write(d, &op->write, w->pool);
		break;
	case IO_FLUSH:
		xdisk_flush(d, op->submit_seq, w->pool);
		break;
	}
}

static void
xop_effect_of_failure(struct xworld *w, struct xop *op)
{
	if (w->fault.kind == XFAULT_LANDED) {
		xop_effect(w, op);
	} else if (w->fault.kind == XFAULT_LOST && op->req->op == IO_FLUSH) {
		xdisk_forget(&w->disk[op->req->member], op->submit_seq,
			     w->pool);
		w->forgot = true;
	}
	if (op->req->op == IO_READ)
		memset(op->req->buf, 0xee, op->req->length);
}

static void
xworld_complete(struct xworld *w, unsigned index)
{
	static const char *const words[] = {
		[IO_READ] = "read",
		[IO_WRITE] = "write",
		[IO_FLUSH] = "flush",
		[IO_DISCARD] = "discard",
	};
	struct xop op = w->ops[index];
	struct io_req *req = op.req;

	if (w->careful && req->op == IO_WRITE &&
	    !xwrite_is(&op.write, req->buf))
		xworld_fail(w, "R8", "buffer of I/O %llu changed in flight",
			    (unsigned long long)req->priv);
	w->ops_count--;
	memmove(&w->ops[index], &w->ops[index + 1],
		(w->ops_count - index) * sizeof(op));
	if (op.fails)
		xop_effect_of_failure(w, &op);
	else
		xop_effect(w, &op);
	req->res = op.fails ? -EIO : 0;
	trace_add(&w->trace, w->now_ns, TRACE_DONE, words[req->op], req->priv,
		  req->member, (uint64_t)(int64_t)req->res, 0);
	req->done(req);
}

/* The I/O that is next by this order. */
static unsigned
xworld_pick(const struct xworld *w, enum xorder order)
{
	if (order == XORDER_LAST)
		return w->ops_count - 1;
	if (order == XORDER_LEG0 || order == XORDER_LEG1)
		for (unsigned i = 0; i < w->ops_count; i++)
			if (w->ops[i].req->member == order - XORDER_LEG0)
				return i;
	return 0;
}

bool
xworld_step(struct xworld *w, enum xorder order)
{
	if (++w->steps > STEPS_MAX)
		xworld_fail(w, "I30", "no end: %u requests, %u I/O",
			    xworld_busy(w), w->ops_count);
	if (!w->called && w->ops_count == 0) {
		uint64_t due = raid_deadline(w->raid);

		if (due == UINT64_MAX)
			return false;
		if (due > w->now_ns)
			w->now_ns = due;
	} else if (!w->called) {
		unsigned count = order == XORDER_ALL ? w->ops_count : 1;

		w->now_ns += STEP_NS;
		while (count-- > 0)
			xworld_complete(w, xworld_pick(w, order));
	}
	w->called = false;
	raid_tick(w->raid);
	return true;
}

void
xworld_init(struct xworld *w, struct xpool *pool)
{
	static const struct io_ops ops = {
		.name = "exhaust",
		.submit = xworld_submit,
		.now = xworld_now,
		.random = xworld_random,
		.note = xworld_note,
	};

	memset(w, 0, sizeof(*w));
	w->io.ops = &ops;
	w->pool = pool;
	for (unsigned i = 0; i < XCLIENTS_MAX; i++) {
		w->clients[i].world = w;
		w->clients[i].buf = aligned_alloc(XPAGE_BYTES,
						  2 * XPAGE_BYTES);
		CHECK(w->clients[i].buf != NULL);
	}
}

void
xworld_trace(struct xworld *w, bool print)
{
	w->trace = (struct trace){.print = print, .sim = &xshape_sim};
}

void
xworld_arm(struct xworld *w, const struct xfault *fault)
{
	w->fault = *fault;
	w->fault_armed = fault->kind != XFAULT_NONE;
	w->fault_hit = false;
	w->forgot = false;
	w->fault_seen = 0;
}

void
xworld_finish_superblocks(struct xworld *w)
{
	unsigned i = 0;

	while (i < w->ops_count) {
		const struct xwrite *write = &w->ops[i].write;

		if (write->pages == SB_BYTES / XPAGE_BYTES &&
		    strcmp(xshape_area(write->page), "superblock") == 0)
			xworld_complete(w, i);
		else
			i++;
	}
	raid_tick(w->raid);
}
