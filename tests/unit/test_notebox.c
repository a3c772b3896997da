/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <sys/poll.h>

#include "notebox.h"

static struct notebox box;

static void
setup(void)
{
	cr_assert_eq(notebox_init(&box), 0);
}

static void
teardown(void)
{
	notebox_fini(&box);
}

TestSuite(notebox, .init = setup, .fini = teardown);

static void
put(uint64_t a)
{
	notebox_put(&box, &(struct raid_note){.a = a});
}

static bool
rings(void)
{
	struct pollfd fd = {.fd = box.eventfd, .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

Test(notebox, notes_come_out_in_order_also_around_the_end)
{
	struct raid_note note;

	for (uint64_t i = 0; i < 5 * NOTEBOX_NOTES; i++) {
		put(2 * i);
		put(2 * i + 1);
		cr_assert(notebox_take(&box, &note));
		cr_assert_eq(note.a, 2 * i);
		cr_assert(notebox_take(&box, &note));
		cr_assert_eq(note.a, 2 * i + 1);
		cr_assert_not(notebox_take(&box, &note));
	}
	cr_assert_eq(notebox_lost(&box), 0u);
}

Test(notebox, what_does_not_fit_is_counted_once)
{
	struct raid_note note;

	for (uint64_t i = 0; i < NOTEBOX_NOTES + 7; i++)
		put(i);
	cr_assert_eq(notebox_lost(&box), 7u);
	cr_assert_eq(notebox_lost(&box), 0u);
	for (uint64_t i = 0; i < NOTEBOX_NOTES; i++) {
		cr_assert(notebox_take(&box, &note));
		cr_assert_eq(note.a, i);
	}
	cr_assert_not(notebox_take(&box, &note));
}

Test(notebox, it_rings_once_for_all_that_was_put)
{
	notebox_ring(&box);
	cr_assert_not(rings());
	put(1);
	put(2);
	cr_assert_not(rings());
	notebox_ring(&box);
	cr_assert(rings());
	notebox_silence(&box);
	cr_assert_not(rings());
	notebox_ring(&box);
	cr_assert_not(rings());
}
