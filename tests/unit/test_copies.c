/* SPDX-License-Identifier: MIT */
/* Which of a member's four superblocks is believed. */
#include <criterion/criterion.h>
#include <errno.h>

#include "check.h"
#include "superblock.h"
#include "support.h"

/* Four copies: what reading gave, and the sequence. */
static struct sb_copy copies[4];

static int
choose(const int res[4], const uint64_t sequence[4], int *why)
{
	for (int i = 0; i < 4; i++) {
		support_sb(&copies[i].sb, 1, 2);
		copies[i].sb.sequence = sequence[i];
		copies[i].res = res[i];
	}
	return sb_choose(copies, why);
}

Test(copies, the_newest_valid_copy_is_chosen)
{
	static const struct {
		int res[4];
		uint64_t sequence[4];
		int chosen;
		int why;
	} cases[] = {
		{{0, 0, 0, 0}, {4, 5, 4, 5}, 1, 0},
		{{0, 0, 0, 0}, {6, 5, 6, 5}, 0, 0},
		/* The cut came between the ends. */
		{{0, 0, 0, 0}, {6, 5, 4, 5}, 0, 0},
		{{0, 0, 0, 0}, {4, 5, 6, 5}, 2, 0},
		{{-EBADMSG, 0, 0, 0}, {6, 5, 6, 5}, 2, 0},
		{{-EBADMSG, 0, -EIO, 0}, {6, 5, 6, 5}, 1, 0},
		/* A stray mkfs took the front. */
		{{-ENOENT, -ENOENT, 0, 0}, {6, 5, 6, 5}, 2, 0},
		{{-EINVAL, -EINVAL, -EINVAL, 0}, {6, 5, 6, 5}, 3, 0},
		{{-ENOENT, -ENOENT, -ENOENT, -ENOENT}, {0}, -1, -ENOENT},
		{{-ENOENT, -EIO, -ENOENT, -ENOENT}, {0}, -1, -EIO},
		{{-ENOENT, -EIO, -EBADMSG, -ENOENT}, {0}, -1, -EBADMSG},
		{{-EINVAL, -EIO, -EBADMSG, -ENOENT}, {0}, -1, -EINVAL},
		{{-EBADMSG, -EINVAL, -EIO, -EPROTONOSUPPORT}, {0}, -1,
		 -EPROTONOSUPPORT},
		/* A newer version was here: ours is the past. */
		{{0, -EPROTONOSUPPORT, 0, 0}, {4, 5, 4, 3}, -1,
		 -EPROTONOSUPPORT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int why = 1;

		cr_assert_eq(choose(cases[i].res, cases[i].sequence, &why),
			     cases[i].chosen, "case %zu", i);
		cr_assert_eq(why, cases[i].why, "case %zu", i);
	}
}

Test(copies, of_two_lives_of_a_disk_the_later_is_chosen)
{
	const int good[4] = {0};
	const uint64_t sequence[4] = {1, 900, 1, 900};
	int why;

	choose(good, sequence, &why);
	for (int i = 1; i < 4; i += 2) {
		copies[i].sb.array_uuid[3]++;
		copies[i].sb.created_s--;
	}
	cr_assert_eq(sb_choose(copies, &why), 0);
	copies[1].sb.created_s += 2;
	cr_assert_eq(sb_choose(copies, &why), 1);
	/* Lives as another member of the same array, too. */
	choose(good, sequence, &why);
	for (int i = 1; i < 4; i += 2) {
		copies[i].sb.member_uuid[3]++;
		copies[i].sb.created_s--;
	}
	cr_assert_eq(sb_choose(copies, &why), 0);
}
