/* SPDX-License-Identifier: MIT */
/*
 * The seam downwards: all that the engine asks of the world.
 *
 * Three implementations: daemon/uring.c, tests/sim/sim_io.c and, later,
 * libaio.  Four promises make the engine simple, and every implementation
 * keeps them:
 *
 *  - submit cannot fail.  Trouble arrives in req->res, through req->done.
 *  - done is never called from inside submit, and exactly once.
 *  - a short transfer, EINTR and EAGAIN never show: res is 0 or -errno.
 *  - nothing orders two requests in flight; order is the engine's business.
 */
#ifndef RAID_IO_H
#define RAID_IO_H

#include <stdbool.h>
#include <stdint.h>

struct io;
struct io_req;
struct raid_note;

enum io_op {
	IO_READ,
	IO_WRITE,
	IO_FLUSH,   /* covers the writes completed before it was submitted */
	IO_DISCARD, /* advice; its errors are nobody's */
};

typedef void io_done_f(struct io_req *req);

struct io_req {
	/* Set by the engine before submit, not touched by it until done. */
	enum io_op op;
	uint16_t member; /* set * legs + leg */
	bool fua;        /* IO_WRITE: durable when done */
	uint64_t offset; /* bytes on the member, multiple of its sector */
	uint64_t length; /* bytes, multiple of its sector */
	void *buf;       /* aligned to 512 at least (to the sector) */
	io_done_f *done;

	/* Set by the back end: 0 or -errno. */
	int res;

	/* The back end's, from submit to done. */
	struct io_req *next;
	uint64_t priv;
};

struct io_ops {
	const char *name;

	void (*submit)(struct io *io, struct io_req *req);

	/* Monotonic nanoseconds; does not move within one turn of the loop. */
	uint64_t (*now)(const struct io *io);

	/* Unpredictable bits: nonces of epochs. */
	uint64_t (*random)(struct io *io);

	/* Something happened that an operator may want to know (note.h).
	 * Must neither block nor call the engine. */
	void (*note)(struct io *io, const struct raid_note *note);
};

/* Embedded first in the back end's own struct. */
struct io {
	const struct io_ops *ops;
};

#endif
