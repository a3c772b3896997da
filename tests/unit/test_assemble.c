/* SPDX-License-Identifier: MIT */
/*
 * Cases of R13-R15 by hand.  "01" is set 0, leg 1; "01:2*" is a member there
 * which carries epoch 2 and knows it in force.  Epoch 0 of each case is the
 * array's creation (or anything else that everybody was in) and was in force.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "assemble.h"
#include "check.h"
#include "support.h"

#define EPOCHS_MAX 8
#define MEMBERS_MAX 16

struct epoch_spec {
	int parent;
	enum sb_how how;
	bool on_parent; /* made while its parent was in force */
	const char *in_sync;
};

struct assemble_case {
	const char *what;
	uint32_t sets, legs;
	struct epoch_spec epochs[EPOCHS_MAX]; /* from epoch 1 on */
	const char *members;
	enum assemble_verdict verdict;
	bool can_force;
	/* One letter a member: In-sync Stale Failed forK Replaced. */
	const char *roles;
	const char *waits;
	const char *missing;
};

static struct sb epochs[EPOCHS_MAX + 1];
static struct sb members[MEMBERS_MAX];
static const struct sb *offered[MEMBERS_MAX];
static unsigned member_count;
static struct assembly got;

static bool
list_has(const char *list, uint32_t set, uint32_t leg)
{
	char name[3];

	snprintf(name, sizeof(name), "%u%u", set % 10, leg % 10);
	return list != NULL && strstr(list, name) != NULL;
}

static void
history_push(struct sb *sb, uint64_t nonce, enum sb_how how)
{
	uint64_t number = sb->history[0].number + 1;

	memmove(&sb->history[1], &sb->history[0],
		SB_HISTORY * sizeof(sb->history[0]));
	sb->history[0] = (struct sb_epoch){
		.number = number,
		.nonce = nonce,
		.in_force_number = sb->in_force_number,
		.how = how,
	};
}

static void
sb_mark(struct sb *sb)
{
	sb->in_force_number = sb->history[0].number;
	sb->in_force_nonce = sb->history[0].nonce;
}

/* The next epoch, as the engine makes it (R13). */
static void
epoch_make(struct sb *sb, const struct sb *parent, uint64_t nonce,
	   const struct epoch_spec *spec)
{
	bool on_parent = spec->on_parent;

	*sb = *parent;
	if (on_parent)
		sb_mark(sb);
	history_push(sb, nonce, spec->how);
	for (uint32_t set = 0; set < sb->geometry.sets; set++)
		for (uint32_t leg = 0; leg < sb->geometry.legs; leg++) {
			struct sb_place *p = sb_place(sb, set, leg);
			bool was = p->state == LEG_IN_SYNC;
			bool is = list_has(spec->in_sync, set, leg);

			p->counted = is || (on_parent ? was : p->counted);
			p->kept = is && (on_parent ? was : p->kept);
			if (is)
				p->state = LEG_IN_SYNC;
			else if (was)
				p->state = spec->how == HOW_CHANGE ?
						   LEG_FAILED : LEG_STALE;
			if (is)
				p->last_in_sync = sb->history[0].number;
		}
}

static void
members_make(const char *list)
{
	unsigned set, leg, epoch;
	int used;

	member_count = 0;
	while (sscanf(list, " %1u%1u:%1u%n", &set, &leg, &epoch, &used) == 3) {
		struct sb *sb = &members[member_count];

		*sb = epochs[epoch];
		list += used;
		if (*list == '*') {
			sb_mark(sb);
			list++;
		}
		support_seat(sb, set, leg);
		offered[member_count] = sb;
		member_count++;
	}
	cr_assert_eq(*list, '\0');
}

static void
epochs_make(uint32_t sets, uint32_t legs, const struct epoch_spec *specs)
{
	support_sb(&epochs[0], sets, legs);
	for (unsigned i = 0; i < EPOCHS_MAX && specs[i].in_sync != NULL; i++)
		epoch_make(&epochs[i + 1], &epochs[specs[i].parent],
			   2000 + i, &specs[i]);
}

