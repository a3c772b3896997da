/* SPDX-License-Identifier: MIT */
/* Cases of R13-R15 by hand, in a table; offer.h says how to read it. */
#include <criterion/criterion.h>

#include "check.h"
#include "offer.h"
#include "support.h"

struct assemble_case {
	const char *what;
	const struct life *life;
	const char *members;
	enum assemble_verdict verdict;
	bool can_force;
	const char *roles;
	const char *waits;
	const char *missing;
};

/* Lives of more than one case; others are told in their case. */
static const struct life created_2x2 = {2, 2, {{0}}};
static const struct life created_1x2 = {1, 2, {{0}}};
static const struct life created_1x3 = {1, 3, {{0}}};
static const struct life evicted = {2, 2, {
	E(0, HOW_CHANGE, true, "01 10 11"),
}};
static const struct life evicted_1x2 = {1, 2, {
	E(0, HOW_CHANGE, true, "01"),
}};
static const struct life sibling_went_on = {2, 2, {
	E(0, HOW_CHANGE, true, "01 10 11"),
	E(0, HOW_START, true, "00 10 11"),
	E(2, HOW_CHANGE, true, "00 11"),
}};
static const struct life promoted = {2, 2, {
	E(0, HOW_CHANGE, true, "01 10 11"),
	E(1, HOW_CHANGE, true, "00 01 10 11"),
}};
static const struct life promoted_1x2 = {1, 2, {
	E(0, HOW_CHANGE, true, "01"),
	E(1, HOW_CHANGE, true, "00 01"),
}};
static const struct life sibling = {2, 2, {
	E(0, HOW_CHANGE, true, "01 10 11"),
	E(0, HOW_START, true, "00 10 11"),
}};
static const struct life started_1x2 = {1, 2, {
	E(0, HOW_START, true, "00 01"),
}};
static const struct life two_evicted = {1, 3, {
	E(0, HOW_CHANGE, true, "02"),
}};

#define LIFE(sets_, legs_, ...)                                                \
	&(const struct life){sets_, legs_, {__VA_ARGS__}}

