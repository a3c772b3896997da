/* SPDX-License-Identifier: MIT */
/*
 * One anonymous mapping, cut into buffers class by class.  Memory is touched
 * when first used: the largest buffers cost address space until somebody asks
 * for a large request, and are given back after it.
 *
 * Each size is a page more than the power of two: the data of a request lies
 * in its buffer as its offset lies in a block.
 */
#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

#define PAGE 4096u
/* A buffer that grew beyond this in use is given back to the system. */
#define KEEP_BYTES (4u << 20)

struct pool_class {
	uint32_t bytes;
	uint32_t count;
	uint32_t share;
	bool lazy; /* neither locked nor worth huge pages while unused */
};

/* Small requests are as many as all connections may have in flight (nbd.c),
 * so they never wait. */
static const struct pool_class classes[POOL_CLASSES] = {
	{(4u << 10) + PAGE, 2048, 128, false},
	{(128u << 10) + PAGE, 256, 64, false},
	{(2u << 20) + PAGE, 16, 4, true},
	{(64u << 20) + PAGE, 4, 1, true},
};

uint64_t
pool_bytes_max(void)
{
	return classes[POOL_CLASSES - 1].bytes;
}

/* The same number of each once more, to be put aside. */
static void
pool_cut(struct pool *p)
{
	struct pool_buf *buf = p->bufs;
	char *mem = p->mem;

	for (unsigned i = 0; i < 2 * POOL_CLASSES; i++) {
		uint8_t c = (uint8_t)(i % POOL_CLASSES);

		for (uint32_t k = 0; k < classes[c].count; k++, buf++) {
			buf->mem = mem;
			buf->size_class = c;
			buf->next = p->free[c];
			p->free[c] = buf;
			mem += classes[c].bytes;
		}
	}
}

int
pool_init(struct pool *p, bool lock, bool *locked)
{
	size_t count = 0;
	size_t eager = 0;

	memset(p, 0, sizeof(*p));
	for (unsigned c = 0; c < POOL_CLASSES; c++) {
		size_t bytes = (size_t)classes[c].bytes * classes[c].count;

		count += 2 * classes[c].count;
		p->mem_bytes += 2 * bytes;
		if (!classes[c].lazy)
			eager += bytes;
	}
	p->bufs = calloc(count, sizeof(*p->bufs));
	if (!p->bufs)
		return -ENOMEM;
	p->mem = mmap(NULL, p->mem_bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->mem == MAP_FAILED) {
		free(p->bufs);
		return -ENOMEM;
	}
	/* Fewer segments a transfer, and fewer misses; advice only. */
	(void)madvise(p->mem, p->mem_bytes, MADV_HUGEPAGE);
	(void)madvise(p->mem, p->mem_bytes, MADV_DONTDUMP);
	*locked = lock && mlock(p->mem, eager) == 0;
	pool_cut(p);
	return 0;
}

void
pool_fini(struct pool *p)
{
	munmap(p->mem, p->mem_bytes);
	free(p->bufs);
}

static struct pool_buf *
class_get(struct pool *p, struct pool_share *share, unsigned c)
{
	struct pool_buf *buf = p->free[c];

	if (p->used[c] == classes[c].count ||
	    share->held[c] == classes[c].share)
		return NULL;
	CHECK(buf);
	p->free[c] = buf->next;
	p->used[c]++;
	share->held[c]++;
	return buf;
}

struct pool_buf *
pool_get(struct pool *p, struct pool_share *share, uint64_t bytes)
{
	CHECK(bytes <= pool_bytes_max());
	unsigned c = 0;

	while (classes[c].bytes < bytes)
		c++;
	struct pool_buf *buf = class_get(p, share, c);

	/* The largest are too few to be lent to smaller requests. */
	if (!buf && c + 2 < POOL_CLASSES)
		buf = class_get(p, share, c + 1);
	return buf;
}

static void
uncount(struct pool *p, struct pool_share *share, unsigned c)
{
	CHECK(share->held[c] > 0 && p->used[c] > 0);
	share->held[c]--;
	p->used[c]--;
}

bool
pool_put_aside(struct pool *p, struct pool_share *share, struct pool_buf *buf)
{
	unsigned c = buf->size_class;

	CHECK(!buf->aside);
	if (p->aside[c] == classes[c].count)
		return false;
	uncount(p, share, c);
	p->aside[c]++;
	buf->aside = true;
	return true;
}

void
pool_put(struct pool *p, struct pool_share *share, struct pool_buf *buf,
	 uint64_t used)
{
	unsigned c = buf->size_class;

	/* Fails under mlockall: then it stays. */
	if (used > KEEP_BYTES && classes[c].bytes > KEEP_BYTES)
		(void)madvise(buf->mem, classes[c].bytes, MADV_DONTNEED);
	if (buf->aside)
		p->aside[c]--;
	else
		uncount(p, share, c);
	buf->aside = false;
	buf->next = p->free[c];
	p->free[c] = buf;
}
