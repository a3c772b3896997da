/* SPDX-License-Identifier: MIT */
/*
 * A turn: sleep until something completed or is due; hand completions over;
 * carry out what the control thread asked; let the array tick; let front ends
 * send what became ready.  What all of these queued goes to the kernel with
 * the sleep of the next turn, in one system call.
 *
 * Everything of the engine thread is made and unmade on it: the kernel ties a
 * SINGLE_ISSUER ring to the thread that made it.
 */
#include "engine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "check.h"
#include "frontend.h"
#include "nbd_frontend.h"
#include "poll.h"
#include "uring.h"

#define HUGE_PAGE_BYTES ((size_t)2 << 20)
/* How long clients may take to read their last replies when we stop. */
#define DRAIN_NS 2000000000u
/* How long a stop waits for I/O that was given up. */
#define LINGER_NS 2000000000u

static void
engine_note(void *arg, const struct raid_note *note)
{
	struct engine *e = arg;

	notebox_put(&e->notebox, note);
}

static void
engine_listen(struct engine *e)
{
	struct io_uring_sqe *sqe = ring_sqe(&e->ring, &e->wake);

	io_uring_prep_read(sqe, e->mailbox.eventfd, &e->wake_count,
			   sizeof(e->wake_count), 0);
}

static void
engine_woken(struct ring_op *op, int res)
{
	struct engine *e = container_of(op, struct engine, wake);

	CHECK(res == (int)sizeof(e->wake_count) || res == -EINTR ||
	      res == -EAGAIN);
	e->called = true;
	if (e->state != ENGINE_STOPPED)
		engine_listen(e);
}

static void
engine_stopped(struct raid *r, int res, void *arg)
{
	struct engine *e = arg;

	(void)r;
	CHECK(e->state == ENGINE_STOPPING);
	e->stop_result = res;
	e->state = ENGINE_STOPPED;
}

/* From draining on to stopping, when the clients are gone. */
static void
engine_drain(struct engine *e)
{
	struct frontend *fe = e->nbd;

	if (!fe->ops->is_idle(fe)) {
		if (e->ring.now_ns >= e->drain_end_ns)
			fe->ops->cut(fe);
		return;
	}
	e->state = ENGINE_STOPPING;
	raid_stop(e->raid, engine_stopped, e);
}

