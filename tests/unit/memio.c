/* SPDX-License-Identifier: MIT */
#include "memio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "support.h"

#define TURNS_MAX 100000u

static struct memio *
memio_of(const struct io *io)
{
	return container_of(io, struct memio, io);
}

static void
memio_append(struct memio *m, struct io_req *req)
{
	req->next = NULL;
	*m->queue_end = req;
	m->queue_end = &req->next;
}

static void
memio_submit(struct io *io, struct io_req *req)
{
	struct memio *m = memio_of(io);

	CHECK(req->member < MEMIO_MEMBERS_MAX && m->bytes[req->member]);
	CHECK(req->offset % m->sb.geometry.block_bytes == 0);
	CHECK(req->length % m->sb.geometry.block_bytes == 0);
	CHECK(req->offset <= m->member_bytes);
	CHECK(req->length <= m->member_bytes - req->offset);
	CHECK(!m->salvage || req->op == IO_READ);
	req->priv = 0;
	memio_append(m, req);
}

static uint64_t
memio_now(const struct io *io)
{
	return memio_of(io)->now_ns;
}

static uint64_t
memio_random(struct io *io)
{
	return support_random(&memio_of(io)->random);
}

static void
memio_note(struct io *io, const struct raid_note *note)
{
	struct memio *m = memio_of(io);

	m->notes[note->kind]++;
	m->last[note->kind] = *note;
}

static const struct io_ops memio_ops = {
	.name = "memory",
	.submit = memio_submit,
	.now = memio_now,
	.random = memio_random,
	.note = memio_note,
};

static int
memio_gate(struct memio *m, const struct io_req *req)
{
	for (unsigned i = 0; i < ARRAY_SIZE(m->gates); i++) {
		struct memio_gate *g = &m->gates[i];

		if (g->res == 0 || !(g->members >> req->member & 1) ||
		    g->op != req->op ||
		    (g->op != IO_FLUSH && g->area != memio_area(m, req)))
			continue;
		if (g->passes > 0) {
			g->passes--;
			continue;
		}
		g->hits++;
		return g->res;
	}
	return 0;
}

static void
memio_complete(struct memio *m, struct io_req *req)
{
	uint8_t *at = m->bytes[req->member] + req->offset;

	/* Asked once: what was held ends as memio_release_some() said. */
	if (req->priv)
		req->res = -(int)(req->priv - 1);
	else
		req->res = m->hook ? m->hook(m, req) : 0;
	if (req->res == 0 && !req->priv)
		req->res = memio_gate(m, req);
	if (req->res == MEMIO_HOLD) {
		req->priv = 1;
		req->next = m->held;
		m->held = req;
		return;
	}
	if (req->res == 0 && req->op == IO_READ)
		memcpy(req->buf, at, req->length);
	else if (req->res == 0 && req->op == IO_WRITE)
		memcpy(at, req->buf, req->length);
	m->discards += req->op == IO_DISCARD;
	req->done(req);
}

void
memio_turn(struct memio *m)
{
	for (unsigned i = 0; i < TURNS_MAX; i++) {
		struct io_req *req = m->queue;

		m->queue = NULL;
		m->queue_end = &m->queue;
		while (req) {
			struct io_req *next = req->next;

			memio_complete(m, req);
			req = next;
		}
		raid_tick(m->raid);
		raid_check(m->raid);
		/* With all its I/O held, ticks bring nothing. */
		if (!m->queue &&
		    (m->held || raid_deadline(m->raid) > m->now_ns))
			return;
	}
	CHECK(false); /* a live-lock */
}

void
memio_release(struct memio *m)
{
	while (m->held) {
		struct io_req *req = m->held;

		m->held = req->next;
		memio_append(m, req);
	}
}

void
memio_release_some(struct memio *m, unsigned members, int op, int res)
{
	struct io_req **at = &m->held;
	struct io_req *out = NULL;

	while (*at) {
		struct io_req *req = *at;

		if (!(members >> req->member & 1) ||
		    (op >= 0 && req->op != (enum io_op)op)) {
			at = &req->next;
			continue;
		}
		*at = req->next;
		req->next = out; /* in the order they came again */
		out = req;
	}
	while (out) {
		struct io_req *req = out;

		out = req->next;
		req->priv = 1 + (uint64_t)-res;
		memio_append(m, req);
	}
}

