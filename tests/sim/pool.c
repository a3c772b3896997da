/* SPDX-License-Identifier: MIT */
/*
 * A list of free pieces for each power of two.  Under AddressSanitizer what
 * is free, and what is beyond the bytes asked for, is poisoned: whoever uses
 * it is caught as with malloc.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "check.h"
#include "pool.h"

#ifdef __SANITIZE_ADDRESS__
#define POOL_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_POISON 1
#endif
#endif

#ifdef POOL_POISON
#include <sanitizer/asan_interface.h>
#define POOL_HIDE(p, bytes) ASAN_POISON_MEMORY_REGION((p), (bytes))
#define POOL_SHOW(p, bytes) ASAN_UNPOISON_MEMORY_REGION((p), (bytes))
#else
#define POOL_HIDE(p, bytes) ((void)(p), (void)(bytes))
#define POOL_SHOW(p, bytes) ((void)(p), (void)(bytes))
#endif

#define POOL_LEAST_SHIFT 6u
#define POOL_SHIFTS 34u
/* Small ones are cut from pieces of this size. */
#define POOL_SLAB_BYTES ((size_t)64 << 10)
#define POOL_ALIGN 4096u

struct pool_free {
	struct pool_free *next;
};

/* What came from the system, for a leak checker to find. */
struct pool_slab {
	struct pool_slab *next;
	uint8_t *pieces;
};

static struct pool_free *pool_free[POOL_SHIFTS];
static struct pool_slab *pool_slabs;

static struct pool_shared {
	void *piece;
	size_t bytes;
	bool taken;
} pool_shared;

static unsigned
pool_shift(size_t bytes)
{
	if (bytes <= (size_t)1 << POOL_LEAST_SHIFT)
		return POOL_LEAST_SHIFT;
	return 64u - (unsigned)__builtin_clzll((uint64_t)bytes - 1);
}

static void
pool_push(unsigned shift, void *p)
{
	struct pool_free *f = p;

	f->next = pool_free[shift];
	pool_free[shift] = f;
	POOL_HIDE(p, (size_t)1 << shift);
}

/* Never given back to the system. */
static void
pool_grow(unsigned shift)
{
	size_t size = (size_t)1 << shift;
	size_t bytes = size < POOL_SLAB_BYTES ? POOL_SLAB_BYTES : size;
	struct pool_slab *slab = malloc(sizeof(*slab));

	CHECK(slab != NULL);
	slab->pieces = aligned_alloc(POOL_ALIGN, bytes);
	CHECK(slab->pieces != NULL);
	slab->next = pool_slabs;
	pool_slabs = slab;
	for (size_t at = bytes; at > 0; at -= size)
		pool_push(shift, slab->pieces + at - size);
}

void *
pool_take(size_t bytes)
{
	unsigned shift = pool_shift(bytes);
	struct pool_free *f;

	CHECK(shift < POOL_SHIFTS);
	if (pool_free[shift] == NULL)
		pool_grow(shift);
	f = pool_free[shift];
	POOL_SHOW(f, bytes > sizeof(*f) ? bytes : sizeof(*f));
	pool_free[shift] = f->next;
	return f;
}

void
pool_give(void *p, size_t bytes)
{
	if (p != NULL)
		pool_push(pool_shift(bytes), p);
}

void *
pool_take_shared(size_t bytes)
{
	struct pool_shared *sh = &pool_shared;

	CHECK(!sh->taken);
	sh->taken = true;
	POOL_SHOW(sh->piece, bytes < sh->bytes ? bytes : sh->bytes);
	if (bytes <= sh->bytes)
		return sh->piece;
	if (sh->piece != NULL)
		CHECK(munmap(sh->piece, sh->bytes) == 0);
	sh->bytes = (size_t)1 << pool_shift(bytes);
	sh->piece = mmap(NULL, sh->bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(sh->piece != MAP_FAILED);
	POOL_HIDE(sh->piece, sh->bytes);
	POOL_SHOW(sh->piece, bytes);
	return sh->piece;
}

void
pool_give_shared(void *p)
{
	CHECK(p == NULL || (p == pool_shared.piece && pool_shared.taken));
	if (p == NULL)
		return;
	pool_shared.taken = false;
	POOL_HIDE(p, pool_shared.bytes);
}
