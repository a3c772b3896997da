/* SPDX-License-Identifier: MIT */
/*
 * A disk with a volatile cache, as a value: a copy of the struct is the disk
 * as it stood then.  sim_disk.c draws what a disk does with its cache; here
 * all that it could do is listed (exhaust_image.c), so the same disk is gone
 * back to many times.
 *
 * The bytes are pages which are never changed once they are on a disk: copies
 * share them.  Pages come from a pool that is wound back.
 */
#ifndef SIM_EXHAUST_DISK_H
#define SIM_EXHAUST_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XPAGE_BYTES       4096u
#define XPAGE_SECTOR      512u
#define XDISK_PAGES_MAX   320u
#define XDISK_CACHED_MAX  48u
#define XWRITE_PAGES_MAX  16u

struct xpage {
	uint64_t hash; /* 0: not computed yet */
	uint8_t data[XPAGE_BYTES];
};

/* Memory taken piece by piece and given back down to a mark. */
struct xpool {
	uint8_t *base;
	size_t used;
	size_t room;
};

/* A write, sent or in the cache.  Whole pages, or sectors of one. */
struct xwrite {
	uint32_t page;
	uint32_t pages;
	uint32_t sector;  /* first, when not whole */
	uint32_t sectors; /* 0: whole pages */
	bool firm;        /* FUA: on the medium when done */
	bool tears;       /* block by block, and each block in halves */
	uint64_t done_seq;
	struct xpage *data[XWRITE_PAGES_MAX];
};

struct xdisk {
	const struct xpage *media[XDISK_PAGES_MAX];
	const struct xpage *view[XDISK_PAGES_MAX];
	uint32_t cached_count;
	struct xwrite cached[XDISK_CACHED_MAX]; /* oldest first */
};

void xpool_init(struct xpool *p, size_t room);
void *xpool_take(struct xpool *p, size_t bytes);
struct xpage *xpool_page(struct xpool *p);

uint64_t xpage_hash(const struct xpage *page);

/* Every page the same noise: what an earlier owner left. */
void xdisk_init(struct xdisk *d, struct xpool *pool);
/* The same bytes, and nothing of the cache: so much was copied. */
void xdisk_copy(struct xdisk *to, const struct xdisk *from);
/* Of media, view and cache. */
uint64_t xdisk_hash(const struct xdisk *d);

void xdisk_read(const struct xdisk *d, uint64_t offset, uint64_t length,
		void *buf);
/* Take the bytes out of the buffer. */
void xwrite_make(struct xwrite *w, struct xpool *pool, uint64_t offset,
		 uint64_t length, const void *buf);
uint64_t xwrite_hash(const struct xwrite *w);
/* Its bytes are still these (R8). */
bool xwrite_is(const struct xwrite *w, const void *buf);
/* One page of a write over a page: a new one, unless it is whole. */
const struct xpage *xwrite_over(const struct xwrite *w, uint32_t index,
				const struct xpage *under, struct xpool *pool);

/* It is done: in the cache, or, when firm, on the medium. */
void xdisk_write(struct xdisk *d, const struct xwrite *w, struct xpool *pool);
/* What was done before seq goes to the medium. */
void xdisk_flush(struct xdisk *d, uint64_t seq, struct xpool *pool);
/* Of a failed flush: what was done before seq is forgotten. */
void xdisk_forget(struct xdisk *d, uint64_t seq, struct xpool *pool);

#endif