static const struct assemble_case cases[] = {
	{"a new array, all here", &created_2x2, "00:0 01:0 10:0 11:0",
	 ASSEMBLE_START, true, "IIII", "", ""},
	{"one absent, a whole set here", &created_2x2, "01:0* 10:0* 11:0*",
	 ASSEMBLE_START, true, "III", "", "00"},
	{"the same, not known in force", &created_2x2, "01:0 10:0 11:0",
	 ASSEMBLE_START, true, "III", "", "00"},
	{"half of each pair", &created_2x2, "00:0* 11:0*", ASSEMBLE_WAIT, true,
	 "II", "01 10", "01 10"},
	{"one leg of the only set", &created_1x2, "01:0*", ASSEMBLE_WAIT, true,
	 "I", "00", "00"},
	{"two of three legs of the only set", &created_1x3, "00:0* 02:0*",
	 ASSEMBLE_WAIT, true, "II", "01", "01"},
	{"a set not here at all", &created_2x2, "00:0* 01:0*",
	 ASSEMBLE_SET_MISSING, false, "II", "", "10 11"},
	{"an evicted leg is not used", &evicted, "00:0* 01:1* 10:1* 11:1*",
	 ASSEMBLE_START, true, "FIII", "", ""},
	{"nor when it is all there is of its set (A21)", &evicted,
	 "00:0* 10:1* 11:1*", ASSEMBLE_SET_MISSING, false, "FII", "", "01"},
	{"its partner alone is the whole set", &evicted_1x2, "01:1*",
	 ASSEMBLE_START, true, "I", "", ""},
	{"and needs no mark: all in it are here and carry it", &evicted_1x2,
	 "01:1", ASSEMBLE_START, true, "I", "", ""},
	{"the evicted leg alone waits", &evicted_1x2, "00:0*", ASSEMBLE_WAIT,
	 true, "I", "01", "01"},
	/* H3a, its start, its second start and the wrong end. */
	{"H3a: an epoch on one leg only starts with a whole other set",
	 &evicted, "01:1 10:0 11:0", ASSEMBLE_START, true, "III", "", ""},
	{"H3a: and waits without", &evicted, "01:1 10:0", ASSEMBLE_WAIT, true,
	 "II", "00 11", "11"},
	{"H3a: after a start in force, what was left out cannot start",
	 LIFE(2, 2, E(0, HOW_CHANGE, true, "01 10 11"),
	 E(1, HOW_START, false, "01 10")), "00:0 10:2* 11:0",
	 ASSEMBLE_SET_MISSING, false, "FIS", "", "01"},
	/* H3b: epoch 2 is the start, 3 loses 1.0. */
	{"H3b: an epoch never in force is not the whole of its set",
	 &sibling_went_on, "01:1 10:0", ASSEMBLE_WAIT, true, "II", "00 11",
	 "11"},
	{"H3b: nor with a member of the line that went on", &sibling_went_on,
	 "01:1 10:2", ASSEMBLE_SET_MISSING, false, "KI", "", "00 11"},
	{"H3b: the line that went on starts", &sibling_went_on,
	 "00:3 01:1 10:2 11:3", ASSEMBLE_START, true, "ISFI", "", ""},
	/* H5: 0.0 promoted by epoch 2, on the source only, or on both. */
	{"H5: a promoted leg is in-sync though its superblock missed it",
	 &promoted, "00:1 01:2 10:1 11:1", ASSEMBLE_START, true, "IIII", "",
	 ""},
	{"H5: but cannot stand for the set before that is in force", &promoted,
	 "00:2 10:1 11:1", ASSEMBLE_WAIT, true, "III", "01", "01"},
	{"H5: in force, it can", &promoted, "00:2* 10:2* 11:2*", ASSEMBLE_START,
	 true, "III", "", "01"},
	{"H5: without it, the set is not whole", &promoted_1x2, "01:2",
	 ASSEMBLE_WAIT, true, "I", "00", "00"},
	{"H5: the promotion never reached anybody", &promoted_1x2, "01:1*",
	 ASSEMBLE_START, true, "I", "", ""},
	{"H20: the survivor of an eviction is the set, dead or not",
	 &evicted_1x2, "00:0 01:1", ASSEMBLE_START, true, "FI", "", ""},
	/* H26: 1 is an eviction that reached 0.1 only, 2 a start without. */
	{"H26: a start in force voids what its sibling did", &sibling,
	 "00:2* 01:1 10:2* 11:2*", ASSEMBLE_START, true, "ISII", "", ""},
	{"H26: in force without a mark", &sibling, "00:2 01:1 10:2 11:2",
	 ASSEMBLE_START, true, "ISII", "", ""},
	{"H26: by the mark of a later epoch", &sibling_went_on,
	 "00:3 01:1 11:2", ASSEMBLE_START, true, "ISI", "", ""},
	{"H26: though the sibling has the higher number", LIFE(2, 2,
	 E(0, HOW_CHANGE, true, "01 10 11"), E(1, HOW_CHANGE, false, "01 11"),
	 E(0, HOW_START, true, "00 10 11")), "00:3* 01:2 10:3* 11:3*",
	 ASSEMBLE_START, true, "ISII", "", ""},
	{"H26: two lines, neither in force, none by force: the start wins",
	 &sibling, "00:2 01:1 10:0 11:0", ASSEMBLE_START, true, "IKII", "", ""},
	{"H26: be its nonce the lower", LIFE(2, 2,
	 E(0, HOW_START, true, "00 10 11"), E(0, HOW_CHANGE, true, "01 10 11")),
	 "00:1 01:2 10:0 11:0", ASSEMBLE_START, true, "IKII", "", ""},
	{"H26: a line by force is not voided", LIFE(2, 2,
	 E(0, HOW_FORCE, true, "01 11"), E(0, HOW_START, true, "00 10 11")),
	 "00:2* 01:1 10:2* 11:2*", ASSEMBLE_START, true, "IKII", "", ""},
	{"H26: nor does a line by force void another", LIFE(1, 2,
	 E(0, HOW_CHANGE, true, "01"), E(0, HOW_FORCE, true, "00")),
	 "00:2* 01:1", ASSEMBLE_FORKED, false, NULL, "", NULL},
	{"both halves were started by force", LIFE(1, 2,
	 E(0, HOW_FORCE, true, "00"), E(0, HOW_FORCE, true, "01")),
	 "00:1* 01:2*", ASSEMBLE_FORKED, false, "KI", "", ""},
	{"both halves by force, and went on", LIFE(2, 2,
	 E(0, HOW_FORCE, true, "00 10"), E(0, HOW_FORCE, true, "01 11"),
	 E(1, HOW_START, true, "00 10")), "00:3* 01:2* 10:3* 11:2*",
	 ASSEMBLE_FORKED, false, "IKIK", "", ""},
	{"one half by force in force, the other did not finish", LIFE(2, 2,
	 E(0, HOW_FORCE, true, "00 10"), E(0, HOW_FORCE, true, "01 11")),
	 "00:1* 01:2 10:1* 11:0*", ASSEMBLE_START, true, "IKIS", "", ""},
	{"what was left behind by force is stale", LIFE(1, 2,
	 E(0, HOW_FORCE, true, "00")), "00:1* 01:0*", ASSEMBLE_START, true,
	 "IS", "", ""},
	{"two lines that could only be forced: not for us to choose", LIFE(1, 3,
	 E(0, HOW_FORCE, true, "00 02"), E(0, HOW_FORCE, true, "01 02")),
	 "00:1 01:2", ASSEMBLE_WAIT, false, "KI", "00 02", "02"},
	{"a start that reached one leg only goes on from it", &started_1x2,
	 "00:1 01:0*", ASSEMBLE_START, true, "II", "", ""},
	{"one's mark speaks for all that carry the epoch", &evicted,
	 "01:1 10:1*", ASSEMBLE_START, true, "II", "", "11"},
	{"without a mark they wait", &evicted, "01:1 10:1", ASSEMBLE_WAIT, true,
	 "II", "00 11", "11"},
	{"a counted leg bears witness though it is out", &evicted,
	 "00:0 01:1 10:0", ASSEMBLE_START, true, "FII", "", "11"},
	{"A26: two of three failed together", &two_evicted, "00:0* 01:0* 02:1",
	 ASSEMBLE_START, true, "FFI", "", ""},
	{"A26: the third, too, is absent", &two_evicted, "00:0* 01:0*",
	 ASSEMBLE_WAIT, true, "II", "02", "02"},
	{"a leg that went back in time is not in-sync", LIFE(2, 2,
	 E(0, HOW_START, true, "00 01 10 11"),
	 E(1, HOW_START, true, "00 01 10 11")), "00:1* 01:2* 10:2* 11:2*",
	 ASSEMBLE_START, true, "SIII", "", "00"},
	{"nor may it stand for its set", LIFE(2, 2,
	 E(0, HOW_START, true, "00 01 10 11")), "00:0* 10:1* 11:1*",
	 ASSEMBLE_SET_MISSING, false, "SII", "", "00 01"},
	{"nor witness", &started_1x2, "00:0* 01:1*", ASSEMBLE_WAIT, true, "SI",
	 "00", "00"},
	{"a stale leg is not waited for", LIFE(2, 2,
	 E(0, HOW_START, true, "00 10 11")), "00:1* 10:1*", ASSEMBLE_START,
	 true, "II", "", "11"},
};

