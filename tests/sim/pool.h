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

#endif
