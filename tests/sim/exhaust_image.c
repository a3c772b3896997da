/* SPDX-License-Identifier: MIT */
#include "exhaust_image.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "rng.h"

/* Of a cell; and combinations that are looked at to find them. */
#define OUTCOMES_MAX 256u
#define COMBINED_MAX 65536u

/* What is left of a piece. */
enum xleft { LEFT_NOTHING, LEFT_ALL, LEFT_FIRST_HALF, LEFT_SECOND_HALF };

static void
ximages_add_piece(struct ximages *im, unsigned leg, bool in_flight,
		  const struct xwrite *w)
{
	struct xpiece *p = &im->pieces[im->pieces_count++];

	CHECK(im->pieces_count <= XPIECES_MAX);
	p->leg = leg;
	p->in_flight = in_flight;
	p->write = *w;
}

static void
ximages_add_write(struct ximages *im, unsigned leg, bool in_flight,
		  const struct xwrite *w)
{
	if (!w->tears || w->pages == 1) {
		ximages_add_piece(im, leg, in_flight, w);
		return;
	}
	for (unsigned i = 0; i < w->pages; i++) {
		struct xwrite one = *w;

		one.page += i;
		one.pages = 1;
		one.data[0] = w->data[i];
		ximages_add_piece(im, leg, in_flight, &one);
	}
}

static void
ximages_add_pieces(struct ximages *im)
{
	const struct xworld *w = im->world;

	for (unsigned leg = 0; leg < XLEGS && im->power; leg++)
		for (unsigned i = 0; i < w->disk[leg].cached_count; i++)
			ximages_add_write(im, leg, false,
					  &w->disk[leg].cached[i]);
	for (unsigned i = 0; i < w->ops_count; i++)
		if (w->ops[i].write.pages != 0 &&
		    (!w->ops[i].fails || w->fault.kind == XFAULT_LANDED))
			ximages_add_write(im, w->ops[i].req->member, true,
					  &w->ops[i].write);
}

/* How many things may be left of it. */
static unsigned
xpiece_choices(const struct ximages *im, const struct xpiece *p)
{
	bool tears = im->tear == XTEAR_IN_FLIGHT && p->in_flight;

	if (!p->in_flight && p->write.firm)
		return 1;
	if (!tears || p->write.sectors == 1)
		return 2;
	return p->write.tears ? 4 : 3;
}

static enum xleft
xpiece_left(const struct xpiece *p, unsigned choice)
{
	if (!p->in_flight && p->write.firm)
		return LEFT_ALL;
	return (enum xleft)choice;
}

/* The part of it that is left.  False: nothing. */
static bool
xpiece_part(const struct xpiece *p, enum xleft left, struct xwrite *out)
{
	uint32_t half;

	*out = p->write;
	if (left == LEFT_NOTHING)
		return false;
	if (left == LEFT_ALL)
		return true;
	if (out->pages > 1) {
		out->pages /= 2;
		return true;
	}
	if (out->sectors == 0) {
		out->sector = 0;
		out->sectors = XPAGE_BYTES / XPAGE_SECTOR;
	}
	half = out->sectors / 2;
	if (left == LEFT_SECOND_HALF) {
		out->sector += half;
		half = out->sectors - half;
	}
	out->sectors = half;
	return true;
}

static bool
xcell_has(const struct xcell *c, const struct xpiece *p)
{
	if (c->leg != p->leg)
		return false;
	for (unsigned i = 0; i < c->pages_count; i++)
		if (c->pages[i] - p->write.page < p->write.pages)
			return true;
	return false;
}

static void
xcell_add(struct xcell *c, const struct xpiece *p)
{
	for (uint32_t page = p->write.page;
	     page < p->write.page + p->write.pages; page++) {
		unsigned i = 0;

		while (i < c->pages_count && c->pages[i] != page)
			i++;
		if (i < c->pages_count)
			continue;
		CHECK(c->pages_count < XWRITE_PAGES_MAX);
		c->pages[c->pages_count++] = page;
	}
}

