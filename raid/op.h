/* SPDX-License-Identifier: MIT */
/*
 * One member I/O in flight, from the array's pool; and what becomes of one
 * that takes too long (R10).
 *
 *   in flight ---- completes ------------------------------> free
 *       |                                                      ^
 *       '-- given up: done(-ETIMEDOUT) --> abandoned ----------'
 *                                          (completes some day)
 *
 * The disk may go on with an abandoned I/O for as long as it likes.  A write's
 * buffer is only read then, for a leg that is out.  A read's buffer is written
 * to: it belongs to nobody until the I/O has completed.
 */
#ifndef RAID_OP_H
#define RAID_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "io.h"
#include "list.h"

struct leg;
struct op;
struct raid;

typedef void op_done_f(struct op *op, int res);

struct op {
	struct list link; /* in its leg's list, oldest first; or free */
	struct io_req io;
	struct leg *leg;
	op_done_f *done;
	void *owner;
	uint64_t tag; /* the owner's */
	uint64_t since_ns;
	bool hedged; /* a read that may be given up for being slow */
	/* A read into 4096 bytes that have a stand-in: when it is given up,
	 * spare is the owner's new buffer, and the old one is the reserve's. */
	bool spared;
	bool abandoned;
	uint8_t *spare;
	/* Set by the owner within done, if it wants to know the end. */
	op_done_f *released;
};

/* A single I/O; done is never called from inside.  The caller may set hedged
 * and spared. */
struct op *op_submit(struct leg *leg, enum io_op op, uint64_t offset,
		     uint64_t length, void *buf, bool fua, op_done_f *done,
		     void *owner, uint64_t tag);

void op_pool_init(struct raid *r, uint32_t ops, uint32_t spares);

/* Give up what takes too long; evict legs that do not answer. */
void op_tick(struct raid *r);

/* When op_tick is due: ns; UINT64_MAX: nothing is in flight. */
uint64_t op_deadline(const struct raid *r);

#endif
