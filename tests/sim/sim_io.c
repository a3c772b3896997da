/* SPDX-License-Identifier: MIT */
/*
 * An I/O takes effect ("lands") at some time between its submission and its
 * completion.  A crash between the two leaves the effect and loses the
 * completion; a crash before leaves what fate says.
 *
 * Also checked here, since here all I/O passes: requests are inside the
 * member and aligned, no two writes in flight on a leg overlap, a buffer being
 * written does not change (R8), an absent member is left alone.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "pool.h"
#include "sim.h"

/* More than this with no answer to anything is a live-lock. */
#define IO_WITHOUT_ANSWER_MAX 200000u

const char *
sim_area_word(enum sim_area area)
{
	static const char *const words[AREA_COUNT] = {
#define X(name, word) [AREA_##name] = word,
		SIM_AREAS(X)
#undef X
	};

	return words[area];
}

enum sim_area
sim_area(const struct sim *s, uint64_t offset)
{
	const struct layout *l = &s->layout;

	for (unsigned end = 0; end < 2; end++)
		for (unsigned slot = 0; slot < SB_SLOTS; slot++)
			if (offset - sb_offset(s->options.member_bytes, end,
					       slot) < SB_BYTES)
				return AREA_SUPERBLOCK;
	if (offset - l->journal_offset < l->journal_bytes)
		return AREA_JOURNAL;
	if (offset - l->map_offset[0] < l->map_bytes ||
	    offset - l->map_offset[1] < l->map_bytes)
		return AREA_MAP;
	if (offset - l->sums_offset < l->sums_bytes)
		return AREA_SUMS;
	if (offset - l->data_offset < l->data_bytes)
		return AREA_DATA;
	return offset < l->journal_offset ? AREA_FRONT : AREA_NONE;
}

void
sim_area_range(const struct sim *s, enum sim_area area, uint64_t *offset,
	       uint64_t *length)
{
	const struct layout *l = &s->layout;
	const uint64_t ranges[AREA_COUNT][2] = {
		[AREA_SUPERBLOCK] = {sb_offset(s->options.member_bytes, 0, 0),
				     SB_SLOTS * SB_BYTES},
		[AREA_JOURNAL] = {l->journal_offset, l->journal_bytes},
		[AREA_MAP] = {l->map_offset[0], 2 * l->map_bytes},
		[AREA_SUMS] = {l->sums_offset, l->sums_bytes},
		[AREA_DATA] = {l->data_offset, l->data_bytes},
	};

	*offset = ranges[area][0];
	*length = ranges[area][1];
}

static uint64_t
sim_io_latency(struct sim *s, const struct sim_op *op)
{
	struct rng *r = &s->member[op->member].latency;
	uint64_t base = s->options.latency_ns;
	uint64_t ns = rng_between(r, base / 2, base * 3 / 2);

	if (s->options.latency_fixed)
		ns = base;
	ns += op->length / 4; /* 4 GB a second */
	if (op->op == IO_FLUSH)
		ns *= 3;
	if (rng_percent(r, s->options.tail_percent))
		ns += rng_below(r, base * 50);
	return ns + faults_draw_stall(s, op->member);
}

/* When it takes effect, of the time it takes. */
static uint64_t
sim_io_landing(const struct sim *s, struct sim_member *m, uint64_t ns)
{
	return 1 + (s->options.latency_fixed ? ns / 2 :
					       rng_below(&m->latency, ns));
}

static bool
sim_is_in_sync(const struct sim *s, unsigned member)
{
	unsigned legs = s->options.geometry.legs;

	return sb_place_const(raid_superblock(s->raid), member / legs,
			      member % legs)->state == LEG_IN_SYNC;
}