/* Pieces with a page in common come into one cell. */
static void
ximages_make_cells(struct ximages *im)
{
	im->cells_count = 0;
	for (unsigned i = 0; i < im->pieces_count; i++) {
		const struct xpiece *p = &im->pieces[i];
		struct xcell *in = NULL;

		for (unsigned k = 0; k < im->cells_count; k++) {
			struct xcell *c = &im->cells[k];

			if (!xcell_has(c, p))
				continue;
			/* Writes of different shapes over each other are in
			 * no area of the layout. */
			CHECK(in == NULL);
			in = c;
		}
		if (in == NULL) {
			CHECK(im->cells_count < XCELLS_MAX);
			in = &im->cells[im->cells_count++];
			in->leg = p->leg;
			in->pages_count = 0;
		}
		xcell_add(in, p);
	}
}

static uint64_t
xcell_page_hash(const struct xcell *c, unsigned i, const struct xpage *page)
{
	return rng_mix(xpage_hash(page) + c->pages[i] +
		       (uint64_t)c->leg * XDISK_PAGES_MAX);
}

/* The pages of a cell when these choices come true. */
static void
xcell_combine(const struct ximages *im, const struct xcell *c,
	      uint64_t combined, struct xoutcome *out)
{
	const struct xdisk *d = &im->world->disk[c->leg];

	for (unsigned i = 0; i < c->pages_count; i++)
		out->pages[i] = d->media[c->pages[i]];
	for (unsigned k = 0; k < im->pieces_count; k++) {
		const struct xpiece *p = &im->pieces[k];
		unsigned choices = xpiece_choices(im, p);
		struct xwrite part;

		if (!xcell_has(c, p))
			continue;
		if (xpiece_part(p, xpiece_left(p, combined % choices), &part))
			for (unsigned i = 0; i < c->pages_count; i++)
				if (c->pages[i] - part.page < part.pages)
					out->pages[i] = xwrite_over(
						&part, c->pages[i] - part.page,
						out->pages[i], im->pool);
		combined /= choices;
	}
	out->hash = 0;
	for (unsigned i = 0; i < c->pages_count; i++)
		out->hash += xcell_page_hash(c, i, out->pages[i]) -
			     xcell_page_hash(c, i, d->media[c->pages[i]]);
}

/* False: too many. */
static bool
xcell_list(struct ximages *im, struct xcell *c)
{
	uint64_t combined = 1;

	for (unsigned k = 0; k < im->pieces_count; k++)
		if (xcell_has(c, &im->pieces[k]))
			combined *= xpiece_choices(im, &im->pieces[k]);
	if (combined > COMBINED_MAX)
		return false;
	c->count = 0;
	c->outcomes = xpool_take(im->pool, sizeof(*c->outcomes) *
				 (combined < OUTCOMES_MAX ? combined :
							    OUTCOMES_MAX));
	for (uint64_t n = 0; n < combined; n++) {
		size_t mark = im->pool->used;
		struct xoutcome o;
		unsigned i = 0;

		xcell_combine(im, c, n, &o);
		while (i < c->count && c->outcomes[i].hash != o.hash)
			i++;
		if (i < c->count) {
			im->pool->used = mark;
			continue;
		}
		if (c->count == OUTCOMES_MAX)
			return false;
		c->outcomes[c->count++] = o;
	}
	return true;
}

/* False: more than max. */
static bool
ximages_list_cells(struct ximages *im, uint64_t max)
{
	im->count = 1;
	for (unsigned k = 0; k < im->cells_count; k++) {
		if (!xcell_list(im, &im->cells[k]))
			return false;
		im->count *= im->cells[k].count;
		if (im->count > max && im->tear != XTEAR_NONE)
			return false;
	}
	return im->count <= max;
}

static void
ximages_bound(struct ximages *im, uint64_t max)
{
	im->left_out = 0;
	if (im->count > max) {
		im->left_out = im->count - max;
		im->count = max;
	}
}

static void
ximages_list_cut(struct ximages *im, uint64_t max)
{
	size_t mark = im->pool->used;

	ximages_make_cells(im);
	im->tear = XTEAR_IN_FLIGHT;
	if (!ximages_list_cells(im, max)) {
		im->tear = XTEAR_NONE;
		im->pool->used = mark;
		ximages_list_cells(im, max);
	}
	ximages_bound(im, max);
	im->hash = 0;
	for (unsigned leg = 0; leg < XLEGS; leg++)
		for (unsigned i = 0; i < XDISK_PAGES_MAX; i++)
			im->hash += rng_mix(
				xpage_hash(im->world->disk[leg].media[i]) + i +
				leg * XDISK_PAGES_MAX);
}

