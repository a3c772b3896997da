/* SPDX-License-Identifier: MIT */
/*
 * The fault model of one disk:
 *
 *  - A write reaches the cache at once and the medium when a flush that was
 *    submitted after its completion is done, or earlier: at any time, in any
 *    order, each write for itself.  A write with FUA is on the medium.
 *  - When power goes each write in the cache is kept, dropped or torn: of a
 *    torn one each sector is kept or dropped.  A sector is atomic.
 *  - A failed flush has flushed some; the rest is still cached or is
 *    forgotten, so that the next good flush means nothing for it.
 *  - A failed write may have had any effect within its sectors.
 *  - Bytes rot on the medium, sectors become unreadable; both until written.
 *
 * Which disk suffers which of these, and how many at a time, so that a correct
 * engine must survive, is storm.c's affair.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sim_disk.h"

#define DISK_GRAIN 512u

static void *
disk_alloc(size_t bytes)
{
	void *p = malloc(bytes);

	CHECK(p != NULL);
	return p;
}

static void
disk_noise(void *to, uint64_t bytes, uint64_t seed)
{
	uint64_t *words = to;

	for (uint64_t i = 0; i < bytes / sizeof(*words); i++)
		words[i] = rng_mix(seed + i);
}

void
disk_init(struct disk *d, uint64_t bytes, uint32_t sector_bytes,
	  bool write_through, uint64_t seed, unsigned index)
{
	*d = (struct disk){
		.sector_bytes = sector_bytes,
		.write_through = write_through,
		.bytes = bytes,
		.media = disk_alloc(bytes),
		.view = disk_alloc(bytes),
	};
	rng_init(&d->rng, seed, "disk-fate", index);
	disk_noise(d->media, bytes, rng_mix(seed + index));
	memcpy(d->view, d->media, bytes);
}

static void
disk_free_cache(struct disk *d)
{
	while (d->oldest != NULL) {
		struct cached_write *w = d->oldest;

		d->oldest = w->next;
		free(w);
	}
	d->newest = NULL;
	d->cached_count = 0;
}

void
disk_fini(struct disk *d)
{
	disk_free_cache(d);
	free(d->media);
	free(d->view);
}

void
disk_copy_media(struct disk *to, const struct disk *from)
{
	*to = *from;
	to->media = disk_alloc(from->bytes);
	to->view = disk_alloc(from->bytes);
	memcpy(to->media, from->media, from->bytes);
	memcpy(to->view, from->media, from->bytes);
	to->oldest = NULL;
	to->newest = NULL;
	to->cached_count = 0;
}

static bool
disk_overlaps(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
	return a < b + b_length && b < a + a_length;
}

bool
disk_read(struct disk *d, uint64_t offset, uint64_t length, void *buf)
{
	for (unsigned i = 0; i < DISK_BAD_MAX; i++) {
		const struct bad_range *b = &d->bad[i];

		if (b->live &&
		    disk_overlaps(offset, length, b->offset, b->length)) {
			disk_noise(buf, length, offset);
			return false;
		}
	}
	memcpy(buf, d->view + offset, length);
	return true;
}

/* Bytes on the medium are new: what was wrong there is no more. */
static void
disk_store(struct disk *d, uint64_t offset, uint64_t length, const void *data)
{
	memcpy(d->media + offset, data, length);
	for (unsigned i = 0; i < DISK_FLIPS_MAX; i++)
		if (disk_overlaps(offset, length, d->flips[i].offset, 1))
			d->flips[i].live = false;
	for (unsigned i = 0; i < DISK_BAD_MAX; i++) {
		struct bad_range *b = &d->bad[i];

		if (offset <= b->offset &&
		    b->offset + b->length <= offset + length)
			b->live = false;
	}
}

/* Store those sectors of a cached write that nothing newer has passed. */
static void
disk_destage(struct disk *d, const struct cached_write *w)
{
	for (uint64_t i = 0; i < w->length / DISK_GRAIN; i++)
		if (!w->dead[i])
			disk_store(d, w->offset + i * DISK_GRAIN, DISK_GRAIN,
				   w->data + i * DISK_GRAIN);
}

/* Older cached writes lose what lies under [offset, offset + length). */
static void
disk_supersede(struct disk *d, uint64_t offset, uint64_t length)
{
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
	d->cached_count--;
	free(w);
}

