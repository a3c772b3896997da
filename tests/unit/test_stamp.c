/* SPDX-License-Identifier: MIT */
/* tests/system/stamp_history.c and stamp_sector.c: that the checker of the
 * crash tests allows what may be, and nothing else. */
#include <criterion/criterion.h>
#include <string.h>

#include "stamp_history.h"
#include "stamp_sector.h"

static struct history *h;

static void
setup(void)
{
	h = history_new(2);
}

static void
teardown(void)
{
	history_free(h);
}

TestSuite(stamp, .init = setup, .fini = teardown);

/* Of sector 0; each returns its version, which is when it was asked. */
static uint64_t
ask(bool zeros)
{
	uint64_t version = history_tick(h);

	history_write(h, 0, version, zeros);
	return version;
}

static void
answer(uint64_t version, bool fua)
{
	history_written(h, 0, version, fua, history_tick(h));
}

static uint64_t
written(void)
{
	uint64_t version = ask(false);

	answer(version, false);
	return version;
}

static void
flush(void)
{
	history_flushed(h, history_tick(h));
}

static bool
may_read(uint64_t version)
{
	return history_read(h, 0, version, history_tick(h)) == NULL;
}

Test(stamp, what_was_never_written_is_zeros)
{
	cr_assert(may_read(STAMP_ZEROS));
	cr_assert_not(may_read(1));
}

Test(stamp, without_a_crash_the_last_answered_is_read)
{
	uint64_t a = written();
	uint64_t b = written();

	cr_assert_not(may_read(STAMP_ZEROS));
	cr_assert_not(may_read(a));
	cr_assert(may_read(b));
}

Test(stamp, what_is_in_flight_may_be_read_or_not)
{
	uint64_t a = written();
	uint64_t b = ask(false);

	cr_assert(may_read(b));
	cr_assert(may_read(a));
	answer(b, false);
	cr_assert_not(may_read(a));
}

Test(stamp, of_two_beside_each_other_the_one_seen_stays)
{
	uint64_t a = ask(false);
	uint64_t b = ask(false);

	answer(b, false);
	answer(a, false);
	cr_assert(may_read(b));
	cr_assert(may_read(b));
	cr_assert_not(may_read(a));
}

Test(stamp, a_read_asked_before_the_answer_may_see_what_was_before)
{
	uint64_t a = written();
	uint64_t b = ask(false);
	uint64_t asked = history_tick(h);

	answer(b, false);
	cr_assert_null(history_read(h, 0, a, asked));
	cr_assert_not(may_read(a));
}

Test(stamp, a_kill_loses_nothing_that_was_answered)
{
	uint64_t a = written();

	history_crash(h, false);
	cr_assert_not(may_read(STAMP_ZEROS));
	cr_assert(may_read(a));
}

Test(stamp, a_cut_may_lose_what_was_not_flushed)
{
	uint64_t a = written();

	flush();
	written();
	uint64_t c = written();

	history_crash(h, true);
	cr_assert_not(may_read(STAMP_ZEROS));
	cr_assert(may_read(a));
	cr_assert_not(may_read(c), "I3: the older was seen");
}

Test(stamp, a_cut_may_keep_what_was_not_flushed)
{
	uint64_t a = written();

	flush();
	uint64_t b = written();

	history_crash(h, true);
	cr_assert(may_read(b));
	cr_assert_not(may_read(a), "I3: the newer was seen");
	history_crash(h, true);
	cr_assert_not(may_read(a), "I3: nor after another cut");
	cr_assert(may_read(b));
}

Test(stamp, fua_survives_a_cut)
{
	uint64_t a = written();
	uint64_t b = ask(false);

	answer(b, true);
	history_crash(h, true);
	cr_assert_not(may_read(a));
	cr_assert(may_read(b));
}

Test(stamp, a_flush_covers_only_what_was_answered_before_it_was_asked)
{
	uint64_t a = ask(false);
	uint64_t asked = history_tick(h);

	answer(a, false);
	history_flushed(h, asked);
	history_crash(h, true);
	cr_assert(may_read(STAMP_ZEROS));
}

Test(stamp, in_doubt_until_it_is_read_over_several_crashes)
{
	uint64_t a = ask(false);

	history_crash(h, true);
	history_crash(h, false);
	history_crash(h, true);
	cr_assert(may_read(a));
	cr_assert_not(may_read(STAMP_ZEROS));
}

Test(stamp, what_was_lost_before_is_not_there_after_something_durable)
{
	uint64_t a = ask(false);

	history_crash(h, false);
	uint64_t b = written();

	flush();
	history_crash(h, true);
	cr_assert_not(may_read(a));
	cr_assert_not(may_read(STAMP_ZEROS));
	cr_assert(may_read(b));
}

Test(stamp, zeros_are_a_version_as_well)
{
	uint64_t a = written();
	uint64_t b = ask(true);

	cr_assert(may_read(a));
	answer(b, false);
	cr_assert_not(may_read(a));
	cr_assert_not(may_read(b), "zeros say no version");
	cr_assert(may_read(STAMP_ZEROS));
}

Test(stamp, room_is_made_by_a_flush)
{
	uint32_t count = 0;

	for (; history_has_room(h, 0) && count < 100; count++)
		written();
	cr_assert_lt(count, 100u);
	flush();
	cr_assert(history_has_room(h, 0));
	cr_assert(history_has_room(h, 1));
}

Test(stamp, a_sector_says_what_it_is)
{
	const struct stamp in = {
		.place = 7, .version = 9, .writer = 1, .run = 3};
	struct stamp out;
	uint8_t sector[STAMP_SECTOR_BYTES];

	stamp_fill(sector, &in);
	cr_assert_null(stamp_examine(sector, 7, 3, &out));
	cr_assert_eq(out.version, 9u);
	cr_assert_eq(out.writer, 1u);
	cr_assert_str_eq(stamp_examine(sector, 8, 3, &out), "of another place");
	cr_assert_str_eq(stamp_examine(sector, 7, 4, &out), "of another array");
	for (unsigned i = 8; i < STAMP_SECTOR_BYTES; i++) {
		sector[i] ^= 0x10;
		cr_assert_str_eq(stamp_examine(sector, 7, 3, &out),
				 "torn or damaged");
		sector[i] ^= 0x10;
	}
	sector[0] ^= 1;
	cr_assert_str_eq(stamp_examine(sector, 7, 3, &out),
			 "not what anybody wrote");
	memset(sector, 0, sizeof(sector));
	cr_assert_null(stamp_examine(sector, 7, 3, &out));
	cr_assert_eq(out.version, STAMP_ZEROS);
}
