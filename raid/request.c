/* SPDX-License-Identifier: MIT */
/*
 * Requests: split at chunk ends into parts, joined again.  Requests are
 * split in the order they came; when no part is free the rest waits.
 */
#include <errno.h>

#include "set.h"

/* What is left to split of a READ, WRITE, MAP, or of ZEROES' edges. */
struct piece {
	uint32_t set;
	uint64_t set_offset;
	uint64_t length;
};

static void
request_finish(struct raid *r, struct raid_req *req)
{
	struct raid_counters *c = &r->counters;

	r->requests--;
	if (req->res == -EAGAIN) { /* it is asked again (R10) */
		req->done(req);
		return;
	}
	c->errors += req->res < 0;
	switch (req->op) {
	case RAID_READ:
		c->reads++;
		c->read_bytes += req->length;
		break;
	case RAID_WRITE:
		c->writes++;
		c->write_bytes += req->length;
		break;
	case RAID_FLUSH:
		c->flushes++;
		break;
	case RAID_DISCARD:
	case RAID_ZEROES:
		c->discards++;
		break;
	case RAID_MAP:
		break;
	}
	req->done(req);
}

void
request_part_done(struct raid *r, struct raid_req *req, int res)
{
	if (res < 0 && req->res == 0)
		req->res = res;
	CHECK(req->parts > 0);
	if (--req->parts == 0)
		request_finish(r, req);
}

/* The next bytes at array offset that one part can take. */
static struct piece
request_piece(const struct raid *r, uint64_t offset, uint64_t left)
{
	uint64_t chunk = r->sb.geometry.chunk_bytes;
	uint64_t room = chunk - offset % chunk;
	uint64_t edge = offset % BLOCK_BYTES;
	struct piece piece = {.length = left < room ? left : room};

	if (edge != 0 && piece.length > BLOCK_BYTES - edge)
		piece.length = BLOCK_BYTES - edge;
	else if (edge == 0 && piece.length > BLOCK_BYTES)
		piece.length -= piece.length % BLOCK_BYTES;
	layout_locate(&r->sb.geometry, offset, &piece.set, &piece.set_offset);
	return piece;
}

static void
request_start_part(struct raid *r, struct raid_req *req, struct part *p,
		   enum part_kind kind, uint32_t set)
{
	p->req = req;
	p->set = &r->sets[set];
	p->kind = kind;
	p->fua = (req->flags & RAID_FUA) != 0;
	req->parts++;
	part_start(p);
}

/* One piece of data at the cursor. */
static void
request_split_piece(struct raid *r, struct raid_req *req, struct part *p,
		    uint64_t left)
{
	uint64_t offset = req->offset + req->cursor;
	struct piece piece = request_piece(r, offset, left);
	enum part_kind kind = PART_WRITE;

	p->block = piece.set_offset / BLOCK_BYTES;
	p->skip = (uint32_t)(piece.set_offset % BLOCK_BYTES);
	p->bytes = (uint32_t)piece.length;
	p->count = (p->skip + piece.length + BLOCK_BYTES - 1) / BLOCK_BYTES;
	if (req->op == RAID_READ || req->op == RAID_WRITE) {
		p->data = (uint8_t *)req->buf + req->cursor;
	} else if (req->op == RAID_MAP) {
		p->data = (uint8_t *)req->buf +
			  (offset / BLOCK_BYTES - req->offset / BLOCK_BYTES);
	}
	if (req->op == RAID_READ)
		kind = PART_READ;
	else if (req->op == RAID_MAP)
		kind = PART_MAP;
	req->cursor += piece.length;
	request_start_part(r, req, p, kind, piece.set);
}

/* False: no part is free. */
static bool
request_split_data(struct raid *r, struct raid_req *req, uint64_t end)
{
	while (req->cursor < end) {
		struct part *p = part_take(r);

		if (!p)
			return false;
		request_split_piece(r, req, p, end - req->cursor);
	}
	return true;
}

static bool
request_split_flush(struct raid *r, struct raid_req *req)
{
	for (; req->stage < r->sb.geometry.sets; req->stage++) {
		if (PLANTED(FLUSH_OF_ONE_SET) && req->stage > 0)
			continue;
		struct part *p = part_take(r);

		if (!p)
			return false;
		request_start_part(r, req, p, PART_FLUSH, req->stage);
	}
	return true;
}

/* The stretch of a set that array bytes [begin, end) cover: one, since the
 * chunks of a set follow each other.  False: none. */
