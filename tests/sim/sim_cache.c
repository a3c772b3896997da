/* SPDX-License-Identifier: MIT */
/*
 * The volatile cache of a disk: writes in the order in which they came, each
 * of which may reach the medium at any time and by itself.
 */
#include <string.h>

#include "check.h"
#include "pool.h"
#include "sim_cache.h"

static size_t
cached_bytes(uint64_t length)
{
	return sizeof(struct cached_write) + length + length / DISK_GRAIN;
}

/* With its last cached write a piece has no view of its own any more. */
static void
cached_free(struct disk *d, struct cached_write *w)
{
	uint64_t last = (w->offset + w->length - 1) / PIECE_BYTES;

	for (uint64_t i = w->offset / PIECE_BYTES; i <= last; i++) {
		struct piece *p = &d->pieces[i];

		if (--p->cached > 0)
			continue;
		pool_give(p->view, PIECE_BYTES);
		p->view = NULL;
	}
	d->cached_count--;
	pool_give(w, cached_bytes(w->length));
}

void
disk_clear_cache(struct disk *d)
{
	while (d->oldest != NULL) {
		struct cached_write *w = d->oldest;

		d->oldest = w->next;
		cached_free(d, w);
	}
	d->newest = NULL;
	CHECK(d->cached_count == 0);
}

/* Store those sectors of a cached write that nothing newer has passed. */
static void
disk_destage(struct disk *d, const struct cached_write *w)
{
	uint64_t sectors = w->length / DISK_GRAIN;
	uint64_t end;

	for (uint64_t i = 0; i < sectors; i = end + 1) {
		for (end = i; end < sectors && !w->dead[end]; end++)
			;
		if (end > i)
			disk_store(d, w->offset + i * DISK_GRAIN,
				   (end - i) * DISK_GRAIN,
				   w->data + i * DISK_GRAIN);
	}
}

static bool
disk_has_cached(const struct disk *d, uint64_t offset, uint64_t length)
{
	uint64_t last = (offset + length - 1) / PIECE_BYTES;

	for (uint64_t i = offset / PIECE_BYTES; i <= last; i++)
		if (d->pieces[i].cached != 0)
			return true;
	return false;
}

void
disk_supersede(struct disk *d, uint64_t offset, uint64_t length)
{
	if (!disk_has_cached(d, offset, length))
		return;
	for (struct cached_write *w = d->oldest; w != NULL; w = w->next) {
		if (!disk_overlaps(offset, length, w->offset, w->length))
			continue;
		for (uint64_t i = 0; i < w->length / DISK_GRAIN; i++)
			if (disk_overlaps(offset, length,
					  w->offset + i * DISK_GRAIN,
					  DISK_GRAIN))
				w->dead[i] = 1;
	}
}

static void
disk_unlink(struct disk *d, struct cached_write **link)
{
	struct cached_write *w = *link;

	*link = w->next;
	if (d->newest == w) {
		d->newest = d->oldest;
		while (d->newest != NULL && d->newest->next != NULL)
			d->newest = d->newest->next;
	}
	cached_free(d, w);
}

void
disk_show(struct disk *d, uint64_t offset, uint64_t length, const void *data)
{
	const uint8_t *from = data;

	for (uint64_t n; length > 0; offset += n, from += n, length -= n) {
		struct piece *p = &d->pieces[offset / PIECE_BYTES];

		n = piece_part(offset, length);
		if (p->view != NULL)
			memcpy(p->view + offset % PIECE_BYTES, from, n);
	}
}

/* The pieces it touches get a view of their own, to be shown it. */
static void
cached_add(struct disk *d, struct cached_write *w)
{
	uint64_t last = (w->offset + w->length - 1) / PIECE_BYTES;

	if (d->newest == NULL)
		d->oldest = w;
	else
		d->newest->next = w;
	d->newest = w;
	d->cached_count++;
	for (uint64_t i = w->offset / PIECE_BYTES; i <= last; i++) {
		struct piece *p = &d->pieces[i];

		if (p->cached++ > 0)
			continue;
		p->view = pool_take(PIECE_BYTES);
		if (i * PIECE_BYTES < w->offset ||
		    (i + 1) * PIECE_BYTES > w->offset + w->length)
			memcpy(p->view, disk_medium(d, i * PIECE_BYTES),
			       PIECE_BYTES);
	}
}