static struct cached_write *
disk_cache(struct disk *d, uint64_t offset, uint64_t length, const void *data)
{
	uint64_t sectors = length / DISK_GRAIN;
	struct cached_write *w = disk_alloc(sizeof(*w) + length + sectors);

	*w = (struct cached_write){
		.offset = offset,
		.length = length,
		.data = (uint8_t *)(w + 1),
		.dead = (uint8_t *)(w + 1) + length,
	};
	memcpy(w->data, data, length);
	memset(w->dead, 0, sectors);
	if (d->newest == NULL)
		d->oldest = w;
	else
		d->newest->next = w;
	d->newest = w;
	d->cached_count++;
	return w;
}

struct cached_write *
disk_write(struct disk *d, uint64_t offset, uint64_t length, const void *data,
	   bool fua)
{
	CHECK(offset <= d->bytes);
	CHECK(length <= d->bytes - offset);
	memcpy(d->view + offset, data, length);
	if (fua || d->write_through) {
		disk_supersede(d, offset, length);
		disk_store(d, offset, length, data);
		return NULL;
	}
	if (d->cached_count >= DISK_CACHE_MAX && d->oldest->done_seq != 0) {
		disk_destage(d, d->oldest);
		disk_unlink(d, &d->oldest);
	}
	return disk_cache(d, offset, length, data);
}

void
disk_write_torn(struct disk *d, uint64_t offset, uint64_t length,
		const void *data, enum disk_fate fate)
{
	const uint8_t *bytes = data;

	if (fate == FATE_DRAW)
		fate = (enum disk_fate)rng_between(&d->rng, FATE_KEEP,
						   FATE_TEAR);
	if (fate == FATE_DROP)
		return;
	for (uint64_t at = 0; at < length; at += d->sector_bytes)
		if (fate == FATE_KEEP || rng_percent(&d->rng, 50))
			disk_write(d, offset + at, d->sector_bytes, bytes + at,
				   true);
}

void
disk_discard(struct disk *d, uint64_t offset, uint64_t length)
{
	uint64_t draw = rng_u64(&d->rng);

	if (draw % 4 == 0)
		return;
	disk_supersede(d, offset, length);
	if (draw % 4 == 1)
		memset(d->media + offset, 0, length);
	else
		disk_noise(d->media + offset, length, draw);
	memcpy(d->view + offset, d->media + offset, length);
	for (unsigned i = 0; i < DISK_FLIPS_MAX; i++)
		if (disk_overlaps(offset, length, d->flips[i].offset, 1))
			d->flips[i].live = false;
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

static void
disk_rebuild_view(struct disk *d)
{
	memcpy(d->view, d->media, d->bytes);
	for (struct cached_write *w = d->oldest; w != NULL; w = w->next)
		for (uint64_t i = 0; i < w->length / DISK_GRAIN; i++)
			if (!w->dead[i])
				memcpy(d->view + w->offset + i * DISK_GRAIN,
				       w->data + i * DISK_GRAIN, DISK_GRAIN);
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
	for (struct cached_write *w = d->oldest; w != NULL; w = w->next)
		memcpy(d->view + w->offset, d->media + w->offset, w->length);
	disk_free_cache(d);
}

bool
disk_flip(struct disk *d, uint64_t offset, uint8_t mask)
{
	for (struct cached_write *w = d->oldest; w != NULL; w = w->next)
		if (disk_overlaps(w->offset, w->length, offset, 1))
			return false;
	for (unsigned i = 0; i < DISK_FLIPS_MAX; i++) {
		if (d->flips[i].live)
			continue;
		d->flips[i] = (struct flip){true, mask, offset};
		d->media[offset] ^= mask;
		d->view[offset] ^= mask;
		return true;
	}
	return false;
}

void
disk_unflip(struct disk *d, struct flip *f)
{
	if (!f->live)
		return;
	f->live = false;
	d->media[f->offset] ^= f->mask;
	disk_rebuild_view(d);
}

bool
disk_make_bad(struct disk *d, uint64_t offset, uint64_t length)
{
	for (unsigned i = 0; i < DISK_BAD_MAX; i++) {
		if (d->bad[i].live)
			continue;
		d->bad[i] = (struct bad_range){true, offset, length};
		return true;
	}
	return false;
}

void
disk_heal(struct disk *d)
{
	d->vanished = false;
	for (unsigned i = 0; i < DISK_BAD_MAX; i++)
		d->bad[i].live = false;
	for (unsigned i = 0; i < DISK_FLIPS_MAX; i++)
		disk_unflip(d, &d->flips[i]);
}
