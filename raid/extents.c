/* SPDX-License-Identifier: MIT */
#include "extents.h"

#include <stddef.h>
#include <string.h>

static uint64_t
extent_end(const struct extent *e)
{
	return e->start + e->count;
}

/* Index of the first that ends at `at` or behind. */
static uint32_t
extents_find(const struct extents *x, uint64_t at)
{
	uint32_t low = 0;
	uint32_t high = x->used;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (extent_end(&x->all[middle]) < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Take `count` from index i on out, or with a negative one make room. */
static void
extents_shift(struct extents *x, uint32_t i, int32_t count)
{
	uint32_t from = count > 0 ? i + (uint32_t)count : i;
	uint32_t to = count > 0 ? i : i + (uint32_t)-count;

	memmove(&x->all[to], &x->all[from],
		(x->used - from) * sizeof(x->all[0]));
	x->used = x->used + to - from;
}

static uint64_t
since_of(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a ? a : b;
	return a < b ? a : b;
}

bool
extents_add(struct extents *x, uint64_t start, uint64_t count, uint64_t since_s)
{
	uint64_t end = start + count;
	uint32_t i = extents_find(x, start);
	uint32_t last = i;

	CHECK(count > 0);
	while (last < x->used && x->all[last].start <= end)
		last++;
	if (last == i) {
		if (x->used == x->max)
			return false;
		extents_shift(x, i, -1);
		x->all[i] = (struct extent){start, count, since_s};
		return true;
	}
	struct extent *e = &x->all[i];

	if (end < extent_end(&x->all[last - 1]))
		end = extent_end(&x->all[last - 1]);
	for (uint32_t k = i; k < last; k++)
		since_s = since_of(since_s, x->all[k].since_s);
	if (e->start < start)
		start = e->start;
	*e = (struct extent){start, end - start, since_s};
	extents_shift(x, i + 1, (int32_t)(last - i - 1));
	return true;
}

bool
extents_remove(struct extents *x, uint64_t start, uint64_t count)
{
	uint64_t end = start + count;
	uint32_t i = extents_find(x, start + 1);
	bool whole = true;

	if (i < x->used && x->all[i].start < start) {
		struct extent *e = &x->all[i];
		struct extent behind = {end, extent_end(e) - end, e->since_s};
		bool split = extent_end(e) > end;

		e->count = start - e->start;
		i++;
		whole = !split || x->used < x->max;
		if (split && whole) {
			extents_shift(x, i, -1);
			x->all[i] = behind;
		}
	}
	uint32_t last = i;

	while (last < x->used && extent_end(&x->all[last]) <= end)
		last++;
	extents_shift(x, i, (int32_t)(last - i));
	if (i < x->used && x->all[i].start < end) {
		x->all[i].count = extent_end(&x->all[i]) - end;
		x->all[i].start = end;
	}
	return whole;
}

const struct extent *
extents_from(const struct extents *x, uint64_t at)
{
	uint32_t i = extents_find(x, at + 1);

	return i < x->used ? &x->all[i] : NULL;
}

bool
extents_touch(const struct extents *x, uint64_t start, uint64_t count)
{
	const struct extent *e = extents_from(x, start);

	return e && e->start < start + count;
}

uint64_t
extents_sum(const struct extents *x)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < x->used; i++)
		sum += x->all[i].count;
	return sum;
}

bool
extents_minus(const struct extents *a, const struct extents *b, uint64_t *at,
	      struct extent *out)
{
	const struct extent *e;

	while ((e = extents_from(a, *at)) != NULL) {
		uint64_t start = e->start > *at ? e->start : *at;
		const struct extent *other = extents_from(b, start);
		uint64_t end = extent_end(e);

		if (other && other->start <= start) {
			*at = extent_end(other);
			continue;
		}
		if (other && other->start < end)
			end = other->start;
		*out = (struct extent){start, end - start, e->since_s};
		*at = end;
		return true;
	}
	return false;
}

void
extents_check(const struct extents *x)
{
	CHECK(x->used <= x->max);
	for (uint32_t i = 0; i < x->used; i++) {
		CHECK(x->all[i].count > 0);
		CHECK(i == 0 || extent_end(&x->all[i - 1]) < x->all[i].start);
	}
}
