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
	size_t size;
};

static inline void *
arena_take(struct arena *a, size_t bytes, size_t align)
{
	a->used = (a->used + align - 1) & ~(align - 1);
	void *p = a->base ? a->base + a->used : NULL;

	a->used += bytes;
	if (a->base)
		CHECK(a->used <= a->size);
	return p;
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

#endif
