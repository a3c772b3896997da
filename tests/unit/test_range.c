/* SPDX-License-Identifier: MIT */
#include "range.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "check.h"
#include "support.h"

#define GRANTS_MAX 64

static struct ranges rs;
static struct range *grants[GRANTS_MAX];
static unsigned grant_count;

static void
granted(struct range *r)
{
	cr_assert_lt(grant_count, GRANTS_MAX);
	grants[grant_count++] = r;
}

static void
begin(void)
{
	ranges_init(&rs);
	grant_count = 0;
}

static bool
lock(struct range *r, uint64_t block, uint64_t count)
{
	return range_lock(&rs, r, block, count, true, granted);
}

static bool
share(struct range *r, uint64_t block, uint64_t count)
{
	return range_lock(&rs, r, block, count, false, granted);
}

TestSuite(range, .init = begin);

Test(range, one_block_is_held_by_one_and_granted_to_the_next)
{
	struct range a, b;

	cr_assert(lock(&a, 7, 1));
	cr_assert_not(lock(&b, 7, 1));
	cr_assert_eq(grant_count, 0);
	range_unlock(&rs, &a);
	cr_assert_eq(grant_count, 1);
	cr_assert_eq(grants[0], &b);
	cr_assert(b.held);
	range_unlock(&rs, &b);
	cr_assert(list_empty(&rs.all));
	cr_assert_eq(rs.waiting, 0);
}

Test(range, neighbours_do_not_meet)
{
	struct range a, b, c;

	cr_assert(lock(&a, 8, 8));
	cr_assert(lock(&b, 0, 8));
	cr_assert(lock(&c, 16, 1));
	range_unlock(&rs, &a);
	cr_assert_eq(grant_count, 0);
	range_unlock(&rs, &b);
	range_unlock(&rs, &c);
}

Test(range, the_last_block_of_one_may_be_the_first_of_another)
{
	struct range a, b, c;

	cr_assert(lock(&a, 8, 8));
	cr_assert_not(lock(&b, 15, 1));
	cr_assert_not(lock(&c, 0, 9));
	range_unlock(&rs, &a);
	cr_assert_eq(grant_count, 2);
	range_unlock(&rs, &c);
	range_unlock(&rs, &b);
}

Test(range, readers_hold_a_block_together_and_a_writer_waits_for_all)
{
	struct range a, b, w;

	cr_assert(share(&a, 0, 4));
	cr_assert(share(&b, 2, 4));
	cr_assert_not(lock(&w, 3, 1));
	range_unlock(&rs, &a);
	cr_assert_eq(grant_count, 0);
	range_unlock(&rs, &b);
	cr_assert_eq(grant_count, 1);
	cr_assert(w.held);
	range_unlock(&rs, &w);
}

Test(range, a_reader_does_not_overtake_a_writer_that_waits)
{
	struct range a, w, late;

	cr_assert(share(&a, 0, 4));
	cr_assert_not(lock(&w, 0, 4));
	cr_assert_not(share(&late, 0, 4));
	range_unlock(&rs, &a);
	cr_assert(w.held);
	cr_assert_not(late.held);
	range_unlock(&rs, &w);
	cr_assert(late.held);
	range_unlock(&rs, &late);
}

Test(range, readers_that_waited_for_a_writer_are_granted_together)
{
	struct range w, a, b;

	cr_assert(lock(&w, 0, 4));
	cr_assert_not(share(&a, 0, 4));
	cr_assert_not(share(&b, 0, 4));
	range_unlock(&rs, &w);
	cr_assert_eq(grant_count, 2);
	cr_assert_eq(grants[0], &a);
	cr_assert_eq(grants[1], &b);
	range_unlock(&rs, &a);
	range_unlock(&rs, &b);
}

Test(range, writers_are_granted_in_the_order_they_asked)
{
	struct range r[8];

	cr_assert(lock(&r[0], 5, 3));
	for (unsigned i = 1; i < ARRAY_SIZE(r); i++)
		cr_assert_not(lock(&r[i], 5, 3));
	for (unsigned i = 0; i < ARRAY_SIZE(r); i++) {
		cr_assert(r[i].held);
		range_unlock(&rs, &r[i]);
		cr_assert_eq(grant_count, i + 1 < ARRAY_SIZE(r) ? i + 1 : i);
	}
}

Test(range, who_waits_for_two_is_granted_by_the_later_one)
{
	struct range a, b, both;

	cr_assert(lock(&a, 0, 4));
	cr_assert(lock(&b, 4, 4));
	cr_assert_not(lock(&both, 2, 4));
	range_unlock(&rs, &b);
	cr_assert_not(both.held);
	range_unlock(&rs, &a);
	cr_assert(both.held);
	range_unlock(&rs, &both);
}

static struct range nested;

/* Lets go at once, and asks again for the same. */
static void
granted_and_back(struct range *r)
{
	granted(r);
	range_unlock(&rs, r);
	if (r != &nested)
		cr_assert(range_lock(&rs, &nested, 0, 4, true, granted));
}

Test(range, who_is_granted_may_unlock_and_lock_at_once)
{
	struct range a, b, c;

	cr_assert(lock(&a, 0, 4));
	cr_assert_not(range_lock(&rs, &b, 0, 4, true, granted_and_back));
	range_unlock(&rs, &a);
	cr_assert_eq(grant_count, 1);
	cr_assert(nested.held);
	cr_assert_not(lock(&c, 0, 1));
	range_unlock(&rs, &nested);
	cr_assert(c.held);
	range_unlock(&rs, &c);
	cr_assert(list_empty(&rs.all));
}

Test(range, unlocking_what_is_not_held_aborts, .signal = SIGABRT)
{
	struct range a, b;

	cr_assert(lock(&a, 0, 1));
	cr_assert_not(lock(&b, 0, 1));
	range_unlock(&rs, &b);
}

/* What must hold whatever was asked: nobody who holds meets another, and who
 * waits has somebody before it to wait for. */
static void
assert_fair(const struct range *r, const unsigned *asked, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		bool blocked = false;

		if (!asked[i])
			continue;
		for (unsigned k = 0; k < count; k++) {
			bool meet = k != i && asked[k] &&
				    (r[i].exclusive || r[k].exclusive) &&
				    r[i].block < r[k].block + r[k].count &&
				    r[k].block < r[i].block + r[i].count;

			cr_assert_not(meet && r[i].held && r[k].held);
			blocked |= meet && asked[k] < asked[i];
		}
		cr_assert_eq(r[i].held, !blocked);
	}
}

Test(range, any_mix_is_granted_in_order_and_as_soon_as_it_can_be)
{
	struct range r[12];
	unsigned asked[ARRAY_SIZE(r)] = {0}; /* when; 0: not at all */
	uint64_t random = 4711;
	unsigned now = 0;

	for (unsigned step = 0; step < 20000; step++) {
		unsigned i =
			(unsigned)(support_random(&random) % ARRAY_SIZE(r));
		uint64_t x = support_random(&random);

		grant_count = 0;
		if (asked[i] && r[i].held) {
			asked[i] = 0;
			range_unlock(&rs, &r[i]);
		} else if (!asked[i]) {
			asked[i] = ++now;
			range_lock(&rs, &r[i], x % 24, 1 + x / 64 % 6,
				   x / 1024 % 2, granted);
		}
		assert_fair(r, asked, ARRAY_SIZE(r));
	}
}