static const char role_letters[] = {
	[ROLE_IN_SYNC] = 'I', [ROLE_STALE] = 'S',    [ROLE_FAILED] = 'F',
	[ROLE_FORK] = 'K',    [ROLE_REPLACED] = 'R', [ROLE_DOUBLE] = 'D',
	[ROLE_FOREIGN] = 'X',
};

static const char *
roles_text(const struct assembly *a)
{
	static char text[MEMBERS_MAX + 1];

	memset(text, 0, sizeof(text));
	for (unsigned i = 0; i < member_count; i++)
		text[i] = role_letters[a->role[i]];
	return text;
}

static const char *
places_text(const bool *flags)
{
	static char text[4 * SB_SETS_MAX * SB_PLACES_MAX];
	char *end = text;

	*end = '\0';
	for (unsigned i = 0; i < SB_SETS_MAX * SB_PLACES_MAX; i++)
		if (flags[i])
			end += sprintf(end, "%s%u%u", end == text ? "" : " ",
				       i / SB_PLACES_MAX, i % SB_PLACES_MAX);
	return text;
}

/* The same decision, whatever order the members are offered in. */
static void
order_is_nothing(unsigned times)
{
	uint64_t random = 99;

	for (unsigned n = 0; n < times; n++) {
		const struct sb *mixed[MEMBERS_MAX];
		unsigned from[MEMBERS_MAX];
		struct assembly other;

		for (unsigned i = 0; i < member_count; i++) {
			unsigned j = (unsigned)(support_random(&random) %
						(i + 1));

			from[i] = from[j];
			from[j] = i;
		}
		for (unsigned i = 0; i < member_count; i++)
			mixed[i] = offered[from[i]];
		assemble(mixed, member_count, &other);
		cr_assert_eq(other.verdict, got.verdict);
		cr_assert_eq(other.can_force, got.can_force);
		cr_assert_eq(from[other.freshest], got.freshest);
		for (unsigned i = 0; i < member_count; i++)
			cr_assert_eq(other.role[i], got.role[from[i]]);
		for (unsigned i = 0; i < ARRAY_SIZE(got.place); i++) {
			int index = other.place[i];

			if (index >= 0)
				index = (int)from[index];
			cr_assert_eq(index, got.place[i]);
		}
		cr_assert_arr_eq(other.missing, got.missing,
				 sizeof(got.missing));
		cr_assert_arr_eq(other.waits_for, got.waits_for,
				 sizeof(got.waits_for));
	}
}

static void
decide(void)
{
	assemble(offered, member_count, &got);
}

#define E(parent_, how_, on_parent_, in_sync_)                                 \
	{.parent = parent_, .how = how_, .on_parent = on_parent_,              \
	 .in_sync = in_sync_}

