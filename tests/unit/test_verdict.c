/* SPDX-License-Identifier: MIT */
/*
 * Where data that do not verify may have come from (verdict.c).
 */
#include <criterion/criterion.h>
#include <string.h>

#include "set.h"
#include "trial.h"

#define ELSEWHERE 3u /* written on either set */

static void
begin(void)
{
	trial_create(2, 2);
	for (uint64_t b = 0; b < 64; b++) {
		memset(block, 1, RAID_BLOCK);
		memcpy(block, &b, sizeof(b)); /* none is like another */
		cr_assert_eq(memio_do(&m, RAID_WRITE, RAID_FUA, b * RAID_BLOCK,
				      RAID_BLOCK, block), 0);
	}
}

TestSuite(verdict, .init = begin, .fini = trial_end);

/* What a set's first leg has there. */
static const uint8_t *
data_of(uint32_t set, uint64_t b)
{
	return member_block(set * m.sb.geometry.legs, b);
}

Test(verdict, data_may_be_of_the_same_place_on_another_set)
{
	struct set *sets = m.raid->sets;

	for (uint32_t i = 0; i < 2; i++)
		cr_assert_eq(verdict_place(&sets[i], ELSEWHERE,
					   data_of(!i, ELSEWHERE)),
			     verdict_own_place(&sets[!i], ELSEWHERE));
	cr_assert_neq(verdict_own_place(&sets[0], ELSEWHERE),
		      verdict_own_place(&sets[1], ELSEWHERE));
}

Test(verdict, data_may_be_of_a_block_near_by)
{
	struct set *set = &m.raid->sets[0];

	cr_assert_eq(verdict_place(set, ELSEWHERE, data_of(0, 7)),
		     verdict_own_place(set, 7));
	/* An address with one bit wrong, in another region. */
	cr_assert_eq(verdict_place(set, 256 + 7, data_of(0, 7)),
		     verdict_own_place(set, 7));
}

Test(verdict, nobody_knows_what_nobody_wrote)
{
	struct set *set = &m.raid->sets[0];

	memset(block, 1, RAID_BLOCK);
	block[0] = 99;
	cr_assert_eq(verdict_place(set, ELSEWHERE, block), PLACE_UNKNOWN);
	cr_assert_eq(verdict_place(set, 256 + 7 + 64, data_of(0, 7)),
		     PLACE_UNKNOWN);
}

Test(verdict, each_has_a_word_of_its_own)
{
	for (unsigned i = 0; i < VERDICT_COUNT; i++) {
		cr_assert_gt(strlen(verdict_word(i)), 0);
		for (unsigned k = 0; k < i; k++)
			cr_assert_str_neq(verdict_word(i), verdict_word(k));
	}
}
