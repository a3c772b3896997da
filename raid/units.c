/* SPDX-License-Identifier: MIT */
#include "units.h"

#include <string.h>

#include "check.h"

#define TO(state) (1u << UNIT_##state)

/* Row: from.  Bits: the states that may follow. */
static const unsigned unit_next[] = {
	[UNIT_CLEAN] = TO(MARKING) | TO(DIRTY),
	[UNIT_MARKING] = TO(DIRTY),
	[UNIT_DIRTY] = TO(CLEANING),
	/* MARKING: a write came; DIRTY: the record was not composed after all
	 */
	[UNIT_CLEANING] = TO(CLEAN) | TO(MARKING) | TO(DIRTY),
};

static uint32_t
units_hash_size(uint32_t count)
{
	uint32_t size = 64;

	while (size < count)
		size *= 2;
	return size;
}

void
units_carve(struct units *us, struct arena *a, uint32_t count)
{
	ARENA_TAKE(a, us, all, count, 64);
	ARENA_TAKE(a, us, heads, units_hash_size(count), 64);
}

void
units_init(struct units *us, uint32_t limit, uint32_t count)
{
	us->limit = limit;
	us->count = count;
	us->hash_mask = units_hash_size(count) - 1;
	units_reset(us);
}

void
units_reset(struct units *us)
{
	memset(us->heads, 0,
	       ((size_t)us->hash_mask + 1) * sizeof(us->heads[0]));
	us->used = 0;
	us->resync = 0;
	us->open = 0;
	list_init(&us->lru);
	list_init(&us->free);
	for (uint32_t i = 0; i < us->count; i++) {
		us->all[i] = (struct unit){0};
		list_append(&us->free, &us->all[i].lru);
	}
}

static struct unit **
units_bucket(const struct units *us, uint64_t number)
{
	uint64_t h = number * 0x9e3779b97f4a7c15ull;

	return &us->heads[(uint32_t)(h >> 32) & us->hash_mask];
}

struct unit *
units_find(const struct units *us, uint64_t number)
{
	struct unit *u = *units_bucket(us, number);

	while (u && u->number != number)
		u = u->hash_next;
	return u;
}

struct unit *
units_add(struct units *us, uint64_t number)
{
	struct unit **bucket = units_bucket(us, number);

	if (list_empty(&us->free))
		return NULL;
	struct unit *u = list_first(&us->free, struct unit, lru);

	list_remove(&u->lru);
	*u = (struct unit){.number = number, .hash_next = *bucket};
	*bucket = u;
	list_append(&us->lru, &u->lru);
	us->used++;
	return u;
}

void
units_remove(struct units *us, struct unit *u)
{
	struct unit **at = units_bucket(us, u->number);

	CHECK(u->state == UNIT_CLEAN);
	CHECK(u->inflight == 0);
	CHECK(!u->resync);
	while (*at != u) {
		CHECK(*at);
		at = &(*at)->hash_next;
	}
	*at = u->hash_next;
	list_remove(&u->lru);
	list_append(&us->free, &u->lru);
	us->used--;
}

void
units_touch(struct units *us, struct unit *u, uint64_t now_ns)
{
	u->used_ns = now_ns;
	list_remove(&u->lru);
	list_append(&us->lru, &u->lru);
}

void
unit_set_state(struct unit *u, enum unit_state to)
{
	CHECK(unit_next[u->state] & (1u << to));
	u->state = to;
}

void
unit_set_resync(struct units *us, struct unit *u, bool resync)
{
	if (u->resync == resync)
		return;
	CHECK(!u->open);
	u->resync = resync;
	us->resync += resync ? 1 : (uint32_t)-1;
}

void
unit_set_open(struct units *us, struct unit *u, bool open)
{
	if (u->open == open)
		return;
	CHECK(u->resync);
	u->open = open;
	us->open += open ? 1 : (uint32_t)-1;
}

void
units_check(const struct units *us)
{
	uint32_t used = 0;
	uint32_t resync = 0;
	uint32_t open = 0;

	for (const struct list *l = us->lru.next; l != &us->lru; l = l->next) {
		const struct unit *u = container_of(l, const struct unit, lru);

		CHECK(u->state != UNIT_CLEAN);
		CHECK(units_find(us, u->number) == u);
		used++;
		resync += u->resync;
		open += u->open;
	}
	CHECK(used == us->used);
	CHECK(resync == us->resync);
	CHECK(open == us->open);
}
