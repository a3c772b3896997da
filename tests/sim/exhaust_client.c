/* SPDX-License-Identifier: MIT */
/*
 * Requests of a small world, and what the oracle is told of them.
 */
#include <string.h>

#include "check.h"
#include "exhaust_world.h"
#include "list.h"
#include "sim.h"

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
