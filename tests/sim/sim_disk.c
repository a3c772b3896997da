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
#include <string.h>

#include "check.h"
#include "pool.h"
#include "sim_cache.h"

/* Noise is made once, and taken from different places of it. */
#define NOISE_WORDS ((size_t)1 << 17)

static void
disk_noise(void *to, uint64_t bytes, uint64_t seed)
{
	static uint64_t noise[NOISE_WORDS];
	uint64_t at = rng_mix(seed) % (NOISE_WORDS / 2) * sizeof(noise[0]);
	uint64_t most = sizeof(noise) / 2;

	if (noise[0] == 0)
		for (size_t i = 0; i < NOISE_WORDS; i++)
			noise[i] = rng_mix(i + 1);
	for (uint64_t done = 0; done < bytes; done += most)
		memcpy((uint8_t *)to + done, (const uint8_t *)noise + at,
		       bytes - done < most ? bytes - done : most);
}

static size_t
disk_pieces(const struct disk *d)
{
	return (d->bytes >> PIECE_SHIFT) + 1;
}

static void
disk_fill_piece(struct disk *d, uint64_t index)
{
	uint64_t at = index << PIECE_SHIFT;
	uint64_t bytes = d->bytes - at < 1u << PIECE_SHIFT ?
		d->bytes - at : 1u << PIECE_SHIFT;

	d->pieces[index].filled = true;
	disk_noise(d->medium + at, bytes, d->noise + index);
	memcpy(d->view + at, d->medium + at, bytes);
}

/* Before anything is done with these bytes. */
static void
disk_fill(struct disk *d, uint64_t offset, uint64_t length)
{
	uint64_t last = (offset + length - 1) >> PIECE_SHIFT;

	for (uint64_t i = offset >> PIECE_SHIFT; i <= last; i++)
		if (!d->pieces[i].filled)
			disk_fill_piece(d, i);
}

static void
disk_take_memory(struct disk *d)
{
	size_t bytes = disk_pieces(d) * sizeof(d->pieces[0]);

	d->medium = pool_take(d->bytes);
	d->view = pool_take(d->bytes);
	d->pieces = pool_take(bytes);
	memset(d->pieces, 0, bytes);
}

void
disk_init(struct disk *d, uint64_t bytes, uint32_t sector_bytes,
	  bool write_through, uint64_t seed, unsigned index)
{
	*d = (struct disk){
		.sector_bytes = sector_bytes,
		.write_through = write_through,
		.bytes = bytes,
		.noise = rng_mix(seed + index),
	};
	disk_take_memory(d);
	rng_init(&d->rng, seed, "disk-fate", index);
}

void
disk_fini(struct disk *d)
{
	disk_clear_cache(d);
	pool_give(d->medium, d->bytes);
	pool_give(d->view, d->bytes);
	pool_give(d->pieces, disk_pieces(d) * sizeof(d->pieces[0]));
}

const uint8_t *
disk_media(struct disk *d, uint64_t offset, uint64_t length)
{
	CHECK(length > 0 && offset < d->bytes && length <= d->bytes - offset);
	disk_fill(d, offset, length);
	return d->medium + offset;
}

void
disk_put_media(struct disk *to, struct disk *from)
{
	CHECK(to->bytes == from->bytes);
	disk_clear_cache(to);
	disk_fill(to, 0, to->bytes);
	memcpy(to->medium, disk_media(from, 0, from->bytes), from->bytes);
	memcpy(to->view, from->medium, from->bytes);
}

void
disk_copy_media(struct disk *to, struct disk *from)
{
	*to = *from;
	disk_take_memory(to);
	to->oldest = NULL;
	to->newest = NULL;
	to->cached_count = 0;
	disk_put_media(to, from);
}

bool
disk_read(struct disk *d, uint64_t offset, uint64_t length, void *buf)
{
	for (unsigned i = 0; d->bad_live > 0 && i < DISK_BAD_MAX; i++) {
		const struct bad_range *b = &d->bad[i];

		if (b->live &&
		    disk_overlaps(offset, length, b->offset, b->length)) {
			disk_noise(buf, length, offset);
			return false;
		}
	}
	disk_fill(d, offset, length);
	memcpy(buf, d->view + offset, length);
	return true;
}

static void
disk_forget_flips(struct disk *d, uint64_t offset, uint64_t length)
{
	for (unsigned i = 0; d->flips_live > 0 && i < DISK_FLIPS_MAX; i++)
		if (d->flips[i].live &&
		    disk_overlaps(offset, length, d->flips[i].offset, 1)) {
			d->flips[i].live = false;
			d->flips_live--;
		}
}

/* Bytes on the medium are new: what was wrong there is no more. */
void
disk_store(struct disk *d, uint64_t offset, uint64_t length, const void *data)
{
	disk_fill(d, offset, length);
	memcpy(d->medium + offset, data, length);
	disk_forget_flips(d, offset, length);
	for (unsigned i = 0; d->bad_live > 0 && i < DISK_BAD_MAX; i++) {
		struct bad_range *b = &d->bad[i];

		if (b->live && offset <= b->offset &&
		    b->offset + b->length <= offset + length) {
			b->live = false;
			d->bad_live--;
		}
	}
}

struct cached_write *
disk_write(struct disk *d, uint64_t offset, uint64_t length, const void *data,
	   bool fua)
{
	CHECK(offset <= d->bytes);
	CHECK(length <= d->bytes - offset);
	disk_fill(d, offset, length);
	memcpy(d->view + offset, data, length);
	if (fua || d->write_through) {
		disk_supersede(d, offset, length);
		disk_store(d, offset, length, data);
		return NULL;
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
	disk_fill(d, offset, length);
	if (draw % 4 == 1)
		memset(d->medium + offset, 0, length);
	else
		disk_noise(d->medium + offset, length, draw);
	memcpy(d->view + offset, d->medium + offset, length);
	disk_forget_flips(d, offset, length);
}

bool
disk_flip(struct disk *d, uint64_t offset, uint8_t mask)
{
	if (d->flips_live == DISK_FLIPS_MAX || disk_is_cached(d, offset))
		return false;
	for (unsigned i = 0; i < DISK_FLIPS_MAX; i++) {
		if (d->flips[i].live)
			continue;
		d->flips[i] = (struct flip){true, mask, offset};
		d->flips_live++;
		disk_fill(d, offset, 1);
		d->medium[offset] ^= mask;
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
	d->flips_live--;
	d->medium[f->offset] ^= f->mask;
	if (!disk_is_cached(d, f->offset))
		d->view[f->offset] ^= f->mask;
}

bool
disk_make_bad(struct disk *d, uint64_t offset, uint64_t length)
{
	for (unsigned i = 0; i < DISK_BAD_MAX; i++) {
		if (d->bad[i].live)
			continue;
		d->bad[i] = (struct bad_range){true, offset, length};
		d->bad_live++;
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
	d->bad_live = 0;
	for (unsigned i = 0; i < DISK_FLIPS_MAX; i++)
		disk_unflip(d, &d->flips[i]);
}