static const struct assemble_case cases[] = {
	{"a new array, all here", 2, 2, {{0}}, "00:0 01:0 10:0 11:0",
	 ASSEMBLE_START, true, "IIII", "", ""},
	{"one absent, a whole set here", 2, 2, {{0}}, "01:0* 10:0* 11:0*",
	 ASSEMBLE_START, true, "III", "", "00"},
	{"the same, not known in force", 2, 2, {{0}}, "01:0 10:0 11:0",
	 ASSEMBLE_START, true, "III", "", "00"},
	{"half of each pair", 2, 2, {{0}}, "00:0* 11:0*", ASSEMBLE_WAIT, true,
	 "II", "01 10", "01 10"},
	{"one leg of the only set", 1, 2, {{0}}, "01:0*", ASSEMBLE_WAIT, true,
	 "I", "00", "00"},
	{"two of three legs of the only set", 1, 3, {{0}}, "00:0* 02:0*",
	 ASSEMBLE_WAIT, true, "II", "01", "01"},
	{"a set not here at all", 2, 2, {{0}}, "00:0* 01:0*",
	 ASSEMBLE_SET_MISSING, false, "II", "", "10 11"},
	{"an evicted leg is not used", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11")}, "00:0* 01:1* 10:1* 11:1*",
	 ASSEMBLE_START, true, "FIII", "", ""},
	{"nor when it is all there is of its set (A21)", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11")}, "00:0* 10:1* 11:1*",
	 ASSEMBLE_SET_MISSING, false, "FII", "", "01"},
	{"its partner alone is the whole set", 1, 2,
	 {E(0, HOW_CHANGE, true, "01")}, "01:1*", ASSEMBLE_START, true, "I",
	 "", ""},
	{"and needs no mark: all in it are here and carry it", 1, 2,
	 {E(0, HOW_CHANGE, true, "01")}, "01:1", ASSEMBLE_START, true, "I", "",
	 ""},
	{"the evicted leg alone waits", 1, 2, {E(0, HOW_CHANGE, true, "01")},
	 "00:0*", ASSEMBLE_WAIT, true, "I", "01", "01"},
	/* H3a, its start, its second start and the wrong end. */
	{"H3a: an epoch on one leg only starts with a whole other set", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11")}, "01:1 10:0 11:0",
	 ASSEMBLE_START, true, "III", "", ""},
	{"H3a: and waits without", 2, 2, {E(0, HOW_CHANGE, true, "01 10 11")},
	 "01:1 10:0", ASSEMBLE_WAIT, true, "II", "00 11", "11"},
	{"H3a: after a start in force, what was left out cannot start", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"), E(1, HOW_START, false, "01 10")},
	 "00:0 10:2* 11:0", ASSEMBLE_SET_MISSING, false, "FIS", "", "01"},
	/* H3b: epoch 2 is the start, 3 loses 1.0. */
	{"H3b: an epoch never in force is not the whole of its set", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"), E(0, HOW_START, true, "00 10 11"),
	  E(2, HOW_CHANGE, true, "00 11")},
	 "01:1 10:0", ASSEMBLE_WAIT, true, "II", "00 11", "11"},
	{"H3b: nor with a member of the line that went on", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"), E(0, HOW_START, true, "00 10 11"),
	  E(2, HOW_CHANGE, true, "00 11")},
	 "01:1 10:2", ASSEMBLE_SET_MISSING, false, "KI", "", "00 11"},
	{"H3b: the line that went on starts", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"), E(0, HOW_START, true, "00 10 11"),
	  E(2, HOW_CHANGE, true, "00 11")},
	 "00:3 01:1 10:2 11:3", ASSEMBLE_START, true, "ISFI", "", ""},
	/* H5: 0.0 promoted by epoch 2, on the source only, or on both. */
	{"H5: a promoted leg is in-sync though its superblock missed it", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"),
	  E(1, HOW_CHANGE, true, "00 01 10 11")},
	 "00:1 01:2 10:1 11:1", ASSEMBLE_START, true, "IIII", "", ""},
	{"H5: but cannot stand for the set before that is in force", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"),
	  E(1, HOW_CHANGE, true, "00 01 10 11")},
	 "00:2 10:1 11:1", ASSEMBLE_WAIT, true, "III", "01", "01"},
	{"H5: in force, it can", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"),
	  E(1, HOW_CHANGE, true, "00 01 10 11")},
	 "00:2* 10:2* 11:2*", ASSEMBLE_START, true, "III", "", "01"},
	{"H5: without it, the set is not whole", 1, 2,
	 {E(0, HOW_CHANGE, true, "01"), E(1, HOW_CHANGE, true, "00 01")},
	 "01:2", ASSEMBLE_WAIT, true, "I", "00", "00"},
	{"H5: the promotion never reached anybody", 1, 2,
	 {E(0, HOW_CHANGE, true, "01"), E(1, HOW_CHANGE, true, "00 01")},
	 "01:1*", ASSEMBLE_START, true, "I", "", ""},
	{"H20: the survivor of an eviction is the set, dead or not", 1, 2,
	 {E(0, HOW_CHANGE, true, "01")}, "00:0 01:1", ASSEMBLE_START, true,
	 "FI", "", ""},
	/* H26: 1 is an eviction that reached 0.1 only, 2 a start without. */
	{"H26: a start in force voids what its sibling did", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"),
	  E(0, HOW_START, true, "00 10 11")},
	 "00:2* 01:1 10:2* 11:2*", ASSEMBLE_START, true, "ISII", "", ""},
	{"H26: in force without a mark", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"),
	  E(0, HOW_START, true, "00 10 11")},
	 "00:2 01:1 10:2 11:2", ASSEMBLE_START, true, "ISII", "", ""},
	{"H26: by the mark of a later epoch", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"),
	  E(0, HOW_START, true, "00 10 11"), E(2, HOW_CHANGE, true, "00 11")},
	 "00:3 01:1 11:2", ASSEMBLE_START, true, "ISI", "", ""},
	{"H26: though the sibling has the higher number", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"), E(1, HOW_CHANGE, false, "01 11"),
	  E(0, HOW_START, true, "00 10 11")},
	 "00:3* 01:2 10:3* 11:3*", ASSEMBLE_START, true, "ISII", "", ""},
	{"H26: two lines, neither in force, none by force: the start wins", 2,
	 2,
	 {E(0, HOW_CHANGE, true, "01 10 11"),
	  E(0, HOW_START, true, "00 10 11")},
	 "00:2 01:1 10:0 11:0", ASSEMBLE_START, true, "IKII", "", ""},
	{"H26: be its nonce the lower", 2, 2,
	 {E(0, HOW_START, true, "00 10 11"),
	  E(0, HOW_CHANGE, true, "01 10 11")},
	 "00:1 01:2 10:0 11:0", ASSEMBLE_START, true, "IKII", "", ""},
	{"H26: a line by force is not voided", 2, 2,
	 {E(0, HOW_FORCE, true, "01 11"), E(0, HOW_START, true, "00 10 11")},
	 "00:2* 01:1 10:2* 11:2*", ASSEMBLE_START, true, "IKII", "", ""},
	{"H26: nor does a line by force void another", 1, 2,
	 {E(0, HOW_CHANGE, true, "01"), E(0, HOW_FORCE, true, "00")},
	 "00:2* 01:1", ASSEMBLE_FORKED, false, NULL, "", NULL},
	{"both halves were started by force", 1, 2,
	 {E(0, HOW_FORCE, true, "00"), E(0, HOW_FORCE, true, "01")},
	 "00:1* 01:2*", ASSEMBLE_FORKED, false, "KI", "", "" },
	{"both halves by force, and went on", 2, 2,
	 {E(0, HOW_FORCE, true, "00 10"), E(0, HOW_FORCE, true, "01 11"),
	  E(1, HOW_START, true, "00 10")},
	 "00:3* 01:2* 10:3* 11:2*", ASSEMBLE_FORKED, false, "IKIK", "", ""},
	{"one half by force in force, the other did not finish", 2, 2,
	 {E(0, HOW_FORCE, true, "00 10"), E(0, HOW_FORCE, true, "01 11")},
	 "00:1* 01:2 10:1* 11:0*", ASSEMBLE_START, true, "IKIS", "", ""},
	{"what was left behind by force is stale", 1, 2,
	 {E(0, HOW_FORCE, true, "00")}, "00:1* 01:0*", ASSEMBLE_START, true,
	 "IS", "", ""},
	{"two lines that could only be forced: not for us to choose", 1, 3,
	 {E(0, HOW_FORCE, true, "00 02"), E(0, HOW_FORCE, true, "01 02")},
	 "00:1 01:2", ASSEMBLE_WAIT, false, "KI", "00 02", "02"},
	{"a start that reached one leg only goes on from it", 1, 2,
	 {E(0, HOW_START, true, "00 01")}, "00:1 01:0*", ASSEMBLE_START, true,
	 "II", "", ""},
	{"one's mark speaks for all that carry the epoch", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11")}, "01:1 10:1*", ASSEMBLE_START,
	 true, "II", "", "11"},
	{"without a mark they wait", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11")}, "01:1 10:1", ASSEMBLE_WAIT,
	 true, "II", "00 11", "11"},
	{"a counted leg bears witness though it is out", 2, 2,
	 {E(0, HOW_CHANGE, true, "01 10 11")}, "00:0 01:1 10:0",
	 ASSEMBLE_START, true, "FII", "", "11"},
	{"A26: two of three failed together", 1, 3,
	 {E(0, HOW_CHANGE, true, "02")}, "00:0* 01:0* 02:1", ASSEMBLE_START,
	 true, "FFI", "", ""},
	{"A26: the third, too, is absent", 1, 3, {E(0, HOW_CHANGE, true, "02")},
	 "00:0* 01:0*", ASSEMBLE_WAIT, true, "II", "02", "02"},
	{"a leg that went back in time is not in-sync", 2, 2,
	 {E(0, HOW_START, true, "00 01 10 11"),
	  E(1, HOW_START, true, "00 01 10 11")},
	 "00:1* 01:2* 10:2* 11:2*", ASSEMBLE_START, true, "SIII", "", "00"},
	{"nor may it stand for its set", 2, 2,
	 {E(0, HOW_START, true, "00 01 10 11")}, "00:0* 10:1* 11:1*",
	 ASSEMBLE_SET_MISSING, false, "SII", "", "00 01"},
	{"nor witness", 1, 2, {E(0, HOW_START, true, "00 01")}, "00:0* 01:1*",
	 ASSEMBLE_WAIT, true, "SI", "00", "00"},
	{"a stale leg is not waited for", 2, 2,
	 {E(0, HOW_START, true, "00 10 11")}, "00:1* 10:1*", ASSEMBLE_START,
	 true, "II", "", "11"},
};