static uint64_t
min_ns(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
engine_deadline(const struct engine *e)
{
	uint64_t due_ns =
		min_ns(raid_deadline(e->raid), uring_deadline(e->uring));

	/* After its end, look again now and then: requests that are still at
	 * the array are waited for. */
	if (e->state == ENGINE_DRAINING) {
		uint64_t later_ns = e->ring.now_ns + 10000000u;

		due_ns = min_ns(due_ns, e->drain_end_ns > later_ns
						? e->drain_end_ns
						: later_ns);
	}
	return due_ns;
}

static void
engine_turn(struct engine *e)
{
	ring_turn(&e->ring, engine_deadline(e));
	if (e->called) {
		e->called = false;
		mailbox_run(&e->mailbox);
	}
	uring_tick(e->uring);
	raid_tick(e->raid);
	e->nbd->ops->turn(e->nbd);
	notebox_ring(&e->notebox);
	if (e->state == ENGINE_DRAINING)
		engine_drain(e);
}

/* Page-aligned to what huge pages want, so that they can be had. */
static int
engine_map(struct engine *e, size_t bytes)
{
	size_t total = bytes + HUGE_PAGE_BYTES;
	char *mem = mmap(NULL, total, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return -ENOMEM;
	size_t skip = -(uintptr_t)mem & (HUGE_PAGE_BYTES - 1);

	if (skip)
		munmap(mem, skip);
	if (skip < HUGE_PAGE_BYTES)
		munmap(mem + skip + bytes, HUGE_PAGE_BYTES - skip);
	e->raid_mem = mem + skip;
	e->raid_mem_bytes = bytes;
	(void)madvise(e->raid_mem, bytes, MADV_HUGEPAGE);
	if (e->cfg.lock_memory)
		e->memory_locked = mlock(e->raid_mem, bytes) == 0;
	return 0;
}

static int
engine_open_raid(struct engine *e)
{
	const long page = sysconf(_SC_PAGESIZE);
	size_t bytes = raid_bytes(e->cfg.raid);

	bytes = (bytes + (size_t)page - 1) & ~((size_t)page - 1);
	int rc = engine_map(e, bytes);

	if (rc)
		return rc;
	rc = raid_init(&e->raid, e->cfg.raid, uring_io(e->uring), e->raid_mem,
		       bytes);
	if (rc)
		munmap(e->raid_mem, bytes);
	return rc;
}

static int
engine_open_nbd(struct engine *e)
{
	bool locked;
	struct nbd_frontend_config cfg = {
		.ring = &e->ring,
		.raid = e->raid,
		.block_bytes = e->cfg.raid->sb->geometry.block_bytes,
		.lock_memory = e->cfg.lock_memory,
	};
	int rc = nbd_frontend_open(&e->nbd, &cfg, &locked);

	if (!rc && e->cfg.lock_memory)
		e->memory_locked = e->memory_locked && locked;
	return rc;
}

static int
engine_open(struct engine *e)
{
	struct uring_config cfg = {
		.ring = &e->ring,
		.devices = e->cfg.devices,
		.device_count = e->cfg.device_count,
		.queue_depth = e->cfg.queue_depth,
		.note = engine_note,
		.arg = e,
	};
	uint32_t in_flight_max =
		1 + nbd_frontend_in_flight_max() +
		uring_in_flight_max(e->cfg.device_count, e->cfg.queue_depth);
	int rc = ring_open(&e->ring, in_flight_max);

	if (rc)
		return rc;
	rc = uring_open(&e->uring, &cfg);
	if (rc)
		goto err_ring;
	rc = engine_open_raid(e);
	if (rc)
		goto err_uring;
	rc = engine_open_nbd(e);
	if (rc)
		goto err_raid;
	e->wake.done = engine_woken;
	engine_listen(e);
	return 0;

err_raid:
	munmap(e->raid_mem, e->raid_mem_bytes);
err_uring:
	uring_close(e->uring);
err_ring:
	ring_close(&e->ring);
	return rc;
}

/* The listening read ends now. */
static void
engine_deafen(struct engine *e)
{
	uint64_t one = 1;

	CHECK(e->state == ENGINE_STOPPED);
	mailbox_close(&e->mailbox);
	ssize_t put = write(e->mailbox.eventfd, &one, sizeof(one));

	CHECK(put == (ssize_t)sizeof(one));
}

/* Wait for member I/O that outlived the array.  False: it is past end_ns. */
static bool
engine_wait_idle(struct engine *e, uint64_t end_ns)
{
	while (e->ring.in_flight || uring_busy(e->uring)) {
		if (e->ring.now_ns >= end_ns)
			return false;
		ring_turn(&e->ring, min_ns(uring_deadline(e->uring), end_ns));
		uring_tick(e->uring);
	}
	return true;
}

static void
engine_close(struct engine *e)
{
	e->nbd->ops->close(e->nbd);
	munmap(e->raid_mem, e->raid_mem_bytes);
	uring_close(e->uring);
	ring_close(&e->ring);
}

static void
eventfd_ring(int fd)
{
	uint64_t one = 1;
	ssize_t put = write(fd, &one, sizeof(one));

	CHECK(put == (ssize_t)sizeof(one));
}

static void
engine_drain_begin(void *arg)
{
	struct engine *e = arg;

	CHECK(e->state == ENGINE_SERVING);
	e->state = ENGINE_DRAINING;
	e->drain_end_ns = e->ring.now_ns + DRAIN_NS;
	e->nbd->ops->stop(e->nbd);
}

static void
engine_started(struct raid *r, int res, void *arg)
{
	struct engine *e = arg;

	(void)r;
	CHECK(e->state == ENGINE_STARTING);
	e->start_result = res;
	e->state = res ? ENGINE_STOPPED : ENGINE_SERVING;
	if (!res && e->given_up)
		engine_drain_begin(e);
	eventfd_ring(e->started);
}

/* The control thread joins, or is not there any more. */
static void
engine_over(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	e->over = true;
	bool let_go = e->let_go;

	pthread_mutex_unlock(&e->lock);
	if (let_go)
		e->cfg.left(e->cfg.arg);
	else
		eventfd_ring(e->ended);
}

static void
engine_run(struct engine *e)
{
	raid_start(e->raid, engine_started, e);
	while (e->state != ENGINE_STOPPED)
		engine_turn(e);
	notebox_ring(&e->notebox);
	raid_status(e->raid, &e->last);
	engine_deafen(e);
	if (!engine_wait_idle(e, e->ring.now_ns + LINGER_NS)) {
		for (uint32_t i = 0; i < e->cfg.device_count; i++)
			e->released[i] = uring_is_idle(e->uring, i);
		eventfd_ring(e->ended);
		engine_wait_idle(e, UINT64_MAX);
	}
	engine_close(e);
}

static void *
engine_main(void *arg)
{
	struct engine *e = arg;
	char thread_name[16];

	snprintf(thread_name, sizeof(thread_name), "raidd:%s", e->cfg.name);
	prctl(PR_SET_NAME, thread_name);
	int rc = engine_open(e);

	if (rc) {
		e->start_result = rc;
		mailbox_close(&e->mailbox);
		eventfd_ring(e->started);
	} else {
		engine_run(e);
	}
	engine_over(e);
	return NULL;
}

/* Signals are the control thread's. */
static int
engine_spawn(struct engine *e)
{
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&e->thread, NULL, engine_main, e);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

int
engine_init(struct engine *e, const struct engine_config *cfg)
{
	e->cfg = *cfg;
	e->state = ENGINE_STARTING;
	int rc = mailbox_init(&e->mailbox);

	if (rc)
		return rc;
	rc = notebox_init(&e->notebox);
	if (rc) {
		mailbox_fini(&e->mailbox);
		return rc;
	}
	e->started = eventfd(0, EFD_CLOEXEC);
	e->ended = eventfd(0, EFD_CLOEXEC);
	if (e->started < 0 || e->ended < 0) {
		rc = -errno;
		goto err_events;
	}
	pthread_mutex_init(&e->lock, NULL);
	return 0;

err_events:
	if (e->started >= 0)
		close(e->started);
	if (e->ended >= 0)
		close(e->ended);
	notebox_fini(&e->notebox);
	mailbox_fini(&e->mailbox);
	return rc;
}

void
engine_fini(struct engine *e)
{
	pthread_mutex_destroy(&e->lock);
	close(e->started);
	close(e->ended);
	notebox_fini(&e->notebox);
	mailbox_fini(&e->mailbox);
}

/* The thread is over, or cannot end yet. */
static void
engine_leave(struct engine *e, bool *lingers)
{
	pthread_mutex_lock(&e->lock);
	*lingers = !e->over;
	pthread_mutex_unlock(&e->lock);
	if (!*lingers)
		pthread_join(e->thread, NULL);
}

void
engine_let_go(struct engine *e)
{
	pthread_mutex_lock(&e->lock);
	bool over = e->over;

	if (!over)
		pthread_detach(e->thread);
	e->let_go = true;
	pthread_mutex_unlock(&e->lock);
	if (!over)
		return;
	/* It came to its end just now. */
	pthread_join(e->thread, NULL);
	e->cfg.left(e->cfg.arg);
}

static void
engine_give_up(void *arg)
{
	struct engine *e = arg;

	e->given_up = true;
	if (e->state == ENGINE_SERVING)
		engine_drain_begin(e);
}

int
engine_start(struct engine *e, uint64_t end_ns, bool *lingers)
{
	int rc = engine_spawn(e);

	*lingers = false;
	if (rc)
		return rc;
	if (poll_await(e->started, end_ns, true)) {
		mailbox_call(&e->mailbox, engine_give_up, e);
		/* When we are being stopped, it has time left to do so too. */
		if (poll_clock_ns() >= end_ns ||
		    poll_await(e->ended, end_ns, false)) {
			*lingers = true;
			return -ETIMEDOUT;
		}
		engine_leave(e, lingers);
		return -ECANCELED;
	}
	e->cfg.raid = NULL;
	rc = e->start_result;
	if (rc && poll_await(e->ended, end_ns + 2 * LINGER_NS, false))
		*lingers = true;
	else if (rc)
		engine_leave(e, lingers);
	return rc;
}

void
engine_stop_begin(struct engine *e)
{
	mailbox_call(&e->mailbox, engine_drain_begin, e);
}

int
engine_stop_wait(struct engine *e, uint64_t end_ns, bool *lingers)
{
	if (poll_await(e->ended, end_ns, false)) {
		*lingers = true;
		return -ETIMEDOUT;
	}
	int rc = e->stop_result;

	engine_leave(e, lingers);
	return rc;
}

struct status_call {
	struct engine *e;
	struct raid_status *out;
};

static void
engine_status_run(void *arg)
{
	struct status_call *call = arg;

	raid_status(call->e->raid, call->out);
}

void
engine_status(struct engine *e, struct raid_status *out)
{
	struct status_call call = {e, out};

	if (!mailbox_call(&e->mailbox, engine_status_run, &call))
		*out = e->last;
}
