/* SPDX-License-Identifier: MIT */
/*
 * What a disk acknowledges and does not do.  A sector that is not what it
 * ought to be has a scar, which keeps what ought to be there: by it a check
 * knows that nothing is to be expected of the sector, and it can be mended.
 * What is stored over it takes the scar away.
 */
#include <string.h>

#include "check.h"
#include "pool.h"
#include "sim_cache.h"

static void
scar_drop(struct disk *d, struct scar **link)
{
	struct scar *scar = *link;

	*link = scar->next;
	d->scar_count--;
	pool_give(scar, sizeof(*scar));
}

void
disk_forget_scars(struct disk *d, uint64_t offset, uint64_t length)
{
	struct scar **l = &d->scars;

	while (*l != NULL)
		if (disk_overlaps((*l)->offset, DISK_GRAIN, offset, length))
			scar_drop(d, l);
		else
			l = &(*l)->next;
}

bool
disk_is_scarred(const struct disk *d, uint64_t offset, uint64_t length)
{
	for (const struct scar *s = d->scars; s != NULL; s = s->next)
		if (disk_overlaps(s->offset, DISK_GRAIN, offset, length))
			return true;
	return false;
}

/* A sector of the medium, with whatever is wrong there left as it is. */
static void
disk_put(struct disk *d, uint64_t offset, const uint8_t *bytes)
{
	memcpy(disk_medium(d, offset) + offset % PIECE_BYTES, bytes,
	       DISK_GRAIN);
	*disk_kept(d, offset) = 0;
}

/* The same, to whoever reads. */
static void
disk_set(struct disk *d, uint64_t offset, const uint8_t *bytes)
{
	disk_put(d, offset, bytes);
	disk_show(d, offset, DISK_GRAIN, bytes);
}

static void
scar_add(struct disk *d, uint64_t offset, const uint8_t *was)
{
	struct scar *scar = pool_take(sizeof(*scar));

	scar->offset = offset;
	memcpy(scar->was, was, DISK_GRAIN);
	scar->next = d->scars;
	d->scars = scar;
	d->scar_count++;
}

/* What ought to be there. */
static void
disk_truth(struct disk *d, uint64_t offset, uint8_t *was)
{
	for (unsigned i = 0; i < DISK_FLIPS_MAX; i++)
		if (d->flips[i].live && d->flips[i].offset - offset < DISK_GRAIN)
			disk_unflip(d, &d->flips[i]);
	memcpy(was, disk_view(d, offset, DISK_GRAIN), DISK_GRAIN);
	for (const struct scar *s = d->scars; s != NULL; s = s->next)
		if (s->offset == offset && !disk_is_cached(d, offset))
			memcpy(was, s->was, DISK_GRAIN);
}

static bool
disk_has_room(const struct disk *d, uint64_t length)
{
	return d->scar_count + length / DISK_GRAIN <= DISK_SCARS_MAX;
}

bool
disk_lose(struct disk *d, uint64_t offset, uint64_t length, const void *data)
{
	const uint8_t *bytes = data;
	uint8_t old[DISK_GRAIN];

	if (!disk_has_room(d, length))
		return false;
	disk_supersede(d, offset, length);
	disk_forget_scars(d, offset, length);
	for (uint64_t at = 0; at < length; at += DISK_GRAIN) {
		memcpy(old, disk_media(d, offset + at, DISK_GRAIN), DISK_GRAIN);
		disk_set(d, offset + at, old);
		scar_add(d, offset + at, bytes + at);
	}
	return true;
}

bool
disk_spoil(struct disk *d, uint64_t offset, uint64_t length, const void *data)
{
	const uint8_t *bytes = data;
	uint8_t was[DISK_GRAIN];

	if (!disk_has_room(d, length))
		return false;
	for (uint64_t at = 0; at < length; at += DISK_GRAIN) {
		disk_truth(d, offset + at, was);
		disk_supersede(d, offset + at, DISK_GRAIN);
		disk_forget_scars(d, offset + at, DISK_GRAIN);
		disk_set(d, offset + at, bytes + at);
		scar_add(d, offset + at, was);
	}
	return true;
}

bool
disk_piece_back(struct disk *d, struct disk *image, uint64_t at)
{
	if (d->pieces[at / PIECE_BYTES].medium == NULL)
		return true; /* never written */
	for (uint64_t i = 0; i < PIECE_BYTES; i += DISK_GRAIN) {
		const uint8_t *old = disk_media(image, at + i, DISK_GRAIN);

		if (memcmp(old, disk_view(d, at + i, DISK_GRAIN),
			   DISK_GRAIN) != 0 &&
		    !disk_spoil(d, at + i, DISK_GRAIN, old))
			return false;
	}
	return true;
}

void
disk_go_back(struct disk *d, struct disk *image)
{
	for (uint64_t at = 0; at < d->bytes; at += PIECE_BYTES)
		if (!disk_piece_back(d, image, at))
			return;
}

void
disk_mend(struct disk *d, uint64_t offset, uint64_t length)
{
	for (struct scar **l = &d->scars; *l != NULL;) {
		struct scar *s = *l;

		if (!disk_overlaps(s->offset, DISK_GRAIN, offset, length)) {
			l = &s->next;
			continue;
		}
		disk_put(d, s->offset, s->was);
		if (!disk_is_cached(d, s->offset))
			disk_show(d, s->offset, DISK_GRAIN, s->was);
		scar_drop(d, l);
	}
}

void
disk_owe(struct disk *d, uint64_t seq)
{
	if (seq > d->owed_before)
		d->owed_before = seq;
}

static bool
disk_is_owed(const struct disk *d, const struct cached_write *w)
{
	return w->owed || (w->done_seq != 0 && w->done_seq < d->owed_before);
}

/* One sector of w is stored; what is older may not come over it. */
static void
disk_pay_sector(struct disk *d, struct cached_write *w, uint64_t i)
{
	uint64_t at = w->offset + i * DISK_GRAIN;

	disk_store(d, at, DISK_GRAIN, w->data + i * DISK_GRAIN);
	w->dead[i] = 1;
	for (struct cached_write *o = d->oldest; o != w; o = o->next)
		if (at >= o->offset && at < o->offset + o->length)
			o->dead[(at - o->offset) / DISK_GRAIN] = 1;
}

void
disk_pay(struct disk *d, uint64_t offset, uint64_t length)
{
	for (struct cached_write *w = d->oldest; w != NULL; w = w->next) {
		if (!disk_is_owed(d, w) ||
		    !disk_overlaps(w->offset, w->length, offset, length))
			continue;
		for (uint64_t i = 0; i < w->length / DISK_GRAIN; i++)
			if (!w->dead[i] &&
			    disk_overlaps(w->offset + i * DISK_GRAIN,
					  DISK_GRAIN, offset, length))
				disk_pay_sector(d, w, i);
	}
}
