/* SPDX-License-Identifier: MIT */
/*
 * All memory of an array comes from one piece, carved at start.  The same
 * code first measures (base NULL), then carves.
 */
#ifndef RAID_ARENA_H
#define RAID_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "check.h"

struct arena {
	uint8_t *base; /* NULL: measuring */
	size_t used;
	size_t buffers; /* bytes taken from the end */
	size_t size;
};

#define ARENA_BUFFER 4096u

static inline void *
arena_take(struct arena *a, size_t bytes, size_t align)
{
	a->used = (a->used + align - 1) & ~(align - 1);
	void *p = a->base ? a->base + a->used : NULL;

	a->used += bytes;
	if (a->base)
		CHECK(a->used + a->buffers <= a->size);
	return p;
}

/* Buffers for I/O come from the end: what is in them at first does not
 * matter, so that nobody has to clear them. */
static inline void *
arena_take_buffers(struct arena *a, size_t bytes)
{
	bytes = (bytes + ARENA_BUFFER - 1) & ~(size_t)(ARENA_BUFFER - 1);
	a->buffers += bytes;
	if (!a->base)
		return NULL;
	CHECK(a->used + a->buffers <= a->size);
	return a->base + a->size - a->buffers;
}

/* owner->field = room for count elements; owner may be NULL if measuring. */
#define ARENA_TAKE(a, owner, field, count, align)                       \
	do {                                                            \
		void *p_ = arena_take(                                  \
			(a), sizeof(*(owner)->field) * (size_t)(count), \
			(align));                                       \
		if ((a)->base)                                          \
			(owner)->field = p_;                            \
	} while (0)

/* owner->field = room for count of these. */
#define ARENA_TAKE_BUFFERS(a, owner, field, count)                      \
	do {                                                            \
		void *p_ = arena_take_buffers(                          \
			(a), (size_t)(count) * ARENA_BUFFER);           \
		if ((a)->base)                                          \
			(owner)->field = p_;                            \
	} while (0)

#endif