static void
case_check(const struct assemble_case *c)
{
	epochs_make(c->sets, c->legs, c->epochs);
	members_make(c->members);
	decide();
	cr_expect_eq(got.verdict, c->verdict, "%s: verdict %d", c->what,
		     got.verdict);
	cr_expect_eq(got.can_force, c->can_force, "%s", c->what);
	if (c->roles != NULL)
		cr_expect_str_eq(roles_text(&got), c->roles, "%s: roles %s",
				 c->what, roles_text(&got));
	cr_expect_str_eq(places_text(got.waits_for), c->waits,
			 "%s: waits for %s", c->what,
			 places_text(got.waits_for));
	if (c->missing != NULL)
		cr_expect_str_eq(places_text(got.missing), c->missing,
				 "%s: missing %s", c->what,
				 places_text(got.missing));
	order_is_nothing(20);
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
		epochs_make(cases[i].sets, cases[i].legs, cases[i].epochs);
		members_make(cases[i].members);
		for (unsigned j = 0; j < member_count; j++)
			sb_encode(&members[j], 65536, raw);
	}
}

Test(assemble, the_order_in_which_members_are_offered_is_nothing)
{
	static const struct epoch_spec specs[EPOCHS_MAX] = {
		E(0, HOW_CHANGE, true, "01 02 10 11 12 20 21 22"),
		E(0, HOW_START, true, "00 02 10 11 20 21 22"),
		E(2, HOW_CHANGE, true, "00 02 10 20 21 22"),
	};

	epochs_make(3, 3, specs);
	members_make("01:1 12:0* 11:2 00:3 02:3* 10:3 20:3 21:2 22:3");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(&got), "SSFIIIISI");
	cr_assert_eq(got.freshest, 4);
	order_is_nothing(200);
}