static void
sim_io_check_submit(struct sim *s, const struct sim_op *op)
{
	const struct sim_member *m = &s->member[op->member];
	uint64_t sector = m->disk.sector_bytes;

	if (!m->present)
		sim_fail(s, "R15", "I/O to member %u, which is absent",
			 op->member);
	if (s->salvage && op->op != IO_READ)
		sim_fail(s, "R24", "a salvage writes to member %u",
			 op->member);
	if (op->area == AREA_DATA && op->op != IO_DISCARD && !s->salvage &&
	    !sim_is_in_sync(s, op->member))
		sim_fail(s, "I11", "data of member %u, which is not in-sync",
			 op->member);
	if (op->op == IO_FLUSH)
		return;
	if (op->length == 0 || op->offset % sector != 0 ||
	    op->length % sector != 0 || op->offset > m->disk.bytes ||
	    op->length > m->disk.bytes - op->offset)
		sim_fail(s, "seam", "member %u: bad range %llu+%llu",
			 op->member, (unsigned long long)op->offset,
			 (unsigned long long)op->length);
	if (op->op == IO_READ || op->op == IO_WRITE)
		if ((uintptr_t)op->req->buf % 512 != 0)
			sim_fail(s, "seam", "member %u: buffer not aligned",
				 op->member);
	if (op->op != IO_WRITE)
		return;
	for (const struct sim_op *o = m->in_flight; o != NULL; o = o->next)
		if (o->op == IO_WRITE &&
		    o->offset < op->offset + op->length &&
		    op->offset < o->offset + o->length)
			sim_fail(s, "R9", "member %u: writes %llu and %llu "
				 "overlap in flight at %llu", op->member,
				 (unsigned long long)o->id,
				 (unsigned long long)op->id,
				 (unsigned long long)op->offset);
}

static enum trace_kind
sim_io_trace_kind(const struct sim_op *op)
{
	switch (op->op) {
	case IO_READ:
		return TRACE_IO_READ;
	case IO_WRITE:
		return op->fua ? TRACE_IO_FUA : TRACE_IO_WRITE;
	case IO_FLUSH:
		return TRACE_IO_FLUSH;
	case IO_DISCARD:
		break;
	}
	return TRACE_IO_DISCARD;
}

static const char *
sim_io_word(const struct sim_op *op)
{
	static const char *const words[AREA_COUNT][2] = {
#define X(name, word) [AREA_##name] = {word " read", word " write"},
		SIM_AREAS(X)
#undef X
	};

	if (op->op == IO_FLUSH)
		return "flush";
	if (op->op == IO_DISCARD)
		return "discard";
	return words[op->area][op->op == IO_WRITE];
}

static void
sim_io_link(struct sim_op **head, struct sim_op *op)
{
	op->next = *head;
	op->prev = NULL;
	if (*head != NULL)
		(*head)->prev = op;
	*head = op;
}

static size_t
sim_op_bytes(enum io_op op, uint64_t length)
{
	return sizeof(struct sim_op) + (op == IO_WRITE ? length : 0);
}

void
sim_io_free(struct sim *s, struct sim_op *op)
{
	if (op->prev != NULL)
		op->prev->next = op->next;
	else
		s->member[op->member].in_flight = op->next;
	if (op->next != NULL)
		op->next->prev = op->prev;
	pool_give(op, sim_op_bytes(op->op, op->length));
}

static struct sim_op *
sim_op_new(struct sim *s, struct io_req *req)
{
	struct sim_op *op = pool_take(sim_op_bytes(req->op, req->length));

	CHECK(req->member < s->members);
	*op = (struct sim_op){
		.req = req,
		.id = ++s->io_count,
		.op = req->op,
		.fua = req->fua,
		.member = req->member,
		.area = req->op == IO_FLUSH ? AREA_NONE :
					      sim_area(s, req->offset),
		.offset = req->offset,
		.length = req->op == IO_FLUSH ? 0 : req->length,
		.submit_seq = ++s->seq,
		.submit_ns = s->now_ns,
		.data = (uint8_t *)(op + 1),
	};
	sim_io_check_submit(s, op);
	if (op->op == IO_WRITE)
		memcpy(op->data, req->buf, op->length);
	else if (op->op == IO_READ)
		memset(req->buf, 0xdb, op->length);
	return op;
}

static void
sim_io_check_progress(struct sim *s)
{
	uint64_t most = s->options.io_without_answer;

	if (most == 0)
		most = IO_WITHOUT_ANSWER_MAX;
	if (s->io_count - s->io_at_progress > most)
		sim_fail(s, "I32", "%llu I/O and nothing was answered: %u"
			 " requests in flight", (unsigned long long)most,
			 s->client.busy);
}