void
memio_wait(struct memio *m, uint64_t ns)
{
	m->now_ns += ns;
	memio_turn(m);
}

static void
memio_started(struct raid *r, int res, void *arg)
{
	struct memio *m = arg;

	CHECK(r == m->raid && !m->started);
	m->started = true;
	m->start_res = res;
}

static void
memio_stopped(struct raid *r, int res, void *arg)
{
	struct memio *m = arg;

	CHECK(r == m->raid && !m->stopped);
	m->stopped = true;
	m->stop_res = res;
}

static uint32_t
memio_members(const struct memio *m)
{
	return m->sb.geometry.sets * m->sb.geometry.legs;
}

static int
memio_begin(struct memio *m, const struct raid_config *cfg)
{
	size_t bytes = (raid_bytes(cfg) + 4095) / 4096 * 4096;

	CHECK(bytes > 0);
	m->memory = aligned_alloc(4096, bytes);
	CHECK(m->memory);
	memset(m->memory, 0, raid_zeroed_bytes(cfg));
	m->started = false;
	m->stopped = false;
	CHECK(raid_init(&m->raid, cfg, &m->io, m->memory, bytes) == 0);
	raid_start(m->raid, memio_started, m);
	memio_turn(m);
	return m->started ? m->start_res : -EINPROGRESS;
}

static void
memio_leg(const struct memio *m, uint32_t i, struct raid_leg_config *leg)
{
	uint32_t legs = m->sb.geometry.legs;

	*leg = (struct raid_leg_config){
		.present = true,
		.sector_bytes = m->sb.geometry.block_bytes,
		.bytes = m->member_bytes,
	};
	memcpy(leg->member_uuid,
	       sb_place_const(&m->sb, i / legs, i % legs)->member_uuid, 16);
}

int
memio_create_as(struct memio *m, const struct memio_shape *shape)
{
	struct raid_leg_config configs[MEMIO_MEMBERS_MAX];
	struct raid_config cfg = {.create = true, .legs = configs};
	struct geometry *g = &m->sb.geometry;

	cfg.bare = shape->bare;
	memset(m, 0, sizeof(*m));
	m->io.ops = &memio_ops;
	m->queue_end = &m->queue;
	m->random = 1;
	m->hook = shape->hook;
	m->limits = shape->limits;
	m->member_bytes = shape->member_bytes;
	support_sb(&m->sb, shape->sets, shape->legs);
	g->chunk_bytes = shape->chunk_bytes ? shape->chunk_bytes : 64 << 10;
	g->region_blocks = shape->region_blocks;
	g->block_bytes = shape->block_bytes;
	CHECK(layout_compute(g, m->member_bytes, shape->journal_bytes,
			     &m->sb.layout) == 0);
	for (uint32_t i = 0; i < memio_members(m); i++) {
		m->bytes[i] = calloc(1, m->member_bytes);
		CHECK(m->bytes[i]);
		memio_leg(m, i, &configs[i]);
	}
	cfg.sb = &m->sb;
	cfg.limits = m->limits;
	return memio_begin(m, &cfg);
}

void
memio_create(struct memio *m, uint32_t sets, uint32_t legs,
	     uint32_t block_bytes)
{
	const struct memio_shape shape = {
		.sets = sets,
		.legs = legs,
		.block_bytes = block_bytes,
		.region_blocks = 64,
		.member_bytes = MEMIO_MEMBER_BYTES,
		.limits.parts_max = 32,
	};

	CHECK(memio_create_as(m, &shape) == 0);
}

/* What is found on a member: the newest of four copies. */
struct found {
	struct sb_copy copies[4];
	int chosen;
};

static void
memio_find(const struct memio *m, uint32_t i, struct found *f)
{
	int res;

	for (unsigned k = 0; k < 4; k++) {
		uint64_t at = sb_offset(m->member_bytes, k / 2, k % 2);

		f->copies[k].res =
			sb_decode(m->bytes[i] + at, at, &f->copies[k].sb);
	}
	f->chosen = m->absent[i] ? -1 : sb_choose(f->copies, &res);
}

static void
memio_drop(struct memio *m)
{
	free(m->memory);
	m->memory = NULL;
	m->queue = NULL;
	m->queue_end = &m->queue;
	m->held = NULL;
}

