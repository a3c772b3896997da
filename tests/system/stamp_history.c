/* SPDX-License-Identifier: MIT */
#include "stamp_history.h"

#include <stdlib.h>
#include <string.h>

#define WRITES_MAX 16u
#define NEVER	   UINT64_MAX

struct past {
	uint64_t asked;	 /* its version */
	uint64_t ended;	 /* it has no effect after this; NEVER: in flight */
	uint64_t passed; /* what a read asked then showed came after it; or 0 */
	bool zeros;
	bool sure; /* it was answered: it took effect between these */
	bool fua;  /* and was durable then */
};

struct pasts {
	struct past at[WRITES_MAX];
	uint32_t count;
};

struct history {
	struct pasts *sectors;
	uint64_t sector_count;
	uint64_t tick;
	uint64_t flushed; /* when the latest good flush was asked */
	uint64_t crashed; /* when the latest crash was */
	uint64_t oldest_read;
	uint64_t decided;
};

struct history *
history_new(uint64_t sectors)
{
	struct history *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->sectors = calloc(sectors, sizeof(*h->sectors));
	if (!h->sectors)
		abort();
	h->sector_count = sectors;
	h->oldest_read = NEVER;
	for (uint64_t i = 0; i < sectors; i++) {
		h->sectors[i].at[0] = (struct past){
			.zeros = true,
			.sure = true,
			.fua = true,
		};
		h->sectors[i].count = 1;
	}
	return h;
}

void
history_free(struct history *h)
{
	free(h->sectors);
	free(h);
}

uint64_t
history_tick(struct history *h)
{
	return ++h->tick;
}

void
history_oldest_read(struct history *h, uint64_t tick)
{
	h->oldest_read = tick;
}

static struct pasts *
pasts_of(struct history *h, uint64_t sector)
{
	if (sector >= h->sector_count)
		abort();
	return &h->sectors[sector];
}

static bool
is_durable(const struct history *h, const struct past *p)
{
	return p->sure && (p->fua || p->ended < h->flushed);
}

static bool
came_after(const struct past *later, const struct past *p)
{
	return later->asked > p->ended;
}

/* Whether a cut now may leave it: nothing durable came after it. */
static bool
may_survive(const struct history *h, const struct pasts *all,
	    const struct past *p)
{
	for (uint32_t i = 0; i < all->count; i++) {
		const struct past *q = &all->at[i];

		if (came_after(q, p) && is_durable(h, q))
			return false;
	}
	return true;
}

/* Whether a read asked then may see it: nothing that had been answered by
 * then came after it. */
static bool
may_be_read(const struct pasts *all, const struct past *p, uint64_t tick)
{
	if (p->passed && p->passed <= tick)
		return false;
	for (uint32_t i = 0; i < all->count; i++) {
		const struct past *q = &all->at[i];

		if (came_after(q, p) && q->sure && q->ended < tick)
			return false;
	}
	return true;
}

static void
forget(struct pasts *all, uint32_t i)
{
	all->at[i] = all->at[--all->count];
}

/* What neither a read nor a crash can bring back. */
static void
forget_the_gone(struct history *h, struct pasts *all)
{
	for (uint32_t i = 0; i < all->count;) {
		const struct past *p = &all->at[i];

		if (!may_survive(h, all, p) &&
		    !may_be_read(all, p, h->oldest_read))
			forget(all, i);
		else
			i++;
	}
}

bool
history_has_room(struct history *h, uint64_t sector)
{
	struct pasts *all = pasts_of(h, sector);

	if (all->count == WRITES_MAX)
		forget_the_gone(h, all);
	return all->count < WRITES_MAX;
}

void
history_write(struct history *h, uint64_t sector, uint64_t version, bool zeros)
{
	struct pasts *all = pasts_of(h, sector);

	if (all->count == WRITES_MAX)
		abort();
	all->at[all->count++] = (struct past){
		.asked = version,
		.ended = NEVER,
		.zeros = zeros,
	};
}

void
history_written(struct history *h, uint64_t sector, uint64_t version, bool fua,
		uint64_t tick)
{
	struct pasts *all = pasts_of(h, sector);

	for (uint32_t i = 0; i < all->count; i++) {
		struct past *p = &all->at[i];

		if (p->asked != version || p->ended != NEVER)
			continue;
		p->ended = tick;
		p->sure = true;
		p->fua = fua;
		return;
	}
	abort();
}

