/* SPDX-License-Identifier: MIT */
/*
 * Memory for what the simulator takes and gives back all the time.  Pieces
 * are kept for the next taker, and for the next seed.
 */
#ifndef SIM_POOL_H
#define SIM_POOL_H

#include <stddef.h>

/* Not zeroed; aligned to 4096 if at least as large, else to 64 or its size. */
void *pool_take(size_t bytes);
/* bytes: as when it was taken.  NULL is nothing. */
void pool_give(void *p, size_t bytes);

/* One large piece, aligned to 4096, that is the same in a child: for what is
 * in use by one process at a time and filled anew by each. */
void *pool_take_shared(size_t bytes);
void pool_give_shared(void *p);

#endif
