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

#define MEMORY_PAGE 4096u
/* Starts whose memory is looked at: the first so many, and each so many. */
#define LOOK_FIRST 64u
#define LOOK_EVERY 64u

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
		.limits = {.parts_max = 8, .sums_max = 64,
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
	if (w->fault.kind == XFAULT_LANDED)
		xop_effect(w, op);
	else if (w->fault.kind == XFAULT_LOST && op->req->op == IO_FLUSH)
		xdisk_forget(&w->disk[op->req->member], op->submit_seq,
			     w->pool);
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

static bool
xworld_is_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, MEMORY_PAGE - 1) == 0;
}

/*
 * The engine is given zeros.  Most of its memory it never touches in so small
 * a scope, and filling all of it would take a third of the time: so those
 * pages are cleared that were ever found to be used, and all of them are
 * looked at now and then.
 */
static void
xworld_clear_memory(struct xworld *w)
{
	bool look = w->clears < LOOK_FIRST || w->clears % LOOK_EVERY == 0;

	w->clears++;
	for (size_t i = 0; i < w->memory_bytes / MEMORY_PAGE; i++) {
		uint8_t *page = (uint8_t *)w->memory + i * MEMORY_PAGE;

		if (look && !w->used[i])
			w->used[i] = !xworld_is_zero(page);
		if (w->used[i])
			memset(page, 0, MEMORY_PAGE);
	}
}