void
history_flushed(struct history *h, uint64_t tick)
{
	if (h->flushed < tick)
		h->flushed = tick;
}

/* What was in flight did happen or did not. */
static void
pasts_kill(struct pasts *all, uint64_t now)
{
	for (uint32_t i = 0; i < all->count; i++)
		if (all->at[i].ended == NEVER)
			all->at[i].ended = now;
}

/* Of all that nothing durable came after, one is left; which, nobody knows. */
static void
pasts_cut(struct history *h, struct pasts *all, uint64_t now)
{
	struct pasts left = {.count = 0};

	for (uint32_t i = 0; i < all->count; i++)
		if (may_survive(h, all, &all->at[i]))
			left.at[left.count++] = all->at[i];
	for (uint32_t i = 0; i < left.count; i++) {
		struct past *p = &left.at[i];

		p->ended = now;
		p->passed = 0;
		p->sure = left.count == 1;
		p->fua = left.count == 1;
	}
	*all = left;
}

void
history_crash(struct history *h, bool cut)
{
	h->crashed = history_tick(h);
	for (uint64_t i = 0; i < h->sector_count; i++) {
		pasts_kill(&h->sectors[i], h->crashed);
		if (cut)
			pasts_cut(h, &h->sectors[i], h->crashed);
	}
}

static bool
same_content(const struct past *p, uint64_t version)
{
	return version == 0 ? p->zeros : !p->zeros && p->asked == version;
}

/* A read showed what a crash has left: that stays (I3), all else is gone. */
static void
narrow_left(struct history *h, struct pasts *all, uint64_t version,
	    uint64_t tick)
{
	struct pasts left = {.count = 0};
	bool doubt = false;

	for (uint32_t i = 0; i < all->count; i++) {
		struct past p = all->at[i];

		if (p.ended <= h->crashed && !same_content(&p, version)) {
			doubt |= may_be_read(all, &p, tick);
			continue;
		}
		if (p.ended <= h->crashed) {
			p.sure = true;
			p.fua = true;
		}
		left.at[left.count++] = p;
	}
	*all = left;
	h->decided += doubt;
}

/* A read showed one of several that were beside each other: the others came
 * before it. */
static void
narrow(struct pasts *all, uint64_t version, uint64_t tick)
{
	for (uint32_t i = 0; i < all->count; i++) {
		struct past *p = &all->at[i];

		if (p->ended < tick && !p->passed && !same_content(p, version))
			p->passed = tick;
	}
}

const char *
history_read(struct history *h, uint64_t sector, uint64_t version,
	     uint64_t tick)
{
	struct pasts *all = pasts_of(h, sector);
	bool known = false;

	for (uint32_t i = all->count; i-- > 0;) {
		struct past *p = &all->at[i];

		if (!same_content(p, version))
			continue;
		known = true;
		if (!may_be_read(all, p, tick))
			continue;
		if (p->ended <= h->crashed)
			narrow_left(h, all, version, tick);
		else if (p->ended < tick)
			narrow(all, version, tick);
		return NULL;
	}
	if (known)
		return "old: something newer was answered, or seen";
	return version == 0 ? "zeros where something stood"
			    : "old: something newer is durable, or was seen";
}

uint64_t
history_decided(const struct history *h)
{
	return h->decided;
}

static void
past_print(const struct history *h, const struct past *p, FILE *out)
{
	fprintf(out, "  %s %llu", p->zeros ? "zeros of" : "version",
		(unsigned long long)p->asked);
	if (p->ended == NEVER)
		fprintf(out, ", in flight");
	else
		fprintf(out, p->sure ? ", answered at %llu" : ", lost at %llu",
			(unsigned long long)p->ended);
	if (is_durable(h, p))
		fprintf(out, ", durable");
	if (p->passed)
		fprintf(out, ", seen at %llu to be past",
			(unsigned long long)p->passed);
	fputc('\n', out);
}

void
history_print(const struct history *h, uint64_t sector, FILE *out)
{
	const struct pasts *all = &h->sectors[sector];

	fprintf(out, "now: %llu, the last crash: %llu, what may be there:\n",
		(unsigned long long)h->tick, (unsigned long long)h->crashed);
	for (uint32_t i = 0; i < all->count; i++)
		past_print(h, &all->at[i], out);
}
