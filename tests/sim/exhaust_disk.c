/* SPDX-License-Identifier: MIT */
#include "exhaust_disk.h"

#include <isa-l/crc64.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"
#include "rng.h"

void
xpool_init(struct xpool *p, size_t room)
{
	*p = (struct xpool){.room = room};
	p->base = mmap(NULL, room, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(p->base != MAP_FAILED);
}

void *
xpool_take(struct xpool *p, size_t bytes)
{
	void *at = p->base + p->used;

	p->used += (bytes + 7) / 8 * 8;
	CHECK(p->used <= p->room);
	return at;
}

struct xpage *
xpool_page(struct xpool *p)
{
	struct xpage *page = xpool_take(p, sizeof(*page));

	page->hash = 0;
	return page;
}

uint64_t
xpage_hash(const struct xpage *page)
{
	uint64_t hash = page->hash;

	if (hash != 0)
		return hash;
	hash = crc64_ecma_refl(1, page->data, XPAGE_BYTES);
	if (hash == 0)
		hash = 1;
	/* Remembered, since pages do not change. */
	((struct xpage *)(uintptr_t)page)->hash = hash;
	return hash;
}

void
xdisk_init(struct xdisk *d, struct xpool *pool)
{
	struct xpage *noise = xpool_page(pool);

	for (unsigned at = 0; at < XPAGE_BYTES; at += 8) {
		uint64_t word = rng_mix(at + 77);

		memcpy(noise->data + at, &word, sizeof(word));
	}
	d->cached_count = 0;
	for (unsigned i = 0; i < XDISK_PAGES_MAX; i++) {
		d->media[i] = noise;
		d->view[i] = noise;
	}
}

void
xdisk_copy(struct xdisk *to, const struct xdisk *from)
{
	memcpy(to->media, from->media, sizeof(to->media));
	memcpy(to->view, from->view, sizeof(to->view));
	to->cached_count = from->cached_count;
	memcpy(to->cached, from->cached,
	       from->cached_count * sizeof(to->cached[0]));
}

uint64_t
xwrite_hash(const struct xwrite *w)
{
	uint64_t hash = rng_mix(w->page ^ (uint64_t)w->pages << 16 ^
				(uint64_t)w->sector << 32 ^
				(uint64_t)w->sectors << 40 ^
				(uint64_t)w->firm << 48);

	for (unsigned i = 0; i < w->pages; i++)
		hash = rng_mix(hash + xpage_hash(w->data[i]));
	return hash;
}

uint64_t
xdisk_hash(const struct xdisk *d)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < XDISK_PAGES_MAX; i++) {
		hash += rng_mix(xpage_hash(d->media[i]) + i);
		if (d->view[i] != d->media[i])
			hash += rng_mix(xpage_hash(d->view[i]) ^
					rng_mix(~(uint64_t)i));
	}
	for (unsigned i = 0; i < d->cached_count; i++)
		hash = rng_mix(hash + xwrite_hash(&d->cached[i]));
	return hash;
}

void
xdisk_read(const struct xdisk *d, uint64_t offset, uint64_t length, void *buf)
{
	uint8_t *out = buf;

	while (length > 0) {
		uint64_t skip = offset % XPAGE_BYTES;
		uint64_t n = XPAGE_BYTES - skip < length ? XPAGE_BYTES - skip :
							   length;

		CHECK(offset / XPAGE_BYTES < XDISK_PAGES_MAX);
		memcpy(out, d->view[offset / XPAGE_BYTES]->data + skip, n);
		out += n;
		offset += n;
		length -= n;
	}
}

void
xwrite_make(struct xwrite *w, struct xpool *pool, uint64_t offset,
	    uint64_t length, const void *buf)
{
	const uint8_t *bytes = buf;

	w->page = (uint32_t)(offset / XPAGE_BYTES);
	w->sectors = 0;
	if (offset % XPAGE_BYTES == 0 && length % XPAGE_BYTES == 0) {
		w->pages = (uint32_t)(length / XPAGE_BYTES);
		CHECK(w->pages <= XWRITE_PAGES_MAX);
	} else {
		w->pages = 1;
		w->sector = (uint32_t)(offset % XPAGE_BYTES / XPAGE_SECTOR);
		w->sectors = (uint32_t)(length / XPAGE_SECTOR);
		CHECK(w->sector + w->sectors <= XPAGE_BYTES / XPAGE_SECTOR);
	}
	for (unsigned i = 0; i < w->pages; i++) {
		w->data[i] = xpool_page(pool);
		if (w->sectors == 0)
			memcpy(w->data[i]->data, bytes + i * XPAGE_BYTES,
			       XPAGE_BYTES);
	}
	if (w->sectors != 0) {
		memset(w->data[0]->data, 0, XPAGE_BYTES);
		memcpy(w->data[0]->data + w->sector * XPAGE_SECTOR, bytes,
		       w->sectors * XPAGE_SECTOR);
	}
}

