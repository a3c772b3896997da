/* SPDX-License-Identifier: MIT */
/*
 * A request holds a slot of its member from its first SQE to its done; slots
 * are what bounds a member's queue.  A slot's SQE carries what is left of the
 * request, so a short transfer goes on where it stopped.
 *
 * Ready list: requests whose answer is known without the kernel (a flush of a
 * disk without a volatile cache, a member that is absent); done must not be
 * called from inside submit, so they wait for uring_tick().
 *
 * Retry list: slots the kernel turned away with EAGAIN (out of memory or
 * tags); tried again a millisecond later, for ten seconds at most.
 *
 * What it leaves out: registered files.  A ring that still has an I/O of one
 * disk, when its process is gone, would hold all of them: a new process could
 * not have the array's other members as long as one hangs (R10).  And
 * deadlines: an I/O at the device cannot be cancelled, so a deadline is
 * bookkeeping, and the engine's.
 */
#include "uring.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>

#include "check.h"
#include "device.h"

/* One SQE's share of a request: under the kernel's own limit of 2 GiB. */
#define TRANSFER_BYTES_MAX (1u << 30)
/* A discard goes in pieces, so that it does not hold a disk for long. */
#define DISCARD_BYTES_MAX (64u << 20)
#define RETRY_NS          1000000u
#define RETRIES_MAX       10000u

/* linux/blkdev.h of 6.12; Debian 12's headers are older than its kernels. */
#define URING_CMD_DISCARD 0x1200u

enum discard_way {
	DISCARD_BY_COMMAND,  /* block devices, from 6.12 */
	DISCARD_BY_PUNCHING, /* files, and older kernels */
	DISCARD_NOT,
};

struct slot {
	struct ring_op op;
	struct uring *uring;
	struct io_req *req;
	struct slot *next; /* free list, retry list */
	uint64_t progress; /* bytes done */
	uint32_t retries;
	bool flushing; /* all written, and now made durable (fua_by_flush) */
};

struct queue {
	struct io_req *head;
	struct io_req **tail;
	struct slot *free; /* empty: the member has all it takes */
};

struct uring_member {
	const struct device *device;
	enum discard_way discard_way;
	struct queue io;
	struct queue discard;
};

struct uring {
	struct io io; /* first: the engine's handle */
	struct uring_config cfg;
	struct uring_member *members;
	struct slot *slots;
	uint64_t busy;
	struct io_req *ready;
	struct io_req **ready_tail;
	struct slot *retry;
	uint64_t retry_ns;
	uint64_t random[32];
	uint32_t random_left;
};

static void slot_send(struct slot *s);

uint32_t
uring_in_flight_max(uint32_t device_count, uint32_t queue_depth)
{
	return device_count * (queue_depth + URING_DISCARDS_MAX);
}

static void
ready_add(struct uring *u, struct io_req *req, int res)
{
	req->res = res;
	req->next = NULL;
	*u->ready_tail = req;
	u->ready_tail = &req->next;
}

/* The member's next request in line, if it has room. */
static void
queue_next(struct queue *q)
{
	struct slot *s = q->free;
	struct io_req *req = q->head;

	if (!s || !req)
		return;
	q->free = s->next;
	q->head = req->next;
	if (!q->head)
		q->tail = &q->head;
	s->req = req;
	s->progress = 0;
	s->retries = 0;
	s->flushing = false;
	slot_send(s);
}

static struct uring_member *
slot_member(const struct slot *s)
{
	return &s->uring->members[s->req->member];
}

static void
slot_finish(struct slot *s, int res)
{
	struct uring_member *m = slot_member(s);
	struct io_req *req = s->req;
	struct queue *q = req->op == IO_DISCARD ? &m->discard : &m->io;

	s->req = NULL;
	s->next = q->free;
	q->free = s;
	s->uring->busy--;
	queue_next(q);
	req->res = res;
	req->done(req);
}

static void
slot_retry(struct slot *s)
{
	struct uring *u = s->uring;

	if (++s->retries > RETRIES_MAX) {
		slot_finish(s, -EIO);
		return;
	}
	if (!u->retry)
		u->retry_ns = u->cfg.ring->now_ns + RETRY_NS;
	s->next = u->retry;
	u->retry = s;
}

/* Not every kernel and file system has every way: find the member's. */
static bool
discard_other_way(struct uring_member *m, int res)
{
	if (res != -EOPNOTSUPP && res != -EINVAL && res != -ENOTTY &&
	    res != -ENOSYS)
		return false;
	if (m->discard_way == DISCARD_BY_COMMAND) {
		m->discard_way = DISCARD_BY_PUNCHING;
		return true;
	}
	m->discard_way = DISCARD_NOT;
	return false;
}