/* The power stays on: what lands is whole. */
static void
ximages_list_death(struct ximages *im, uint64_t max)
{
	im->tear = XTEAR_NONE;
	im->count = 1;
	for (unsigned k = 0; k < im->pieces_count; k++)
		im->count *= xpiece_choices(im, &im->pieces[k]);
	ximages_bound(im, max);
}

void
ximages_list(struct ximages *im, const struct xworld *w, struct xpool *pool,
	     bool power, uint64_t max)
{
	im->world = w;
	im->pool = pool;
	im->power = power;
	im->pieces_count = 0;
	ximages_add_pieces(im);
	if (power)
		ximages_list_cut(im, max);
	else
		ximages_list_death(im, max);
}

static void
ximages_make_death(const struct ximages *im, uint64_t index, struct xdisk *out)
{
	for (unsigned leg = 0; leg < XLEGS; leg++)
		xdisk_copy(&out[leg], &im->world->disk[leg]);
	for (unsigned k = 0; k < im->pieces_count; k++) {
		const struct xpiece *p = &im->pieces[k];
		unsigned choices = xpiece_choices(im, p);
		struct xwrite part;

		if (xpiece_part(p, xpiece_left(p, index % choices), &part)) {
			part.done_seq = im->world->seq + 1 + k;
			xdisk_write(&out[p->leg], &part, im->pool);
		}
		index /= choices;
	}
}

static void
ximages_make_cut(const struct ximages *im, uint64_t index, struct xdisk *out)
{
	for (unsigned leg = 0; leg < XLEGS; leg++) {
		memcpy(out[leg].media, im->world->disk[leg].media,
		       sizeof(out[leg].media));
		out[leg].cached_count = 0;
	}
	for (unsigned k = 0; k < im->cells_count; k++) {
		const struct xcell *c = &im->cells[k];
		const struct xoutcome *o = &c->outcomes[index % c->count];

		for (unsigned i = 0; i < c->pages_count; i++)
			out[c->leg].media[c->pages[i]] = o->pages[i];
		index /= c->count;
	}
	for (unsigned leg = 0; leg < XLEGS; leg++)
		memcpy(out[leg].view, out[leg].media, sizeof(out[leg].view));
}

void
ximages_make(const struct ximages *im, uint64_t index, struct xdisk *out)
{
	if (im->power)
		ximages_make_cut(im, index, out);
	else
		ximages_make_death(im, index, out);
}

static uint64_t
ximages_hash_death(const struct ximages *im, uint64_t index)
{
	static struct xdisk disk[XLEGS];
	size_t mark = im->pool->used;
	uint64_t hash = 1;

	ximages_make_death(im, index, disk);
	for (unsigned leg = 0; leg < XLEGS; leg++)
		hash = rng_mix(hash + xdisk_hash(&disk[leg]));
	im->pool->used = mark;
	return hash;
}

uint64_t
ximages_hash(const struct ximages *im, uint64_t index)
{
	uint64_t hash = im->hash;

	if (!im->power)
		return ximages_hash_death(im, index);
	for (unsigned k = 0; k < im->cells_count; k++) {
		const struct xcell *c = &im->cells[k];

		hash += c->outcomes[index % c->count].hash;
		index /= c->count;
	}
	return rng_mix(hash);
}

void
ximages_print(const struct ximages *im, uint64_t index)
{
	static const char *const words[] = {
		"nothing", "all", "first half", "second half",
	};

	printf("-- %s, image %" PRIu64 " of %" PRIu64 "\n",
	       im->power ? "power cut" : "the daemon dies", index, im->count);
	for (unsigned k = 0; k < im->pieces_count; k++) {
		const struct xpiece *p = &im->pieces[k];

		printf("   piece %u: leg %u %s page %u+%u%s%s", k, p->leg,
		       xshape_area(p->write.page), p->write.page,
		       p->write.pages, p->in_flight ? " in flight" : "",
		       p->write.firm ? " fua" : "");
		if (!im->power)
			printf(": %s left", words[xpiece_left(p, (unsigned)(
				index % xpiece_choices(im, p)))]);
		if (!im->power)
			index /= xpiece_choices(im, p);
		printf("\n");
	}
	for (unsigned k = 0; k < im->cells_count && im->power; k++) {
		const struct xcell *c = &im->cells[k];

		printf("   cell %u: leg %u page %u: outcome %u of %u\n", k,
		       c->leg, c->pages[0], (unsigned)(index % c->count),
		       c->count);
		index /= c->count;
	}
}
