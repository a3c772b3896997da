/* SPDX-License-Identifier: MIT */
/*
 * The ring is set up with what the kernel has: SINGLE_ISSUER and
 * DEFER_TASKRUN (6.1) keep completions from interrupting the thread,
 * SUBMIT_ALL (5.18) keeps one bad SQE from holding back the ones behind it.
 * What it has is found by asking for it, never from its version number.
 *
 * The completion queue is as large as all that can be in flight, so it cannot
 * overflow; that is checked, not hoped.
 */
#include "ring.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "check.h"

/* Submission queue: a turn that queues more makes one more system call. */
#define RING_SQ_ENTRIES     512u
#define RING_CQ_ENTRIES_MAX 65536u

static uint64_t
ring_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int
ring_try(struct ring *r, uint32_t cq_entries, uint32_t flags)
{
	struct io_uring_params p;

	memset(&p, 0, sizeof(p));
	p.flags = flags | IORING_SETUP_CQSIZE;
	p.cq_entries = cq_entries;
	int rc = io_uring_queue_init_params(RING_SQ_ENTRIES, &r->uring, &p);

	if (rc)
		return rc;
	/* Waiting with a timeout, and CQEs that are not dropped. */
	if (!(p.features & IORING_FEAT_EXT_ARG) ||
	    !(p.features & IORING_FEAT_NODROP)) {
		io_uring_queue_exit(&r->uring);
		return -ENOSYS;
	}
	r->flags = flags;
	r->in_flight_max = p.cq_entries;
	return 0;
}

int
ring_open(struct ring *r, uint32_t in_flight_max)
{
	static const uint32_t tries[] = {
		IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
			IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN,
		0,
	};
	uint32_t cq_entries = RING_SQ_ENTRIES;
	int rc = -EINVAL;

	if (in_flight_max > RING_CQ_ENTRIES_MAX)
		return -EINVAL;
	while (cq_entries < in_flight_max)
		cq_entries *= 2;
	memset(r, 0, sizeof(*r));
	for (size_t i = 0; i < ARRAY_SIZE(tries) && rc == -EINVAL; i++)
		rc = ring_try(r, cq_entries, tries[i]);
	if (rc)
		return rc;
	/* Saves a look-up a turn; not having it is no loss. */
	(void)io_uring_register_ring_fd(&r->uring);
	r->now_ns = ring_clock();
	return 0;
}

void
ring_close(struct ring *r)
{
	CHECK(r->in_flight == 0);
	io_uring_queue_exit(&r->uring);
}

/* The kernel may take less than all for a while: out of memory for requests,
 * or interrupted. */
static void
ring_push(struct ring *r)
{
	int rc;

	do
		rc = io_uring_submit(&r->uring);
	while (rc == -EINTR || rc == -EAGAIN || rc == -EBUSY);
	CHECK(rc >= 0);
}

struct io_uring_sqe *
ring_sqe(struct ring *r, struct ring_op *op)
{
	CHECK(r->in_flight < r->in_flight_max);
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);

	while (!sqe) {
		ring_push(r);
		sqe = io_uring_get_sqe(&r->uring);
	}
	r->in_flight++;
	/* The io_uring_prep_ functions leave user_data alone. */
	io_uring_sqe_set_data(sqe, op);
	return sqe;
}

static void
ring_wait(struct ring *r, uint64_t deadline_ns)
{
	struct io_uring_cqe *cqe;
	int rc;

	if (deadline_ns <= r->now_ns) {
		rc = io_uring_submit_and_get_events(&r->uring);
	} else if (deadline_ns == UINT64_MAX) {
		rc = io_uring_submit_and_wait_timeout(&r->uring, &cqe, 1, NULL,
						      NULL);
	} else {
		uint64_t ns = deadline_ns - r->now_ns;
		struct __kernel_timespec ts = {
			.tv_sec = (long long)(ns / 1000000000u),
			.tv_nsec = (long long)(ns % 1000000000u),
		};

		rc = io_uring_submit_and_wait_timeout(&r->uring, &cqe, 1, &ts,
						      NULL);
	}
	/* What was not submitted goes with the next turn. */
	CHECK(rc >= 0 || rc == -ETIME || rc == -EINTR || rc == -EAGAIN ||
	      rc == -EBUSY);
}

void
ring_turn(struct ring *r, uint64_t deadline_ns)
{
	ring_wait(r, deadline_ns);
	CHECK(!io_uring_cq_has_overflow(&r->uring));
	r->now_ns = ring_clock();
	/* Those here now: what comes meanwhile is for the next turn. */
	for (unsigned left = io_uring_cq_ready(&r->uring); left; left--) {
		struct io_uring_cqe *cqe;
		int rc = io_uring_peek_cqe(&r->uring, &cqe);

		CHECK(rc == 0);
		struct ring_op *op = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		/* Free its place first: done may submit. */
		io_uring_cqe_seen(&r->uring, cqe);
		r->in_flight--;
		op->done(op, res);
	}
}