struct cached_write *
disk_cache(struct disk *d, uint64_t offset, uint64_t length, const void *data)
{
	struct cached_write *w = pool_take(cached_bytes(length));

	if (d->cached_count >= DISK_CACHE_MAX && d->oldest->done_seq != 0) {
		disk_destage(d, d->oldest);
		disk_unlink(d, &d->oldest);
	}
	*w = (struct cached_write){
		.offset = offset,
		.length = length,
		.data = (uint8_t *)(w + 1),
		.dead = (uint8_t *)(w + 1) + length,
	};
	memcpy(w->data, data, length);
	memset(w->dead, 0, length / DISK_GRAIN);
	cached_add(d, w);
	return w;
}

/* Overlapping and older ones go first, or they would win. */
static void
disk_flush_older(struct disk *d, const struct cached_write *than)
{
	for (struct cached_write **l = &d->oldest; *l != than;) {
		if (disk_overlaps((*l)->offset, (*l)->length, than->offset,
				  than->length)) {
			disk_destage(d, *l);
			disk_unlink(d, l);
		} else {
			l = &(*l)->next;
		}
	}
}

void
disk_flush(struct disk *d, uint64_t seq)
{
	struct cached_write **l = &d->oldest;

	while (*l != NULL) {
		struct cached_write *w = *l;

		if (w->done_seq == 0 || w->done_seq >= seq) {
			l = &w->next;
			continue;
		}
		disk_flush_older(d, w);
		for (l = &d->oldest; *l != w;)
			l = &(*l)->next;
		disk_destage(d, w);
		disk_unlink(d, l);
	}
}

/* What a read gives is made anew. */
static void
disk_rebuild_view(struct disk *d)
{
	for (uint64_t i = 0; i < d->bytes / PIECE_BYTES; i++)
		if (d->pieces[i].view != NULL)
			memcpy(d->pieces[i].view,
			       disk_medium(d, i * PIECE_BYTES), PIECE_BYTES);
	for (struct cached_write *w = d->oldest; w != NULL; w = w->next)
		for (uint64_t i = 0; i < w->length / DISK_GRAIN; i++)
			if (!w->dead[i])
				disk_show(d, w->offset + i * DISK_GRAIN,
					  DISK_GRAIN,
					  w->data + i * DISK_GRAIN);
}

void
disk_flush_fail(struct disk *d, uint64_t seq)
{
	struct cached_write **l = &d->oldest;

	while (*l != NULL) {
		struct cached_write *w = *l;
		uint64_t draw = rng_below(&d->rng, 3);

		if (w->done_seq == 0 || w->done_seq >= seq || draw == 0) {
			l = &w->next;
			continue;
		}
		if (draw == 1) {
			disk_destage(d, w);
			/* Older ones may not come over it later. */
			disk_supersede(d, w->offset, w->length);
		}
		disk_unlink(d, l);
	}
	disk_rebuild_view(d);
}

static void
disk_cut_one(struct disk *d, const struct cached_write *w, enum disk_fate fate)
{
	uint64_t grains = d->sector_bytes / DISK_GRAIN;
	bool keep = true;

	if (fate == FATE_DRAW)
		fate = (enum disk_fate)rng_between(&d->rng, FATE_KEEP,
						   FATE_TEAR);
	if (fate == FATE_DROP)
		return;
	for (uint64_t i = 0; i < w->length / DISK_GRAIN; i++) {
		if (fate == FATE_TEAR && i % grains == 0)
			keep = rng_percent(&d->rng, 50);
		if (keep && !w->dead[i])
			disk_store(d, w->offset + i * DISK_GRAIN, DISK_GRAIN,
				   w->data + i * DISK_GRAIN);
	}
}

void
disk_power_cut(struct disk *d, enum disk_fate fate)
{
	for (struct cached_write *w = d->oldest; w != NULL; w = w->next)
		disk_cut_one(d, w, fate);
	disk_clear_cache(d);
}

bool
disk_is_cached(const struct disk *d, uint64_t offset)
{
	if (!disk_has_cached(d, offset, 1))
		return false;
	for (const struct cached_write *w = d->oldest; w != NULL; w = w->next)
		if (disk_overlaps(w->offset, w->length, offset, 1) &&
		    !w->dead[(offset - w->offset) / DISK_GRAIN])
			return true;
	return false;
}