/* Who takes part in it, by what was decided of those offered. */
static void
memio_place(const struct memio *m, const struct assembly *a, unsigned offered,
	    const struct found *f, struct raid_leg_config *leg)
{
	const struct sb *sb = &f->copies[f->chosen & 3].sb;

	leg->sb_sequence = sb->sequence;
	leg->sb_slot = (uint8_t)(f->chosen & 1);
	if ((m->salvage || m->recover) && !leg->present && f->chosen >= 0 &&
	    a->role[offered] == ROLE_STALE) {
		leg->present = true;
		leg->behind_epoch = sb->history[0].number;
	}
}

static int
memio_restart_as(struct memio *m, struct raid_config *cfg)
{
	static struct found found[MEMIO_MEMBERS_MAX];
	struct raid_leg_config configs[MEMIO_MEMBERS_MAX];
	const struct sb *list[MEMIO_MEMBERS_MAX];
	uint32_t legs = m->sb.geometry.legs;
	uint32_t count = 0;
	struct assembly a;

	for (uint32_t i = 0; i < memio_members(m); i++) {
		memio_find(m, i, &found[i]);
		if (found[i].chosen >= 0)
			list[count++] = &found[i].copies[found[i].chosen].sb;
	}
	if (count == 0)
		return -ENOENT;
	assemble(list, count, &a);
	if (a.verdict != ASSEMBLE_START && !(m->force && a.can_force) &&
	    !m->salvage && !m->recover)
		return -EBUSY;
	count = 0;
	for (uint32_t i = 0; i < memio_members(m); i++) {
		memio_leg(m, i, &configs[i]);
		configs[i].present =
			a.place[i / legs * SB_PLACES_MAX + i % legs] >= 0;
		memio_place(m, &a, count, &found[i], &configs[i]);
		count += found[i].chosen >= 0;
	}
	cfg->sb = list[a.freshest];
	cfg->legs = configs;
	return memio_begin(m, cfg);
}

int
memio_restart(struct memio *m)
{
	struct raid_config cfg = {
		.force = m->force,
		.salvage = m->salvage,
		.recover = m->recover,
		.limits = m->limits,
	};

	memio_drop(m);
	return memio_restart_as(m, &cfg);
}

int
memio_stop(struct memio *m)
{
	raid_stop(m->raid, memio_stopped, m);
	memio_turn(m);
	return m->stopped ? m->stop_res : -EINPROGRESS;
}

void
memio_destroy(struct memio *m)
{
	memio_drop(m);
	for (uint32_t i = 0; i < memio_members(m); i++)
		free(m->bytes[i]);
	while (m->reqs) {
		struct memio_req *mr = m->reqs;

		m->reqs = mr->next;
		free(mr);
	}
}

static void
memio_answered(struct raid_req *req)
{
	container_of(req, struct memio_req, req)->done = true;
}

static void
memio_released(struct raid_req *req)
{
	container_of(req, struct memio_req, req)->released = true;
}

struct memio_req *
memio_ask(struct memio *m, enum raid_op op, uint32_t flags, uint64_t offset,
	  uint64_t length, void *buf)
{
	struct memio_req *mr = calloc(1, sizeof(*mr));

	CHECK(mr);
	mr->req.op = op;
	mr->req.flags = flags;
	mr->req.offset = offset;
	mr->req.length = length;
	mr->req.buf = buf;
	mr->req.done = memio_answered;
	mr->req.released = memio_released;
	mr->next = m->reqs;
	m->reqs = mr;
	raid_submit(m->raid, &mr->req);
	CHECK(!mr->done);
	return mr;
}

int
memio_do(struct memio *m, enum raid_op op, uint32_t flags, uint64_t offset,
	 uint64_t length, void *buf)
{
	const struct memio_req *mr =
		memio_ask(m, op, flags, offset, length, buf);

	memio_turn(m);
	return mr->done ? mr->req.res : -EINPROGRESS;
}

enum memio_area
memio_area(const struct memio *m, const struct io_req *req)
{
	const struct layout *l = &m->sb.layout;

	if (req->offset < l->journal_offset)
		return AREA_SUPERBLOCK;
	if (req->offset < l->map_offset[0])
		return AREA_JOURNAL;
	if (req->offset < l->sums_offset)
		return AREA_MAP;
	if (req->offset < l->data_offset)
		return AREA_SUMS;
	if (req->offset < l->data_offset + l->data_bytes)
		return AREA_DATA;
	return AREA_SUPERBLOCK;
}