static void
sim_submit(struct io *io, struct io_req *req)
{
	struct sim *s = (struct sim *)io;
	struct sim_op *op = sim_op_new(s, req);
	struct sim_member *m = &s->member[op->member];
	uint64_t ns = sim_io_latency(s, op);

	op->done_ns = s->now_ns + ns;
	op->fault = faults_draw_error(s, op);
	sim_io_check_progress(s);
	trace_add(&s->trace, s->now_ns, sim_io_trace_kind(op),
		  sim_area_word(op->area), op->id, op->member, op->offset,
		  op->length);
	watch_submit(s, op);
	sim_io_link(&m->in_flight, op);
	if (!rules_apply(s, op, RULE_SUBMIT))
		queue_add(&s->queue, s->now_ns + op->stall_ns +
				  sim_io_landing(s, m, ns),
			  EVENT_LAND, op);
}

static void
sim_io_land_write(struct sim *s, struct sim_op *op)
{
	struct sim_member *m = &s->member[op->member];
	struct disk *d = &m->disk;

	if (op->fate == FATE_DROP)
		(void)disk_lose(d, op->offset, op->length, op->data);
	else if (op->fault != 0)
		disk_write_torn(d, op->offset, op->length, op->data,
				FATE_DRAW);
	else if (!faults_divert(s, op))
		op->cached = disk_write(d, op->offset, op->length, op->data,
					op->fua && !m->lies);
}

/* What it forgets may be acknowledged yet, before the engine learns of it. */
static void
sim_io_flush_fails(struct sim *s, const struct sim_op *op)
{
	struct sim_member *m = &s->member[op->member];

	m->forgot = true;
	witness_deed_all(s, op->member, FAULT_FLUSH_ERROR);
	disk_flush_fail(&m->disk, op->submit_seq);
}

static void
sim_io_effect(struct sim *s, struct sim_op *op)
{
	struct disk *d = &s->member[op->member].disk;

	op->res = op->fault;
	switch (op->op) {
	case IO_READ:
		if (!disk_read(d, op->offset, op->length, op->req->buf))
			op->res = -EIO;
		if (op->res != 0)
			memset(op->req->buf, 0xee, op->length);
		else
			faults_misread(s, op);
		break;
	case IO_WRITE:
		sim_io_land_write(s, op);
		break;
	case IO_FLUSH:
		if (op->fault != 0)
			sim_io_flush_fails(s, op);
		else if (s->member[op->member].lies)
			disk_owe(d, op->submit_seq);
		else
			disk_flush(d, op->submit_seq);
		break;
	case IO_DISCARD:
		if (op->fault == 0)
			disk_discard(d, op->offset, op->length);
		break;
	}
}

void
sim_io_land(struct sim *s, struct sim_op *op)
{
	op->landed = true;
	op->released = false;
	if (s->member[op->member].disk.vanished)
		op->res = -EIO;
	else
		sim_io_effect(s, op);
	trace_add(&s->trace, s->now_ns, TRACE_LANDED, sim_io_word(op),
		  op->id, op->member, (uint64_t)(int64_t)op->res, 0);
	if (!rules_apply(s, op, RULE_LAND))
		queue_add(&s->queue,
			  op->done_ns > s->now_ns ? op->done_ns : s->now_ns,
			  EVENT_DONE, op);
}

void
sim_io_done(struct sim *s, struct sim_op *op)
{
	struct io_req *req = op->req;

	if (!op->released && rules_apply(s, op, RULE_DONE))
		return;
	/* Of a leg that is out nobody waits for it (R10). */
	if (op->op == IO_WRITE && sim_is_in_sync(s, op->member) &&
	    memcmp(op->data, req->buf, op->length) != 0)
		sim_fail(s, "R8", "buffer of I/O %llu changed in flight",
			 (unsigned long long)op->id);
	if (op->cached != NULL) {
		op->cached->done_seq = ++s->seq;
		op->cached->owed = op->fua;
	}
	trace_add(&s->trace, s->now_ns, TRACE_DONE, sim_io_word(op), op->id,
		  op->member, (uint64_t)(int64_t)op->res, 0);
	watch_done(s, op);
	req->res = op->res;
	sim_io_free(s, op);
	req->done(req);
}

