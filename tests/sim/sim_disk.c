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
 *  - A write is acknowledged and lost, or lands at another place; a flush, and
 *    FUA, are acknowledged and do nothing (sim_lies.c).
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
disk_pieces_bytes(const struct disk *d)
{
	return d->bytes / PIECE_BYTES * sizeof(struct piece);
}

static void
disk_take_pieces(struct disk *d)
{
	CHECK(d->bytes % PIECE_BYTES == 0);
	d->pieces = pool_take(disk_pieces_bytes(d));
	memset(d->pieces, 0, disk_pieces_bytes(d));
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
	disk_take_pieces(d);
	rng_init(&d->rng, seed, "disk-fate", index);
}

void
disk_fini(struct disk *d)
{
	disk_clear_cache(d);
	disk_forget_scars(d, 0, d->bytes);
	for (uint64_t i = 0; i < d->bytes / PIECE_BYTES; i++)
		pool_give(d->pieces[i].medium, PIECE_BYTES);
	pool_give(d->pieces, disk_pieces_bytes(d));
}

uint8_t *
disk_medium(struct disk *d, uint64_t offset)
{
	struct piece *p = &d->pieces[offset / PIECE_BYTES];

	if (p->medium == NULL) {
		p->medium = pool_take(PIECE_BYTES);
		disk_noise(p->medium, PIECE_BYTES,
			   d->noise + offset / PIECE_BYTES);
	}
	return p->medium;
}

const uint8_t *
disk_media(struct disk *d, uint64_t offset, uint64_t length)
{
	CHECK(length > 0 && offset < d->bytes);
	CHECK(offset % PIECE_BYTES + length <= PIECE_BYTES);
	return disk_medium(d, offset) + offset % PIECE_BYTES;
}

uint32_t *
disk_kept(struct disk *d, uint64_t offset)
{
	CHECK(offset < d->bytes);
	return &d->pieces[offset / PIECE_BYTES].kept;
}

void
disk_get_media(struct disk *d, uint64_t offset, uint64_t length, void *buf)
{
	uint8_t *to = buf;

	for (uint64_t n; length > 0; offset += n, to += n, length -= n) {
		const struct piece *p = &d->pieces[offset / PIECE_BYTES];

		n = piece_part(offset, length);
		if (p->medium != NULL)
			memcpy(to, p->medium + offset % PIECE_BYTES, n);
		else if (n == PIECE_BYTES)
			disk_noise(to, n, d->noise + offset / PIECE_BYTES);
		else
			memcpy(to, disk_media(d, offset, n), n);
	}
}

const uint8_t *
disk_view(struct disk *d, uint64_t offset, uint64_t length)
{
	const uint8_t *media = disk_media(d, offset, length);
	const uint8_t *view = d->pieces[offset / PIECE_BYTES].view;

	return view != NULL ? view + offset % PIECE_BYTES : media;
}

void
disk_put_back(struct disk *to, struct disk *from, uint64_t offset)
{
	CHECK(to->cached_count == 0);
	disk_store(to, offset, PIECE_BYTES, disk_medium(from, offset));
}

void
disk_put_media(struct disk *to, struct disk *from)
{
	CHECK(to->bytes == from->bytes);
	disk_clear_cache(to);
	memset(to->flips, 0, sizeof(to->flips));
	to->flips_live = 0;
	disk_forget_scars(to, 0, to->bytes);
	for (uint64_t at = 0; at < to->bytes; at += PIECE_BYTES) {
		memcpy(disk_medium(to, at), disk_medium(from, at),
		       PIECE_BYTES);
		*disk_kept(to, at) = 0;
	}
}

void
disk_copy_media(struct disk *to, struct disk *from)
{
	*to = *from;
	disk_take_pieces(to);
	to->oldest = NULL;
	to->newest = NULL;
	to->cached_count = 0;
	to->scars = NULL;
	to->scar_count = 0;
	disk_put_media(to, from);
}

bool
disk_read(struct disk *d, uint64_t offset, uint64_t length, void *buf)
{
	uint8_t *to = buf;

	for (unsigned i = 0; d->bad_live > 0 && i < DISK_BAD_MAX; i++) {
		const struct bad_range *b = &d->bad[i];

		if (b->live &&
		    disk_overlaps(offset, length, b->offset, b->length)) {
			disk_noise(buf, length, offset);
			return false;
		}
	}
	for (uint64_t n; length > 0; offset += n, to += n, length -= n) {
		const struct piece *p = &d->pieces[offset / PIECE_BYTES];
		const uint8_t *bytes = p->view;

		n = piece_part(offset, length);
		if (bytes == NULL)
			bytes = disk_medium(d, offset);
		memcpy(to, bytes + offset % PIECE_BYTES, n);
	}
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

static void
disk_forget_bad(struct disk *d, uint64_t offset, uint64_t length)
{
	for (unsigned i = 0; d->bad_live > 0 && i < DISK_BAD_MAX; i++) {
		struct bad_range *b = &d->bad[i];

		if (b->live && offset <= b->offset &&
		    b->offset + b->length <= offset + length) {
			b->live = false;
			d->bad_live--;
		}
	}
}

void
disk_store(struct disk *d, uint64_t offset, uint64_t length, const void *data)
{
	const uint8_t *from = data;

	disk_forget_flips(d, offset, length);
	disk_forget_bad(d, offset, length);
	disk_forget_scars(d, offset, length);
	for (uint64_t n; length > 0; offset += n, from += n, length -= n) {
		struct piece *p = &d->pieces[offset / PIECE_BYTES];

		n = piece_part(offset, length);
		p->kept = 0;
		if (n == PIECE_BYTES && p->medium == NULL)
			p->medium = pool_take(PIECE_BYTES);
		memcpy(disk_medium(d, offset) + offset % PIECE_BYTES, from, n);
	}
}

struct cached_write *
disk_write(struct disk *d, uint64_t offset, uint64_t length, const void *data,
	   bool fua)
{
	struct cached_write *w = NULL;

	CHECK(offset <= d->bytes);
	CHECK(length <= d->bytes - offset);
	if (fua || d->write_through) {
		disk_supersede(d, offset, length);
		disk_store(d, offset, length, data);
	} else {
		w = disk_cache(d, offset, length, data);
	}
	disk_show(d, offset, length, data);
	return w;
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
	disk_forget_flips(d, offset, length);
	disk_forget_scars(d, offset, length);
	for (uint64_t n; length > 0; offset += n, length -= n) {
		uint8_t *to = disk_medium(d, offset) + offset % PIECE_BYTES;

		n = piece_part(offset, length);
		*disk_kept(d, offset) = 0;
		if (draw % 4 == 1)
			memset(to, 0, n);
		else
			disk_noise(to, n, draw + offset);
		disk_show(d, offset, n, to);
	}
}

/* One byte of the medium, and of what a read returns if that is it. */
static void
disk_turn(struct disk *d, uint64_t offset, uint8_t mask)
{
	struct piece *p = &d->pieces[offset / PIECE_BYTES];

	disk_medium(d, offset)[offset % PIECE_BYTES] ^= mask;
	p->kept = 0;
	if (p->view != NULL && !disk_is_cached(d, offset))
		p->view[offset % PIECE_BYTES] ^= mask;
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
		disk_turn(d, offset, mask);
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
	disk_turn(d, f->offset, f->mask);
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
	disk_mend(d, 0, d->bytes);
}
