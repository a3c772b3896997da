/* SPDX-License-Identifier: MIT */
#include "range.h"

#include "check.h"
#include "plant.h"

void
ranges_init(struct ranges *rs)
{
	list_init(&rs->all);
	rs->waiting = 0;
}

static bool
range_conflicts(const struct range *a, const struct range *b)
{
	if ((!a->exclusive && !b->exclusive) ||
	    (PLANTED(READ_BESIDE_WRITE) && (!a->exclusive || !b->exclusive)))
		return false;
	return a->block < b->block + b->count && b->block < a->block + a->count;
}

/* Nobody who asked before r, and conflicts with it, is left? */
static bool
range_is_free(const struct ranges *rs, const struct range *r)
{
	for (const struct list *l = rs->all.next; l != &r->link; l = l->next) {
		const struct range *before =
			container_of(l, const struct range, link);

		if (range_conflicts(before, r))
			return false;
	}
	return true;
}

bool
range_lock(struct ranges *rs, struct range *r, uint64_t block, uint64_t count,
	   bool exclusive, range_granted_f *granted)
{
	CHECK(count > 0);
	*r = (struct range){
		.block = block,
		.count = count,
		.exclusive = exclusive,
		.granted = granted,
	};
	list_append(&rs->all, &r->link);
	r->held = range_is_free(rs, r);
	if (!r->held)
		rs->waiting++;
	return r->held;
}

/* The first waiting one that conflicts with gone and is free now. */
static struct range *
range_next_free(struct ranges *rs, const struct range *gone)
{
	list_for_each (l, following, &rs->all) {
		struct range *r = list_entry(l, struct range, link);

		if (!r->held && range_conflicts(r, gone) &&
		    range_is_free(rs, r))
			return r;
	}
	return NULL;
}

void
range_unlock(struct ranges *rs, struct range *r)
{
	const struct range gone = *r;
	struct range *next;

	CHECK(r->held);
	list_remove(&r->link);
	r->held = false;
	/* granted may lock and unlock: look anew each time. */
	while (rs->waiting > 0 && (next = range_next_free(rs, &gone)) != NULL) {
		next->held = true;
		rs->waiting--;
		next->granted(next);
	}
}
