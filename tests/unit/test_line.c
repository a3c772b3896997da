/* SPDX-License-Identifier: MIT */
/*
 * Lines of epochs that parted longer ago than a superblock remembers, and
 * what is said of the members that carry them (R14, R15).
 */
#include <criterion/criterion.h>
#include <string.h>

#include "assemble.h"
#include "check.h"
#include "line.h"
#include "support.h"

static struct sb sbs[5];
static const struct sb *offered[5] = {&sbs[0], &sbs[1], &sbs[2], &sbs[3],
				      &sbs[4]};
static struct assembly got;

/* One epoch more, in force; in it are the legs of this mask (a set's). */
static void
grow(struct sb *sb, uint64_t nonce, enum sb_how how, unsigned in_sync)
{
	uint64_t number = sb->history[0].number + 1;
	uint64_t before = sb->history[0].number;

	memmove(&sb->history[1], &sb->history[0],
		SB_HISTORY * sizeof(sb->history[0]));
	sb->history[0] = (struct sb_epoch){
		.number = number,
		.nonce = nonce,
		.in_force_number = before,
		.how = how,
	};
	sb->in_force_number = number;
	sb->in_force_nonce = nonce;
	for (uint32_t leg = 0; leg < sb->geometry.legs; leg++) {
		struct sb_place *p = sb_place(sb, 0, leg);
		bool is = in_sync >> leg & 1;

		p->counted = is;
		p->kept = is;
		if (is)
			p->last_in_sync = number;
		else if (p->state == LEG_IN_SYNC)
			p->state = LEG_FAILED;
	}
}

static void
grow_by(struct sb *sb, unsigned count, uint64_t nonce, enum sb_how how,
	unsigned in_sync)
{
	for (unsigned i = 0; i < count; i++)
		grow(sb, nonce + i, i == 0 ? how : HOW_CHANGE, in_sync);
}

/* Both legs of one set, at epoch 3. */
static void
begin(void)
{
	support_sb(&sbs[0], 1, 2);
	grow_by(&sbs[0], 2, 100, HOW_START, 3);
	sbs[1] = sbs[0];
	support_seat(&sbs[0], 0, 0);
	support_seat(&sbs[1], 0, 1);
}

TestSuite(line, .init = begin);

/* Each went on alone, by force, until nobody knows where they parted. */
Test(line, two_lines_that_parted_long_ago_are_not_chosen_between)
{
	static const unsigned spans[][2] = {
		{1, 1}, {20, 31}, {31, 32}, {33, 33}, {40, 40}, {40, 60},
		{40, 90}, {100, 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		begin();
		grow_by(&sbs[0], spans[i][0], 1000, HOW_FORCE, 1);
		grow_by(&sbs[1], spans[i][1], 2000, HOW_FORCE, 2);
		assemble(offered, 2, &got);
		cr_assert_eq(got.verdict, ASSEMBLE_FORKED, "span %zu", i);
		cr_assert_not(got.can_force);
		/* With the other one taken away, each starts. */
		assemble(&offered[0], 1, &got);
		cr_assert_eq(got.verdict, ASSEMBLE_START);
		assemble(&offered[1], 1, &got);
		cr_assert_eq(got.verdict, ASSEMBLE_START);
	}
}

/* One uuid, created twice: not even the first epoch is the same. */
Test(line, two_arrays_of_one_uuid_have_no_epoch_in_common)
{
	for (size_t i = 0; i <= SB_HISTORY; i++)
		if (sbs[1].history[i].number > 0)
			sbs[1].history[i].nonce += 5;
	sbs[1].in_force_nonce += 5;
	assemble(offered, 2, &got);
	cr_assert_eq(got.verdict, ASSEMBLE_WAIT);
	cr_assert_not(got.can_force);
	cr_assert_eq(got.role[got.freshest], ROLE_IN_SYNC);
	cr_assert_eq(got.role[1 - got.freshest], ROLE_FORK);
}

/* Its place has another member since, and nobody knows its epoch any more. */
Test(line, a_member_replaced_long_ago_is_told_apart)
{
	static const unsigned spans[] = {1, 20, 32, 33, 34, 200};

	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		begin();
		memset(sb_place(&sbs[1], 0, 0)->member_uuid, 0x55, 16);
		grow_by(&sbs[1], spans[i], 3000, HOW_CHANGE, 3);
		sbs[2] = sbs[1];
		support_seat(&sbs[2], 0, 0);
		assemble(offered, 3, &got);
		cr_assert_eq(got.verdict, ASSEMBLE_START, "span %zu", i);
		cr_assert_eq(got.role[0], ROLE_REPLACED);
		cr_assert_eq(got.role[1], ROLE_IN_SYNC);
		cr_assert_eq(got.role[2], ROLE_IN_SYNC);
		cr_assert_eq(got.place[0], 2);
	}
}

