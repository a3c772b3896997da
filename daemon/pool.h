/* SPDX-License-Identifier: MIT */
/*
 * Buffers for clients' data, all of a volume's, reserved when it starts.
 *
 * A few sizes; a request takes the smallest that holds it, and where that is
 * used up the next larger one.  What is there is given at once or not at all:
 * who gets none waits for the next pool_put and asks again.
 *
 * Nobody gets more than a share of each size, so that a client that stops
 * reading, or stops in the middle of a write, does not hold up the others.
 *
 * A buffer that a disk still reads into (R10) can be put aside: it counts no
 * more, neither for the share nor for the pool, which has as many again for
 * that.  Memory is touched when it is used, so these cost none until a disk
 * hangs.
 */
#ifndef RAIDD_POOL_H
#define RAIDD_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool_buf {
	void *mem;             /* aligned to 4096 */
	struct pool_buf *next; /* of the free ones */
	uint8_t size_class;
	bool aside;
};

#define POOL_CLASSES 4u

/* What one client holds; begins as zeros. */
struct pool_share {
	uint32_t held[POOL_CLASSES];
};

struct pool {
	struct pool_buf *free[POOL_CLASSES];
	uint32_t used[POOL_CLASSES]; /* but for those aside */
	uint32_t aside[POOL_CLASSES];
	struct pool_buf *bufs;
	char *mem;
	size_t mem_bytes;
};

/* lock: keep what small requests use in memory.  0 or -errno; -EAGAIN or
 * -EPERM of locking is not an error: *locked says. */
int pool_init(struct pool *p, bool lock, bool *locked);
void pool_fini(struct pool *p);

/* At least bytes (up to pool_bytes_max()), or NULL: none is free, or the
 * share is used up. */
struct pool_buf *pool_get(struct pool *p, struct pool_share *share,
			  uint64_t bytes);
/* False: too many are aside. */
bool pool_put_aside(struct pool *p, struct pool_share *share,
		    struct pool_buf *buf);
/* used: bytes of it that were touched. */
void pool_put(struct pool *p, struct pool_share *share, struct pool_buf *buf,
	      uint64_t used);

uint64_t pool_bytes_max(void);

#endif