static uint32_t
slot_bytes(const struct slot *s)
{
	uint64_t left = s->req->length - s->progress;
	uint64_t max = s->req->op == IO_DISCARD ? DISCARD_BYTES_MAX
						: TRANSFER_BYTES_MAX;

	return (uint32_t)(left < max ? left : max);
}

/* The whole transfer is done; more may be owed. */
static void
slot_transferred(struct slot *s)
{
	const struct io_req *req = s->req;

	if (req->op == IO_WRITE && req->fua &&
	    slot_member(s)->device->fua_by_flush) {
		s->flushing = true;
		slot_send(s);
		return;
	}
	slot_finish(s, 0);
}

static void
slot_done(struct ring_op *op, int res)
{
	struct slot *s = container_of(op, struct slot, op);
	struct io_req *req = s->req;

	if (res == -EAGAIN || res == -EINTR) {
		slot_retry(s);
		return;
	}
	if (req->op == IO_DISCARD) {
		if (res < 0 && discard_other_way(slot_member(s), res)) {
			slot_send(s);
			return;
		}
		if (res >= 0)
			res = (int)slot_bytes(s);
	}
	if (res < 0 || req->op == IO_FLUSH || s->flushing) {
		slot_finish(s, res < 0 ? res : 0);
		return;
	}
	/* Nothing was moved where something should be: the end of the
	 * device, or a file that was cut. */
	if (res == 0) {
		slot_finish(s, -EIO);
		return;
	}
	s->progress += (uint64_t)res;
	CHECK(s->progress <= req->length);
	if (s->progress == req->length)
		slot_transferred(s);
	else
		slot_send(s);
}

static void
prep_discard(struct io_uring_sqe *sqe, const struct uring_member *m, int fd,
	     uint64_t offset, uint64_t length)
{
	if (m->discard_way == DISCARD_BY_PUNCHING) {
		io_uring_prep_fallocate(
			sqe, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)offset, (off_t)length);
		return;
	}
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fd, NULL, 0, 0);
	sqe->cmd_op = URING_CMD_DISCARD;
	sqe->addr = offset;
	sqe->addr3 = length;
}

static void
slot_send(struct slot *s)
{
	struct uring *u = s->uring;
	struct uring_member *m = slot_member(s);
	const struct io_req *req = s->req;
	struct io_uring_sqe *sqe = ring_sqe(u->cfg.ring, &s->op);
	uint64_t offset = req->offset + s->progress;
	uint32_t length = slot_bytes(s);
	int fd = m->device->fd;

	switch (s->flushing ? IO_FLUSH : req->op) {
	case IO_READ:
		io_uring_prep_read(sqe, fd, (char *)req->buf + s->progress,
				   length, offset);
		break;
	case IO_WRITE:
		io_uring_prep_write(sqe, fd, (char *)req->buf + s->progress,
				    length, offset);
		if (req->fua && !m->device->write_through &&
		    !m->device->fua_by_flush)
			sqe->rw_flags = RWF_DSYNC;
		break;
	case IO_FLUSH:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		break;
	case IO_DISCARD:
		prep_discard(sqe, m, fd, offset, length);
		break;
	}
	if (m->device->may_block)
		sqe->flags |= IOSQE_ASYNC;
}

static void
uring_submit(struct io *io, struct io_req *req)
{
	struct uring *u = container_of(io, struct uring, io);

	CHECK(req->member < u->cfg.device_count);
	struct uring_member *m = &u->members[req->member];
	bool discard = req->op == IO_DISCARD;

	u->busy++;
	if (m->device->fd < 0) {
		ready_add(u, req, -ENODEV);
		return;
	}
	if ((req->op == IO_FLUSH && m->device->write_through) ||
	    (discard && m->discard_way == DISCARD_NOT)) {
		ready_add(u, req, 0);
		return;
	}
	CHECK(req->op == IO_FLUSH || req->length > 0);
	struct queue *q = discard ? &m->discard : &m->io;

	req->next = NULL;
	*q->tail = req;
	q->tail = &req->next;
	queue_next(q);
}

static uint64_t
uring_now(const struct io *io)
{
	/* io is its first field; container_of would drop the const. */
	const struct uring *u = (const struct uring *)(const void *)io;

	return u->cfg.ring->now_ns;
}