static bool
request_stretch(const struct raid *r, uint32_t set, uint64_t begin,
		uint64_t end, uint64_t *from, uint64_t *to)
{
	uint64_t chunk = r->sb.geometry.chunk_bytes;
	uint64_t sets = r->sb.geometry.sets;
	uint64_t first = begin / chunk;
	uint64_t last = (end - 1) / chunk;
	uint64_t f = first + (set + sets - first % sets) % sets;

	if (f > last)
		return false;
	uint64_t l = last - (last % sets + sets - set) % sets;

	*from = f / sets * chunk + (f == first ? begin % chunk : 0);
	*to = l / sets * chunk + (l == last ? (end - 1) % chunk + 1 : chunk);
	return true;
}

static bool
request_split_unwritten(struct raid *r, struct raid_req *req, uint64_t begin,
			uint64_t end)
{
	for (; req->stage < r->sb.geometry.sets; req->stage++) {
		uint64_t from;
		uint64_t to;
		struct part *p;

		if (!request_stretch(r, req->stage, begin, end, &from, &to))
			continue;
		p = part_take(r);
		if (!p)
			return false;
		p->block = from / BLOCK_BYTES;
		p->count = (to - from) / BLOCK_BYTES;
		request_start_part(r, req, p, PART_UNWRITTEN, req->stage);
	}
	return true;
}

/* DISCARD rounds inwards; ZEROES writes its edges (A18). */
static bool
request_split_hole(struct raid *r, struct raid_req *req)
{
	uint64_t end = req->offset + req->length;
	uint64_t inner =
		(req->offset + BLOCK_BYTES - 1) & ~(BLOCK_BYTES - 1ull);
	uint64_t inner_end = end & ~(BLOCK_BYTES - 1ull);
	bool edges = req->op == RAID_ZEROES;

	if (PLANTED(DISCARD_ROUNDS_OUT) && !edges) {
		inner = req->offset & ~(BLOCK_BYTES - 1ull);
		inner_end = (end + BLOCK_BYTES - 1) & ~(BLOCK_BYTES - 1ull);
	}
	if (inner >= inner_end)
		return !edges || request_split_data(r, req, req->length);
	if (edges && req->cursor < inner - req->offset &&
	    !request_split_data(r, req, inner - req->offset))
		return false;
	if (!request_split_unwritten(r, req, inner, inner_end))
		return false;
	if (!edges)
		return true;
	if (req->cursor < inner_end - req->offset)
		req->cursor = inner_end - req->offset;
	return request_split_data(r, req, req->length);
}

static bool
request_split(struct raid *r, struct raid_req *req)
{
	switch (req->op) {
	case RAID_FLUSH:
		return request_split_flush(r, req);
	case RAID_DISCARD:
		return request_split_hole(r, req);
	case RAID_ZEROES:
		if (req->flags & RAID_NO_HOLE)
			return request_split_data(r, req, req->length);
		return request_split_hole(r, req);
	case RAID_READ:
	case RAID_WRITE:
	case RAID_MAP:
		return request_split_data(r, req, req->length);
	}
	CHECK(false);
}

void
request_tick(struct raid *r)
{
	while (r->queue_head) {
		struct raid_req *req = r->queue_head;

		if (!req->split_done && !request_split(r, req))
			return;
		r->queue_head = req->next;
		if (!r->queue_head)
			r->queue_tail = NULL;
		req->split_done = true;
		/* The one taken in raid_submit. */
		request_part_done(r, req, 0);
	}
}

void
raid_submit(struct raid *r, struct raid_req *req)
{
	req->res = 0;
	req->held = 0;
	req->next = NULL;
	req->cursor = 0;
	req->stage = 0;
	req->parts = 1; /* until it is split */
	req->split_done = false;
	if (req->op != RAID_FLUSH) {
		CHECK(req->length > 0);
		CHECK(req->offset < r->bytes);
		CHECK(req->length <= r->bytes - req->offset);
	}
	if (req->op == RAID_READ || req->op == RAID_WRITE) {
		CHECK(req->length <= RAID_REQ_MAX);
		CHECK((uintptr_t)req->buf % BLOCK_BYTES ==
		      req->offset % BLOCK_BYTES);
	}
	if (r->phase != PHASE_SERVING) {
		req->res = -ESHUTDOWN;
		req->split_done = true;
	} else if (r->salvage && req->op != RAID_READ && req->op != RAID_MAP &&
		   !PLANTED(SALVAGE_WRITES)) {
		req->res = req->op == RAID_FLUSH ? 0 : -EROFS;
		req->split_done = true;
	}
	if (r->queue_tail)
		r->queue_tail->next = req;
	else
		r->queue_head = req;
	r->queue_tail = req;
	r->requests++;
}
