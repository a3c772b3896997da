/* SPDX-License-Identifier: MIT */
#include "units.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "check.h"
#include "support.h"

#define POOL 8u

static struct units us;

/* Memory as raid_init takes it: measured, then carved. */
static void
begin(void)
{
	struct arena a = {0};

	units_carve(&us, &a, POOL);
	a.size = a.used;
	a.base = aligned_alloc(64, (a.size + 63) / 64 * 64);
	a.used = 0;
	cr_assert(a.base != NULL);
	units_carve(&us, &a, POOL);
	units_init(&us, POOL, POOL);
}

static struct unit *
dirty(uint64_t number)
{
	struct unit *u = units_add(&us, number);

	cr_assert(u != NULL);
	unit_set_state(u, UNIT_DIRTY);
	return u;
}

static void
clean(struct unit *u)
{
	unit_set_state(u, UNIT_CLEANING);
	unit_set_state(u, UNIT_CLEAN);
	units_remove(&us, u);
}

TestSuite(units, .init = begin);

Test(units, what_was_never_added_is_clean)
{
	cr_assert_null(units_find(&us, 0));
	cr_assert_null(units_find(&us, UINT64_MAX));
	cr_assert_eq(us.used, 0);
	units_check(&us);
}

Test(units, what_was_added_is_found_until_it_is_removed)
{
	struct unit *a = dirty(3), *b = dirty(3ull << 40);

	cr_assert_eq(units_find(&us, 3), a);
	cr_assert_eq(units_find(&us, 3ull << 40), b);
	for (uint64_t i = 1; i < 1000; i++)
		cr_assert_null(units_find(&us, 3 | i << 32));
	units_check(&us);
	clean(a);
	cr_assert_null(units_find(&us, 3));
	cr_assert_eq(units_find(&us, 3ull << 40), b);
	cr_assert_eq(us.used, 1);
	units_check(&us);
}

Test(units, a_new_unit_is_clean_and_remembers_nothing_of_the_one_before)
{
	struct unit *u;

	for (unsigned i = 0; i < POOL; i++) {
		u = dirty(i);
		unit_set_resync(&us, u, true);
		u->gen = 9;
		u->settling = true;
		unit_set_resync(&us, u, false);
	}
	for (unsigned i = 0; i < POOL; i++)
		clean(units_find(&us, i));
	u = units_add(&us, 77);
	cr_assert_eq(u->state, UNIT_CLEAN);
	cr_assert_eq(u->gen, 0);
	cr_assert_not(u->settling);
	cr_assert_not(u->resync);
	cr_assert_eq(u->inflight, 0);
}

Test(units, an_empty_pool_gives_none_and_keeps_those_it_has)
{
	for (uint64_t i = 0; i < POOL; i++)
		dirty(i * 1000003);
	cr_assert_null(units_add(&us, 5));
	cr_assert_null(units_find(&us, 5));
	for (uint64_t i = 0; i < POOL; i++)
		cr_assert_not_null(units_find(&us, i * 1000003));
	units_check(&us);
	clean(units_find(&us, 0));
	dirty(5);
}

Test(units, the_longest_unused_comes_first)
{
	struct unit *a = dirty(1), *b = dirty(2), *c = dirty(3);

	units_touch(&us, a, 100);
	units_touch(&us, c, 200);
	cr_assert_eq(list_first(&us.lru, struct unit, lru), b);
	units_touch(&us, b, 300);
	cr_assert_eq(list_first(&us.lru, struct unit, lru), a);
	cr_assert_eq(a->used_ns, 100);
	cr_assert_eq(b->used_ns, 300);
	units_check(&us);
}

Test(units, a_unit_to_be_resynced_is_counted_once)
{
	struct unit *a = dirty(1), *b = dirty(2);

	unit_set_resync(&us, a, true);
	unit_set_resync(&us, a, true);
	unit_set_resync(&us, b, true);
	cr_assert_eq(us.resync, 2);
	unit_set_resync(&us, a, false);
	unit_set_resync(&us, a, false);
	cr_assert_eq(us.resync, 1);
	units_check(&us);
}