static void
xworld_begin_engine(struct xworld *w, const struct raid_config *cfg)
{
	size_t bytes = raid_bytes(cfg);

	if (w->memory == NULL) {
		w->memory_bytes = (bytes + 4095) / 4096 * 4096;
		w->memory = aligned_alloc(4096, w->memory_bytes);
		w->used = malloc(w->memory_bytes / MEMORY_PAGE);
		CHECK(w->memory != NULL && w->used != NULL);
		memset(w->memory, 0, w->memory_bytes);
		memset(w->used, 0, w->memory_bytes / MEMORY_PAGE);
	}
	CHECK(bytes <= w->memory_bytes);
	xworld_clear_memory(w);
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
xworld_trace(struct xworld *w, bool print)
{
	w->trace = (struct trace){.print = print, .sim = &xshape_sim};
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
	const struct xfound *f = xfound[a->freshest];
	struct raid_leg_config legs[XLEGS];
	struct raid_config cfg = {
		.sb = &f->copies[f->chosen].sb,
		.force = force,
		.legs = legs,
		.limits = xshape.limits,
		.wall_s = 1000000000,
	};

	for (unsigned i = 0; i < XLEGS; i++) {
		const struct xfound *own = xfound[i];

		w->present[i] = a->place[i] >= 0;
		w->in_sync[i] = w->present[i] &&
				sb_place_const(cfg.sb, 0, i)->state ==
					LEG_IN_SYNC;
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
xworld_arm(struct xworld *w, const struct xfault *fault)
{
	w->fault = *fault;
	w->fault_armed = fault->kind != XFAULT_NONE;
	w->fault_hit = false;
	w->fault_seen = 0;
}

static void
xclient_read_done(struct xworld *w, struct xclient *c)
{
	const struct xrequest *r = &c->request;
	const char *wrong = xoracle_answered(&w->oracle, c->read, r->sector,
					     r->sectors, c->buf);

	if (wrong != NULL)
		xworld_fail(w, w->oracle.crashed != 0 ? "I1-I5" : "I4", "%s",
			    wrong);
}

static void
xclient_done(struct raid_req *req)
{
	struct xclient *c = container_of(req, struct xclient, req);
	struct xworld *w = c->world;

	trace_add(&w->trace, w->now_ns, TRACE_ANSWER, NULL,
		  (uint64_t)(c - w->clients), (uint64_t)(int64_t)req->res, 0,
		  0);
	if (!c->busy)
		xworld_fail(w, "seam", "answered twice");
	c->busy = false;
	if (req->res != 0)
		xworld_fail(w, "I8", "op %d answered %d", (int)req->op,
			    req->res);
	if (c->request.aside)
		return;
	if (req->op == RAID_READ)
		xclient_read_done(w, c);
	else if (req->op == RAID_FLUSH)
		xoracle_flushed(&w->oracle, c->sent);
	else
		xoracle_changed(&w->oracle, c->change);
	/* What is written into it from now on shows in a later read (I21). */
	memset(c->buf, 0xcc, req->buf != NULL ? req->length : 0);
}

static void
xclient_tell_oracle(struct xworld *w, struct xclient *c)
{
	const struct xrequest *r = &c->request;
	bool zeros = r->op != RAID_WRITE;
	bool hole = r->op == RAID_DISCARD ||
		    (r->op == RAID_ZEROES && (r->flags & RAID_NO_HOLE) == 0);

	if (r->aside) {
		memset(c->buf, 0x3a, r->sectors * XORACLE_SECTOR);
	} else if (r->op == RAID_READ) {
		c->read = xoracle_read(&w->oracle);
	} else if (r->op == RAID_FLUSH) {
		c->sent = xoracle_sent(&w->oracle);
	} else {
		c->change = xoracle_change(&w->oracle, r->sector, r->sectors,
					   zeros,
					   hole || (r->flags & RAID_FUA) != 0);
		if (r->op == RAID_WRITE)
			xoracle_fill(c->change, r->sector, r->sectors, c->buf);
	}
}

struct xclient *
xworld_send(struct xworld *w, const struct xrequest *r)
{
	static const enum trace_kind kinds[] = {
		TRACE_READ, TRACE_WRITE, TRACE_FLUSH,
		TRACE_DISCARD, TRACE_ZEROES, TRACE_MAP,
	};
	struct xclient *c = w->clients;
	uint32_t skip = r->sector % XORACLE_BLOCK * XORACLE_SECTOR;

	while (c->busy)
		c++;
	CHECK(c < w->clients + XCLIENTS_MAX);
	c->request = *r;
	c->busy = true;
	xclient_tell_oracle(w, c);
	c->req = (struct raid_req){
		.op = r->op,
		.flags = r->flags,
		.length = r->sectors * XORACLE_SECTOR,
		.done = xclient_done,
	};
	if (r->aside)
		c->req.offset = (uint64_t)r->sector * XORACLE_SECTOR;
	else if (r->op != RAID_FLUSH)
		c->req.offset = xshape.block_at[r->sector / XORACLE_BLOCK] +
				skip;
	if (r->op == RAID_READ || r->op == RAID_WRITE) {
		/* Where in its page, the engine asks for. */
		if (r->op == RAID_WRITE && skip != 0)
			memmove(c->buf + skip, c->buf, c->req.length);
		c->req.buf = c->buf + skip;
	}
	trace_add(&w->trace, w->now_ns, kinds[r->op], NULL,
		  (uint64_t)(c - w->clients), c->req.offset, c->req.length,
		  CLIENT_NO_OP << 8 | r->flags);
	raid_submit(w->raid, &c->req);
	w->called = true;
	return c;
}

unsigned
xworld_busy(const struct xworld *w)
{
	unsigned busy = 0;

	for (unsigned i = 0; i < XCLIENTS_MAX; i++)
		busy += w->clients[i].busy;
	return busy;
}

void
xworld_do(struct xworld *w, const struct xrequest *r, enum xorder order)
{
	struct xclient *c = xworld_send(w, r);

	while (c->busy)
		if (!xworld_step(w, order))
			xworld_fail(w, "I30", "a request is never answered");
}

void
xworld_stop(struct xworld *w)
{
	trace_add(&w->trace, w->now_ns, TRACE_STOP, NULL, 0, 0, 0, 0);
	raid_stop(w->raid, xworld_stopped_done, w);
	w->called = true;
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