bool
xwrite_is(const struct xwrite *w, const void *buf)
{
	const uint8_t *bytes = buf;

	if (w->sectors != 0)
		return memcmp(w->data[0]->data + w->sector * XPAGE_SECTOR,
			      bytes, w->sectors * XPAGE_SECTOR) == 0;
	for (unsigned i = 0; i < w->pages; i++)
		if (memcmp(w->data[i]->data, bytes + i * XPAGE_BYTES,
			   XPAGE_BYTES) != 0)
			return false;
	return true;
}

const struct xpage *
xwrite_over(const struct xwrite *w, uint32_t index, const struct xpage *under,
	    struct xpool *pool)
{
	struct xpage *page;

	if (w->sectors == 0)
		return w->data[index];
	page = xpool_page(pool);
	memcpy(page->data, under->data, XPAGE_BYTES);
	memcpy(page->data + w->sector * XPAGE_SECTOR,
	       w->data[0]->data + w->sector * XPAGE_SECTOR,
	       w->sectors * XPAGE_SECTOR);
	return page;
}

static void
xdisk_store(const struct xpage **pages, const struct xwrite *w,
	    struct xpool *pool)
{
	for (unsigned i = 0; i < w->pages; i++)
		pages[w->page + i] = xwrite_over(w, i, pages[w->page + i],
						 pool);
}

static bool
xdisk_has_cached(const struct xdisk *d, const struct xwrite *w)
{
	for (unsigned i = 0; i < d->cached_count; i++)
		if (d->cached[i].page < w->page + w->pages &&
		    w->page < d->cached[i].page + d->cached[i].pages)
			return true;
	return false;
}

/* A firm write over one in the cache stays above it there: the older may
 * still reach the medium, but never over the newer. */
void
xdisk_write(struct xdisk *d, const struct xwrite *w, struct xpool *pool)
{
	CHECK(w->page + w->pages <= XDISK_PAGES_MAX);
	xdisk_store(d->view, w, pool);
	if (w->firm && !xdisk_has_cached(d, w)) {
		xdisk_store(d->media, w, pool);
		return;
	}
	CHECK(d->cached_count < XDISK_CACHED_MAX);
	d->cached[d->cached_count++] = *w;
}

static void
xdisk_drop_cached(struct xdisk *d, unsigned count)
{
	d->cached_count -= count;
	memmove(d->cached, d->cached + count,
		d->cached_count * sizeof(d->cached[0]));
}

/* Firm writes with nothing below them any more are on the medium. */
static void
xdisk_settle(struct xdisk *d, struct xpool *pool)
{
	uint32_t count = d->cached_count;

	d->cached_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct xwrite w = d->cached[i];

		if (w.firm && !xdisk_has_cached(d, &w))
			xdisk_store(d->media, &w, pool);
		else
			d->cached[d->cached_count++] = w;
	}
}

/* The cache is in the order of completion, so these are the first of it. */
void
xdisk_flush(struct xdisk *d, uint64_t seq, struct xpool *pool)
{
	unsigned count = 0;

	while (count < d->cached_count && d->cached[count].done_seq < seq)
		xdisk_store(d->media, &d->cached[count++], pool);
	xdisk_drop_cached(d, count);
	xdisk_settle(d, pool);
}

void
xdisk_forget(struct xdisk *d, uint64_t seq, struct xpool *pool)
{
	unsigned count = 0;

	for (; count < d->cached_count && d->cached[count].done_seq < seq;
	     count++)
		if (d->cached[count].firm)
			xdisk_store(d->media, &d->cached[count], pool);
	xdisk_drop_cached(d, count);
	xdisk_settle(d, pool);
	memcpy(d->view, d->media, sizeof(d->view));
	for (unsigned i = 0; i < d->cached_count; i++)
		xdisk_store(d->view, &d->cached[i], pool);
}