Test(units, a_reset_table_has_its_whole_pool_again)
{
	unit_set_resync(&us, dirty(1), true);
	dirty(2);
	units_reset(&us);
	cr_assert_eq(us.used, 0);
	cr_assert_eq(us.resync, 0);
	cr_assert_null(units_find(&us, 1));
	for (uint64_t i = 0; i < POOL; i++)
		dirty(i);
	units_check(&us);
}

/* Follows the diagram in units.h. */
static const bool allowed[4][4] = {
	[UNIT_CLEAN] = {[UNIT_MARKING] = true, [UNIT_DIRTY] = true},
	[UNIT_MARKING] = {[UNIT_DIRTY] = true},
	[UNIT_DIRTY] = {[UNIT_CLEANING] = true},
	[UNIT_CLEANING] = {[UNIT_CLEAN] = true,
			   [UNIT_MARKING] = true,
			   [UNIT_DIRTY] = true},
};

Test(units, every_way_in_the_diagram_can_be_gone)
{
	for (unsigned from = 0; from < 4; from++)
		for (unsigned to = 0; to < 4; to++) {
			struct unit u = {.state = (enum unit_state)from};

			if (!allowed[from][to])
				continue;
			unit_set_state(&u, (enum unit_state)to);
			cr_assert_eq(u.state, to);
		}
}

static void
go(enum unit_state from, enum unit_state to)
{
	struct unit u = {.state = from};

	unit_set_state(&u, to);
}

Test(units, a_dirty_unit_does_not_become_clean_at_once, .signal = SIGABRT)
{
	go(UNIT_DIRTY, UNIT_CLEAN);
}

Test(units, a_unit_being_marked_is_not_cleaned, .signal = SIGABRT)
{
	go(UNIT_MARKING, UNIT_CLEANING);
}

Test(units, a_clean_unit_is_not_cleaned_again, .signal = SIGABRT)
{
	go(UNIT_CLEAN, UNIT_CLEANING);
}

Test(units, a_dirty_unit_is_not_removed, .signal = SIGABRT)
{
	units_remove(&us, dirty(1));
}

Test(units, a_unit_with_writes_in_flight_is_not_removed, .signal = SIGABRT)
{
	struct unit *u = units_add(&us, 1);

	u->inflight = 1;
	units_remove(&us, u);
}

Test(units, an_open_unit_waits_for_no_resync)
{
	struct unit *a = dirty(1);
	struct unit *b = dirty(2);

	unit_set_resync(&us, a, true);
	unit_set_resync(&us, b, true);
	unit_set_open(&us, a, true);
	unit_set_open(&us, a, true);
	cr_assert_eq(us.resync, 2);
	cr_assert_eq(units_resync_left(&us), 1);
	units_check(&us);
	unit_set_open(&us, a, false);
	cr_assert_eq(units_resync_left(&us), 2);
}

Test(units, only_a_unit_to_be_resynced_can_be_open, .signal = SIGABRT)
{
	unit_set_open(&us, dirty(1), true);
}

Test(units, a_unit_to_be_resynced_is_not_removed, .signal = SIGABRT)
{
	struct unit *u = units_add(&us, 1);

	unit_set_resync(&us, u, true);
	units_remove(&us, u);
}

Test(units, any_life_of_the_table_finds_what_a_plain_list_finds)
{
	uint64_t random = 99;
	bool in[32] = {false};

	for (unsigned step = 0; step < 20000; step++) {
		uint64_t n = support_random(&random) % ARRAY_SIZE(in);
		struct unit *u = units_find(&us, n << 32 | n);

		cr_assert_eq(u != NULL, in[n]);
		if (u)
			clean(u);
		else if (us.used < POOL)
			dirty(n << 32 | n);
		else
			in[n] = !in[n];
		in[n] = !in[n];
		units_check(&us);
	}
}