Test(assemble, a_stale_member_offered_first_does_not_lead)
{
	static const struct epoch_spec specs[EPOCHS_MAX] = {
		E(0, HOW_CHANGE, true, "01"),
		E(1, HOW_START, true, "01"),
	};

	epochs_make(1, 2, specs);
	members_make("00:0* 01:2*");
	decide();
	cr_assert_eq(got.freshest, 1);
	cr_assert_eq(got.place[1], 1);
	cr_assert_eq(got.role[0], ROLE_FAILED);
}

Test(assemble, rebuilding_and_stale_legs_keep_their_place)
{
	static const struct epoch_spec specs[EPOCHS_MAX] = {
		E(0, HOW_CHANGE, true, "00 10 11"),
	};

	epochs_make(2, 3, specs);
	sb_place(&epochs[1], 0, 1)->state = LEG_REBUILDING;
	sb_place(&epochs[1], 0, 2)->state = LEG_STALE;
	members_make("00:1* 01:0* 02:1 10:1 11:1");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(&got), "ISSII");
	cr_assert_eq(got.place[1], 1);
	cr_assert_eq(got.place[2], 2);
}

/* A member offered twice is a copy of a disk: which one is it? */
Test(assemble, a_member_offered_twice_is_not_used)
{
	static const struct epoch_spec specs[EPOCHS_MAX] = {{0}};

	epochs_make(2, 2, specs);
	members_make("00:0* 01:0* 10:0* 11:0* 00:0*");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(&got), "DIIID");
	cr_assert_eq(got.place[0], -1);
	cr_assert(got.missing[0]);
	order_is_nothing(50);
	members_make("00:0* 10:0* 11:0* 00:0*");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_SET_MISSING);
	members_make("00:0* 00:0* 00:0*");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_SET_MISSING);
	cr_assert_str_eq(roles_text(&got), "DDD");
	cr_assert_not(got.can_force);
}