static void
case_check(const struct assemble_case *c)
{
	life_make(c->life);
	members_make(c->members);
	decide();
	cr_expect_eq(got.verdict, c->verdict, "%s: verdict %d", c->what,
		     got.verdict);
	cr_expect_eq(got.can_force, c->can_force, "%s", c->what);
	if (c->roles != NULL)
		cr_expect_str_eq(roles_text(), c->roles, "%s: roles %s",
				 c->what, roles_text());
	cr_expect_str_eq(places_text(got.waits_for), c->waits,
			 "%s: waits for %s", c->what,
			 places_text(got.waits_for));
	if (c->missing != NULL)
		cr_expect_str_eq(places_text(got.missing), c->missing,
				 "%s: missing %s", c->what,
				 places_text(got.missing));
	cr_expect(order_is_nothing(20), "%s", c->what);
}

Test(assemble, the_rules_hold_case_by_case)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		case_check(&cases[i]);
}

/* What the cases make must be what a disk may hold. */
Test(assemble, all_tables_of_the_cases_can_be_written)
{
	static uint8_t raw[SB_BYTES] __attribute__((aligned(4096)));

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		life_make(cases[i].life);
		members_make(cases[i].members);
		for (unsigned j = 0; j < member_count; j++)
			sb_encode(&members[j], 65536, raw);
	}
}

Test(assemble, the_largest_array_is_decided)
{
	static struct sb all[SB_SETS_MAX * SB_LEGS_MAX];
	static const struct sb *list[ARRAY_SIZE(all)];
	struct sb one;

	support_sb(&one, SB_SETS_MAX, SB_LEGS_MAX);
	for (uint32_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i] = one;
		support_seat(&all[i], i / SB_LEGS_MAX, i % SB_LEGS_MAX);
		list[i] = &all[i];
	}
	assemble(list, ARRAY_SIZE(all), &got);
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	/* Only one set whole. */
	assemble(list, 63 * 3, &got);
	cr_assert_eq(got.verdict, ASSEMBLE_SET_MISSING);
	for (uint32_t i = 0; i < 63; i++)
		list[3 + i] = &all[3 * (i + 1) + i % 3];
	assemble(list, 3 + 63, &got);
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	assemble(list + 1, 2 + 63, &got);
	cr_assert_eq(got.verdict, ASSEMBLE_WAIT);
}

Test(assemble, roles_have_words)
{
	cr_assert_str_eq(assemble_role_word(ROLE_IN_SYNC), "in-sync");
	cr_assert_str_eq(assemble_role_word(ROLE_FOREIGN), "foreign");
}