/* A write of a dead daemon: it lands whole, in part or not at all. */
static void
sim_io_orphan(struct sim *s, struct sim_op *op, bool power)
{
	struct disk *d = &s->member[op->member].disk;
	enum disk_fate fate = op->fate;
	uint64_t seq = ++s->seq;

	if (fate == FATE_DRAW)
		fate = (enum disk_fate)rng_between(&d->rng, FATE_KEEP,
						   FATE_TEAR);
	trace_add(&s->trace, s->now_ns, TRACE_RESOLVED, NULL, op->member,
		  op->offset, op->length, fate);
	if (power) {
		disk_write_torn(d, op->offset, op->length, op->data, fate);
		return;
	}
	for (uint64_t at = 0; at < op->length; at += d->sector_bytes) {
		struct cached_write *w;

		if (fate == FATE_DROP ||
		    (fate == FATE_TEAR && rng_percent(&d->rng, 50)))
			continue;
		w = disk_write(d, op->offset + at, d->sector_bytes,
			       op->data + at, op->fua);
		if (w != NULL)
			w->done_seq = seq;
	}
}

static void
sim_io_end_member(struct sim *s, struct sim_member *m, bool power)
{
	struct disk *d = &m->disk;
	/* With power gone a leg may have kept or lost all of it. */
	enum disk_fate fate = s->cut_fate;

	if (power && fate == FATE_DRAW && rng_percent(&d->rng, 50))
		fate = (enum disk_fate)rng_between(&d->rng, FATE_KEEP,
						   FATE_DROP);
	if (power && m->lies)
		faults_pay(s, (unsigned)(m - s->member));
	if (power)
		disk_power_cut(d, fate);
	while (m->in_flight != NULL) {
		struct sim_op *op = m->in_flight;

		if (op->fate == FATE_DRAW)
			op->fate = fate;
		if (op->op == IO_WRITE && !op->landed && !d->vanished)
			sim_io_orphan(s, op, power);
		else if (op->cached != NULL && !power)
			op->cached->done_seq = ++s->seq;
		sim_io_free(s, op);
	}
}

void
sim_io_end(struct sim *s, bool power)
{
	for (unsigned i = 0; i < s->members; i++)
		sim_io_end_member(s, &s->member[i], power);
}

unsigned
sim_io_in_flight(const struct sim *s)
{
	unsigned count = 0;

	for (unsigned i = 0; i < s->members; i++)
		for (const struct sim_op *o = s->member[i].in_flight; o != NULL;
		     o = o->next)
			count++;
	return count;
}

static uint64_t
sim_now(const struct io *io)
{
	return ((const struct sim *)io)->now_ns;
}

static uint64_t
sim_random(struct io *io)
{
	return rng_u64(&((struct sim *)io)->engine);
}

static void
sim_note(struct io *io, const struct raid_note *note)
{
	struct sim *s = (struct sim *)io;

	CHECK(note->kind < NOTE_COUNT);
	s->notes[note->kind]++;
	s->last_note[note->kind] = *note;
	witness_note(s, note);
	if (note->kind == NOTE_PAGE_LOST)
		s->oracle.page_lost = s->lenient;
	if (note->kind == NOTE_UNVERIFIED)
		oracle_unsure(&s->oracle,
			      layout_array_offset(&s->options.geometry,
						  note->set, note->a));
	trace_add(&s->trace, s->now_ns, TRACE_NOTE, note_word(note->kind),
		  note->set, note->leg, (uint64_t)(int64_t)note->err, note->a);
}

void
sim_io_init(struct sim *s)
{
	static const struct io_ops ops = {
		.name = "sim",
		.submit = sim_submit,
		.now = sim_now,
		.random = sim_random,
		.note = sim_note,
	};

	s->io.ops = &ops;
}