Test(assemble, a_replaced_member_is_told_apart)
{
	static const struct epoch_spec specs[EPOCHS_MAX] = {
		E(0, HOW_CHANGE, true, "01"),
		E(1, HOW_CHANGE, true, "01"),
	};

	epochs_make(1, 2, specs);
	memset(sb_place(&epochs[2], 0, 0)->member_uuid, 0x55, 16);
	sb_place(&epochs[2], 0, 0)->state = LEG_REBUILDING;
	members_make("00:0* 01:2* 00:2");
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(&got), "RIS");
	cr_assert_eq(got.place[0], 2);
	order_is_nothing(20);
}

Test(assemble, a_member_of_another_shape_is_foreign)
{
	static const struct epoch_spec specs[EPOCHS_MAX] = {
		E(0, HOW_START, true, "00 01 10 11"),
	};

	epochs_make(2, 2, specs);
	members_make("00:0* 01:1* 10:1* 11:1*");
	members[0].layout.data_bytes -= 4 << 20;
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(&got), "XIII");
	cr_assert(got.missing[0]);
	members[1].array_uuid[0]++;
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_SET_MISSING);
}

Test(assemble, one_of_another_shape_does_not_make_the_others_foreign)
{
	static const struct epoch_spec specs[EPOCHS_MAX] = {
		E(0, HOW_START, true, "00 01 10 11"),
	};

	epochs_make(2, 2, specs);
	members_make("00:1* 01:0* 10:0* 11:0*");
	members[0].geometry.chunk_bytes *= 2;
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(&got), "XIII");
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

Test(assemble, a_member_away_for_longer_than_the_history_is_stale)
{
	static const uint64_t spans[] = {1, 31, 32, 33, 34, 40, 100, 1000};

	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		members_age(5, 5 + spans[i], HOW_START);
		decide();
		cr_assert_eq(got.verdict, ASSEMBLE_START);
		cr_assert_str_eq(roles_text(&got), "SIII", "span %zu", i);
		cr_assert_eq(got.place[0], 0);
		order_is_nothing(10);
	}
}

Test(assemble, a_member_that_went_on_alone_is_a_fork_though_long_ago)
{
	static const struct epoch_spec alone = E(0, HOW_FORCE, true, "00 10");
	struct sb forked;

	/* Its epoch is later than its place was in-sync. */
	members_age(5, 60, HOW_START);
	epoch_make(&forked, &members[0], 9000, &alone);
	members[0] = forked;
	decide();
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_str_eq(roles_text(&got), "KIII");
	/* By force, though in time: it may be one the line has never seen. */
	members_age(6, 60, HOW_START);
	members[0].history[0].how = HOW_FORCE;
	decide();
	cr_assert_str_eq(roles_text(&got), "KIII");
	order_is_nothing(10);
}

/* The lists of two members, one going on where the other ends. */
Test(assemble, a_third_member_tells_what_the_history_has_lost)
{
	members_age(30, 70, HOW_CHANGE);
	support_seat(&members[4], 0, 1);
	members[1] = members[4]; /* as of epoch 45, then absent */
	sb_mark(&members[1]);
	for (unsigned i = 2; i < 4; i++)
		sb_place(&members[i], 0, 1)->state = LEG_IN_SYNC;
	decide();
	cr_assert_str_eq(roles_text(&got), "FSII");
	/* Another epoch 30 than the one which that list has. */
	members[0].history[0].nonce++;
	decide();
	cr_assert_str_eq(roles_text(&got), "KSII");
	/* Without that list nobody would know. */
	offered[1] = &members[3];
	member_count = 3;
	decide();
	cr_assert_eq(got.role[0], ROLE_FAILED);
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