static uint64_t
uring_random(struct io *io)
{
	struct uring *u = container_of(io, struct uring, io);

	if (!u->random_left) {
		ssize_t got;

		do
			got = getrandom(u->random, sizeof(u->random), 0);
		while (got < 0 && errno == EINTR);
		/* Up to 256 bytes come whole. */
		CHECK(got == (ssize_t)sizeof(u->random));
		u->random_left = ARRAY_SIZE(u->random);
	}
	return u->random[--u->random_left];
}

static void
uring_note(struct io *io, const struct raid_note *note)
{
	struct uring *u = container_of(io, struct uring, io);

	u->cfg.note(u->cfg.arg, note);
}

static const struct io_ops uring_ops = {
	.name = "io_uring",
	.submit = uring_submit,
	.now = uring_now,
	.random = uring_random,
	.note = uring_note,
};

static void
queue_init(struct uring *u, struct queue *q, struct slot *slots, uint32_t count)
{
	q->head = NULL;
	q->tail = &q->head;
	q->free = NULL;
	for (uint32_t i = 0; i < count; i++) {
		slots[i].op.done = slot_done;
		slots[i].uring = u;
		slots[i].next = q->free;
		q->free = &slots[i];
	}
}

static void
members_init(struct uring *u)
{
	uint32_t depth = u->cfg.queue_depth;
	struct slot *slots = u->slots;

	for (uint32_t i = 0; i < u->cfg.device_count; i++) {
		struct uring_member *m = &u->members[i];

		m->device = &u->cfg.devices[i];
		m->discard_way = m->device->is_file ? DISCARD_BY_PUNCHING
						    : DISCARD_BY_COMMAND;
		if (!m->device->can_discard)
			m->discard_way = DISCARD_NOT;
		queue_init(u, &m->io, slots, depth);
		slots += depth;
		queue_init(u, &m->discard, slots, URING_DISCARDS_MAX);
		slots += URING_DISCARDS_MAX;
	}
}

/*
 * What the kernel cannot begin at once it gives to threads: flushes, discards,
 * some files' reads.  A disk that hangs keeps as many of them as it has I/Os,
 * and would keep the others' from theirs if they were only a few, which they
 * are by default.  They are made when they are needed.
 */
static void
workers_allow(struct uring *u)
{
	unsigned max[2] = {
		uring_in_flight_max(u->cfg.device_count, u->cfg.queue_depth),
		0 /* as it is */};

	(void)io_uring_register_iowq_max_workers(&u->cfg.ring->uring, max);
}

int
uring_open(struct uring **out, const struct uring_config *cfg)
{
	struct uring *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->io.ops = &uring_ops;
	u->cfg = *cfg;
	u->ready_tail = &u->ready;
	u->members = calloc(cfg->device_count, sizeof(*u->members));
	if (!u->members)
		goto err_uring;
	u->slots =
		calloc(uring_in_flight_max(cfg->device_count, cfg->queue_depth),
		       sizeof(*u->slots));
	if (!u->slots)
		goto err_members;
	members_init(u);
	workers_allow(u);
	*out = u;
	return 0;

err_members:
	free(u->members);
err_uring:
	free(u);
	return -ENOMEM;
}

void
uring_close(struct uring *u)
{
	CHECK(u->busy == 0);
	free(u->slots);
	free(u->members);
	free(u);
}

struct io *
uring_io(struct uring *u)
{
	return &u->io;
}

uint64_t
uring_busy(const struct uring *u)
{
	return u->busy;
}

static uint32_t
queue_free(const struct queue *q)
{
	uint32_t count = 0;

	for (const struct slot *s = q->free; s; s = s->next)
		count++;
	return count;
}

bool
uring_is_idle(const struct uring *u, uint32_t member)
{
	const struct uring_member *m = &u->members[member];

	return queue_free(&m->io) == u->cfg.queue_depth &&
	       queue_free(&m->discard) == URING_DISCARDS_MAX;
}

static void
ready_finish(struct uring *u)
{
	struct io_req *req = u->ready;

	u->ready = NULL;
	u->ready_tail = &u->ready;
	while (req) {
		struct io_req *next = req->next;

		u->busy--;
		req->done(req);
		req = next;
	}
}

void
uring_tick(struct uring *u)
{
	if (u->ready)
		ready_finish(u);
	if (!u->retry || u->cfg.ring->now_ns < u->retry_ns)
		return;
	struct slot *s = u->retry;

	u->retry = NULL;
	while (s) {
		struct slot *next = s->next;

		slot_send(s);
		s = next;
	}
}

uint64_t
uring_deadline(const struct uring *u)
{
	if (u->ready)
		return 0;
	return u->retry ? u->retry_ns : UINT64_MAX;
}
