/* SPDX-License-Identifier: MIT */
/*
 * Members that a table of cases has no columns for: offered twice or in any
 * order, replaced, of another shape, away for longer than histories reach.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "check.h"
#include "offer.h"
#include "support.h"

Test(assemble_member, the_order_in_which_members_are_offered_is_nothing)
{
	static const struct life life = {3, 3, {
		E(0, HOW_CHANGE, true, "01 02 10 11 12 20 21 22"),
		E(0, HOW_START, true, "00 02 10 11 20 21 22"),
		E(2, HOW_CHANGE, true, "00 02 10 20 21 22"),
	}};

	life_make(&life);
	members_make("01:1 12:0* 11:2 00:3 02:3* 10:3 20:3 21:2 22:3");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(), "SSFIIIISI");
	cr_assert_eq(got.freshest, 4);
	cr_assert(order_is_nothing(200));
}

Test(assemble_member, a_stale_member_offered_first_does_not_lead)
{
	static const struct life life = {1, 2, {
		E(0, HOW_CHANGE, true, "01"),
		E(1, HOW_START, true, "01"),
	}};

	life_make(&life);
	members_make("00:0* 01:2*");
	decide();
	cr_assert_eq(got.freshest, 1);
	cr_assert_eq(got.place[1], 1);
	cr_assert_eq(got.role[0], ROLE_FAILED);
}

Test(assemble_member, rebuilding_and_stale_legs_keep_their_place)
{
	static const struct life life = {2, 3, {
		E(0, HOW_CHANGE, true, "00 10 11"),
	}};

	life_make(&life);
	sb_place(&epochs[1], 0, 1)->state = LEG_REBUILDING;
	sb_place(&epochs[1], 0, 2)->state = LEG_STALE;
	members_make("00:1* 01:0* 02:1 10:1 11:1");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(), "ISSII");
	cr_assert_eq(got.place[1], 1);
	cr_assert_eq(got.place[2], 2);
}

/* A member offered twice is a copy of a disk: which one is it? */
Test(assemble_member, a_member_offered_twice_is_not_used)
{
	static const struct life life = {2, 2, {{0}}};

	life_make(&life);
	members_make("00:0* 01:0* 10:0* 11:0* 00:0*");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(), "DIIID");
	cr_assert_eq(got.place[0], -1);
	cr_assert(got.missing[0]);
	cr_assert(order_is_nothing(50));
	members_make("00:0* 10:0* 11:0* 00:0*");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_SET_MISSING);
	members_make("00:0* 00:0* 00:0*");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_SET_MISSING);
	cr_assert_str_eq(roles_text(), "DDD");
	cr_assert_not(got.can_force);
}

Test(assemble_member, a_replaced_member_is_told_apart)
{
	static const struct life life = {1, 2, {
		E(0, HOW_CHANGE, true, "01"),
		E(1, HOW_CHANGE, true, "01"),
	}};

	life_make(&life);
	memset(sb_place(&epochs[2], 0, 0)->member_uuid, 0x55, 16);
	sb_place(&epochs[2], 0, 0)->state = LEG_REBUILDING;
	members_make("00:0* 01:2* 00:2");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(), "RIS");
	cr_assert_eq(got.place[0], 2);
	cr_assert(order_is_nothing(20));
}

Test(assemble_member, a_member_of_another_shape_is_foreign)
{
	static const struct life life = {2, 2, {
		E(0, HOW_START, true, "00 01 10 11"),
	}};

	life_make(&life);
	members_make("00:0* 01:1* 10:1* 11:1*");
	members[0].layout.data_bytes -= 4 << 20;
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(), "XIII");
	cr_assert(got.missing[0]);
	members[1].array_uuid[0]++;
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_SET_MISSING);
}

Test(assemble_member, one_of_another_shape_does_not_make_the_others_foreign)
{
	static const struct life life = {2, 2, {
		E(0, HOW_START, true, "00 01 10 11"),
	}};

	life_make(&life);
	members_make("00:1* 01:0* 10:0* 11:0*");
	members[0].geometry.chunk_bytes *= 2;
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(), "XIII");
	cr_assert(got.missing[0]);
}

/* H29: 0.0 went away at epoch left, the others made many more. */
static void
members_age(uint64_t left, uint64_t now, enum sb_how how)
{
	struct epoch_spec spec = E(0, how, true, "00 01 10 11");
	struct sb *newest = &epochs[1];
	uint64_t nonce = 500;

	support_sb(&epochs[0], 2, 2);
	*newest = epochs[0];
	while (newest->history[0].number < now) {
		struct sb parent = *newest;

		if (parent.history[0].number == left) {
			members[0] = parent;
			spec.in_sync = "01 10 11";
		}
		if (parent.history[0].number == left + 15)
			members[4] = parent;
		epoch_make(newest, &parent, nonce++, &spec);
	}
	sb_mark(newest);
	for (unsigned i = 1; i < 4; i++) {
		members[i] = *newest;
		support_seat(&members[i], i / 2, i % 2);
	}
	for (unsigned i = 0; i < 4; i++)
		offered[i] = &members[i];
	member_count = 4;
}

Test(assemble_member, a_member_away_for_longer_than_the_history_is_stale)
{
	static const uint64_t spans[] = {1, 31, 32, 33, 34, 40, 100, 1000};

	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		members_age(5, 5 + spans[i], HOW_START);
		decide();
		cr_assert_eq(got.verdict, ASSEMBLE_START);
		cr_assert_str_eq(roles_text(), "SIII", "span %zu", i);
		cr_assert_eq(got.place[0], 0);
		cr_assert(order_is_nothing(10));
	}
}

Test(assemble_member, a_member_that_went_on_alone_is_a_fork_though_long_ago)
{
	static const struct epoch_spec alone = E(0, HOW_FORCE, true, "00 10");
	struct sb forked;

	/* Its epoch is later than its place was in-sync. */
	members_age(5, 60, HOW_START);
	epoch_make(&forked, &members[0], 9000, &alone);
	members[0] = forked;
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(), "KIII");
	/* By force, though in time: it may be one the line has never seen. */
	members_age(6, 60, HOW_START);
	members[0].history[0].how = HOW_FORCE;
	decide();
	cr_assert_str_eq(roles_text(), "KIII");
	cr_assert(order_is_nothing(10));
}

/* The lists of two members, one going on where the other ends. */
Test(assemble_member, a_third_member_tells_what_the_history_has_lost)
{
	members_age(30, 70, HOW_CHANGE);
	support_seat(&members[4], 0, 1);
	members[1] = members[4]; /* as of epoch 45, then absent */
	sb_mark(&members[1]);
	for (unsigned i = 2; i < 4; i++)
		sb_place(&members[i], 0, 1)->state = LEG_IN_SYNC;
	decide();
	cr_assert_str_eq(roles_text(), "FSII");
	/* Another epoch 30 than the one which that list has. */
	members[0].history[0].nonce++;
	decide();
	cr_assert_str_eq(roles_text(), "KSII");
	/* Without that list nobody would know. */
	offered[1] = &members[3];
	member_count = 3;
	decide();
	cr_assert_eq(got.role[0], ROLE_FAILED);
}