/*
 * A stray member of another shape tells nothing of a line, though its list
 * goes on where another's ends, and though it says that epochs were in force.
 */
Test(line, a_foreign_member_is_no_witness)
{
	sbs[3] = sbs[0];
	grow_by(&sbs[1], 50, 4000, HOW_CHANGE, 2);
	sbs[2] = sbs[1];
	grow_by(&sbs[3], 20, 4000, HOW_CHANGE, 2);
	support_seat(&sbs[3], 0, 0);
	memset(sbs[3].member_uuid, 0x66, 16);
	memset(sb_place(&sbs[3], 0, 0)->member_uuid, 0x66, 16);
	sbs[2] = sbs[3];
	assemble(offered, 3, &got);
	cr_assert_eq(got.verdict, ASSEMBLE_START);
	cr_assert_eq(got.role[0], ROLE_FAILED, "known by the third's list");
	/* The same, of another shape: known by nobody, stale or failed. */
	sbs[2].geometry.chunk_bytes *= 2;
	for (unsigned last = 0; last < 2; last++) {
		assemble(offered, 3, &got);
		cr_assert_eq(got.verdict, ASSEMBLE_START);
		cr_assert_eq(got.role[2], ROLE_FOREIGN);
		cr_assert_eq(got.role[1], ROLE_IN_SYNC);
		cr_assert_eq(got.role[0], ROLE_FAILED);
		/* An epoch 3 that only its list denies. */
		sbs[0].history[0].nonce++;
		sbs[0].in_force_nonce++;
	}
}

/* --- what is asked of a line --- */

static struct pool
pool_of(unsigned count)
{
	struct pool p = {.sbs = offered, .count = count};

	for (unsigned i = 0; i < count; i++)
		p.used[i] = true;
	return p;
}

Test(line, an_epoch_that_nobody_remembers_is_none)
{
	struct pool p = pool_of(1);

	grow_by(&sbs[0], 100, 4000, HOW_CHANGE, 3);
	cr_assert_eq(line_find(&p, &sbs[0], 0), NULL);
	cr_assert_eq(line_find(&p, &sbs[0], 104), NULL);
	cr_assert_eq(line_find(&p, &sbs[0], 3), NULL);
	cr_assert_eq(line_find(&p, &sbs[0], 103), &sbs[0].history[0]);
	/* It may have been made by force. */
	cr_assert_not(line_is_unforced(&p, &sbs[0], 3));
	cr_assert(line_is_unforced(&p, &sbs[0], 103 - SB_HISTORY));
}

/* The number alone does not make a mark: the nonce is another's. */
Test(line, a_mark_names_its_epoch_by_number_and_nonce)
{
	struct pool p = pool_of(1);

	cr_assert(line_of(&p, 0).in_force);
	sbs[0].in_force_nonce++;
	cr_assert_not(line_of(&p, 0).in_force);
}

/* A line left by a start, whose epochs came into force, voids the other; that
 * they did is not believed of one that takes no part. */
Test(line, who_takes_no_part_is_no_witness_of_what_came_into_force)
{
	struct pool p = pool_of(3);

	grow_by(&sbs[0], 1, 1000, HOW_START, 3);
	grow_by(&sbs[1], 1, 2000, HOW_START, 3);
	sbs[2] = sbs[0];
	sbs[0].in_force_number = 3;
	sbs[0].in_force_nonce = sbs[0].history[1].nonce;
	cr_assert(line_voids(&p, &sbs[0], &sbs[1]));
	p.used[2] = false;
	cr_assert_not(line_voids(&p, &sbs[0], &sbs[1]));
}
