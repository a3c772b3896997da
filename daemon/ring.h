/* SPDX-License-Identifier: MIT */
/*
 * One io_uring for one engine thread.  Members, clients' sockets and the
 * mailbox's eventfd are all on it, so that a turn of the loop costs one
 * system call.
 *
 * Who wants something done embeds a struct ring_op, takes an SQE for it and
 * is called back with the result.  Only the thread that opened the ring may
 * use it.
 */
#ifndef RAIDD_RING_H
#define RAIDD_RING_H

#include <liburing.h>
#include <stdint.h>

struct ring_op;

/* res: as the kernel gave it. */
typedef void ring_done_f(struct ring_op *op, int res);

struct ring_op {
	ring_done_f *done;
};

struct ring {
	struct io_uring uring;
	uint64_t now_ns;        /* monotonic; read once a turn */
	uint32_t in_flight;     /* SQEs taken, CQEs not yet seen */
	uint32_t in_flight_max; /* what the completion queue holds */
	uint32_t flags;         /* IORING_SETUP_* that the kernel took */
};

/* in_flight_max: the most operations there will ever be at a time.
 * 0 or -errno. */
int ring_open(struct ring *r, uint32_t in_flight_max);
void ring_close(struct ring *r);

/* An SQE whose completion goes to op->done.  Never NULL: what was queued is
 * handed to the kernel if the submission queue is full. */
struct io_uring_sqe *ring_sqe(struct ring *r, struct ring_op *op);

/*
 * Hand over what was queued and sleep until something completes or the clock
 * reaches deadline_ns (UINT64_MAX: never; past: do not sleep), then call the
 * done of each completion.
 */
void ring_turn(struct ring *r, uint64_t deadline_ns);

#endif
