/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "check.h"
#include "layout.h"
#include "superblock.h"
#include "support.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

static const struct geometry usual = {
	.sets = 2,
	.legs = 2,
	.chunk_bytes = CHUNK_BYTES_DEFAULT,
	.block_bytes = 4096,
	.region_blocks = REGION_BLOCKS,
};

static const struct geometry tiny = {
	.sets = 1,
	.legs = 2,
	.chunk_bytes = 16 * KIB,
	.block_bytes = 512,
	.region_blocks = 16,
};

static uint64_t
region_of(const struct geometry *g)
{
	return (uint64_t)g->region_blocks * BLOCK_BYTES;
}

Test(layout, a_member_of_512_mib_is_laid_out_as_the_format_says)
{
	struct layout l;

	cr_assert_eq(layout_compute(&usual, 512 * MIB, 0, &l), 0);
	cr_assert_eq(l.journal_offset, 128 * KIB);
	cr_assert_eq(l.journal_bytes, 16 * MIB);
	cr_assert_eq(l.map_offset[0], 128 * KIB + 16 * MIB);
	cr_assert_eq(l.map_bytes, 2 * 4096);
	cr_assert_eq(l.map_offset[1], l.map_offset[0] + 8192);
	cr_assert_eq(l.sums_offset, l.map_offset[1] + 8192);
	cr_assert_eq(l.sums_bytes, 123 * 8192);
	cr_assert_eq(l.data_offset, 18 * MIB);
	cr_assert_eq(l.data_bytes, 123 * 4 * MIB);
	cr_assert_eq(layout_regions(&usual, &l), 123);
	cr_assert_eq(layout_array_bytes(&usual, &l), 2 * 123 * 4 * MIB);
}

Test(layout, the_map_takes_504_entries_a_block)
{
	struct layout l;
	bool seen_full = false, seen_over = false;

	for (uint64_t mib = 2000; mib < 2200; mib++) {
		uint64_t regions;

		cr_assert_eq(layout_compute(&usual, mib * MIB, 0, &l), 0);
		regions = layout_regions(&usual, &l);
		cr_assert_eq(l.map_bytes, 4096 * (1 + (regions + 503) / 504));
		seen_full |= regions == 504;
		seen_over |= regions == 505;
	}
	cr_assert(seen_full);
	cr_assert(seen_over);
}

Test(layout, the_default_journal_is_a_part_of_the_member_within_bounds)
{
	static const struct {
		uint64_t member, journal;
	} cases[] = {
		{16 * MIB, MIB},
		{32 * MIB, MIB},
		{64 * MIB, 2 * MIB},
		{64 * MIB + 4096 * 32, 2 * MIB + 4096},
		{64 * MIB + 4096 * 33, 2 * MIB + 4096},
		{8 * GIB, 256 * MIB},
		{64 * TIB, 256 * MIB},
	};
	struct layout l;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cr_assert_eq(layout_compute(&usual, cases[i].member, 0, &l), 0);
		cr_assert_eq(l.journal_bytes, cases[i].journal, "case %zu", i);
	}
}

Test(layout, nothing_more_would_fit)
{
	uint64_t random = 1;
	struct layout l;

	for (int i = 0; i < 20000; i++) {
		struct geometry g = usual;
		uint64_t bytes = support_random(&random) %
				 (1ull << (22 + i % 20));
		uint64_t end = bytes - bytes % 4096 - 64 * KIB;
		uint64_t regions;
		int res;

		g.region_blocks = 16u << i % 7;
		g.chunk_bytes = 16u << 10;
		res = layout_compute(&g, bytes, 64 * KIB, &l);
		if (res != 0) {
			cr_assert_eq(res, -ENOSPC);
			cr_assert_lt(bytes, MIB + region_of(&g) + 68 * KIB);
			continue;
		}
		cr_assert_eq(layout_validate(&g, &l, bytes), 0);
		cr_assert_leq(l.data_offset + l.data_bytes, end);
		cr_assert_eq(l.data_offset % MIB, 0);
		/* One region more: no room, reckoned anew. */
		regions = layout_regions(&g, &l) + 1;
		uint64_t meta = 192 * KIB +
				2 * 4096 * (1 + (regions + 503) / 504) +
				regions * 8192;
		meta = (meta + MIB - 1) / MIB * MIB;
		cr_assert_gt(meta + regions * region_of(&g), end);
	}
}

Test(layout, a_tiny_member_of_one_region_works)
{
	struct layout l;
	uint64_t least = MIB + 64 * KIB + 64 * KIB;

	cr_assert_eq(layout_compute(&tiny, least, 64 * KIB, &l), 0);
	cr_assert_eq(layout_regions(&tiny, &l), 1);
	cr_assert_eq(layout_compute(&tiny, least - 1, 64 * KIB, &l), -ENOSPC);
	cr_assert_eq(layout_compute(&tiny, 0, 64 * KIB, &l), -ENOSPC);
	cr_assert_eq(layout_compute(&tiny, 65535, 64 * KIB, &l), -ENOSPC);
}

Test(layout, the_largest_member_is_64_tib)
{
	struct layout l;

	cr_assert_eq(layout_compute(&usual, 64 * TIB, 0, &l), 0);
	cr_assert_gt(l.data_bytes, 63 * TIB);
	cr_assert_eq(layout_compute(&usual, 64 * TIB + 1, 0, &l), -EFBIG);
	cr_assert_eq(layout_compute(&usual, UINT64_MAX, 0, &l), -EFBIG);
}

Test(layout, a_geometry_out_of_bounds_is_refused)
{
	static const struct geometry wrong[] = {
		{0, 2, 256 << 10, 4096, 1024},
		{65, 2, 256 << 10, 4096, 1024},
		{1, 1, 256 << 10, 4096, 1024},
		{1, 4, 256 << 10, 4096, 1024},
		{1, 2, 8 << 10, 4096, 1024},
		{1, 2, 8 << 20, 4096, 1024},
		{1, 2, 96 << 10, 4096, 1024},
		{1, 2, 0, 4096, 1024},
		{1, 2, 256 << 10, 0, 1024},
		{1, 2, 256 << 10, 1024, 1024},
		{1, 2, 256 << 10, 8192, 1024},
		{1, 2, 256 << 10, 4096, 2048},
		{1, 2, 16 << 10, 4096, 8},
		{1, 2, 256 << 10, 4096, 1000},
		{1, 2, 256 << 10, 4096, 32}, /* a region of half a chunk */
	};
	struct layout l;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert_eq(layout_compute(&wrong[i], GIB, 0, &l), -EINVAL,
			     "case %zu", i);
}

Test(layout, a_journal_out_of_bounds_is_refused)
{
	static const uint64_t wrong[] = {1, 4096, 60 * KIB, 64 * KIB + 512,
					 GIB + 4096, UINT64_MAX};
	struct layout l;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		cr_assert_eq(layout_compute(&usual, 8 * GIB, wrong[i], &l),
			     -EINVAL);
	cr_assert_eq(layout_compute(&usual, 8 * GIB, GIB, &l), 0);
}

/* Each field of a layout, changed so that it cannot be right. */
Test(layout, a_layout_that_was_tampered_with_is_refused)
{
	static const struct {
		size_t field;
		uint64_t value; /* added */
	} cases[] = {
		{offsetof(struct layout, journal_offset), (uint64_t)-4096},
		{offsetof(struct layout, journal_offset), 4096},
		{offsetof(struct layout, journal_offset), 512},
		{offsetof(struct layout, journal_bytes), 4096},
		{offsetof(struct layout, journal_bytes), (uint64_t)-512},
		{offsetof(struct layout, journal_bytes), 1ull << 63},
		{offsetof(struct layout, map_offset[0]), 4096},
		{offsetof(struct layout, map_offset[1]), (uint64_t)-4096},
		{offsetof(struct layout, map_offset[1]), 1},
		{offsetof(struct layout, map_bytes), 4096},
		{offsetof(struct layout, map_bytes), (uint64_t)-4096},
		{offsetof(struct layout, sums_offset), (uint64_t)-4096},
		{offsetof(struct layout, sums_bytes), 8192},
		{offsetof(struct layout, sums_bytes), (uint64_t)-8192},
		{offsetof(struct layout, data_offset), 4096},
		{offsetof(struct layout, data_offset), (uint64_t)-MIB},
		{offsetof(struct layout, data_offset), 64 * MIB},
		{offsetof(struct layout, data_offset), (uint64_t)-18 * MIB},
		{offsetof(struct layout, data_bytes), 4 * MIB},
		{offsetof(struct layout, data_bytes), (uint64_t)-4 * MIB},
		{offsetof(struct layout, data_bytes), 256 * KIB},
		{offsetof(struct layout, data_bytes), UINT64_MAX - 600 * MIB},
	};
	struct layout good, l;

	cr_assert_eq(layout_compute(&usual, 512 * MIB, 0, &good), 0);
	cr_assert_eq(layout_validate(&usual, &good, 512 * MIB), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t *field;

		l = good;
		field = (uint64_t *)((char *)&l + cases[i].field);
		*field += cases[i].value;
		cr_assert_eq(layout_validate(&usual, &l, 512 * MIB), -EINVAL,
			     "case %zu", i);
	}
	memset(&l, 0, sizeof(l));
	cr_assert_eq(layout_validate(&usual, &l, 512 * MIB), -EINVAL);
	memset(&l, 0xff, sizeof(l));
	cr_assert_eq(layout_validate(&usual, &l, 0), -EINVAL);
}

/* Where the areas stand is the writer's business; a later one may move them. */
Test(layout, areas_may_stand_in_another_order)
{
	struct layout l, good;

	cr_assert_eq(layout_compute(&usual, 512 * MIB, 0, &good), 0);
	l = good;
	l.map_offset[1] = good.journal_offset;
	l.map_offset[0] = good.journal_offset + good.map_bytes;
	l.journal_offset = good.journal_offset + 2 * good.map_bytes;
	cr_assert_eq(layout_validate(&usual, &l, 512 * MIB), 0);
	l.map_offset[0] -= 4096;
	cr_assert_eq(layout_validate(&usual, &l, 512 * MIB), -EINVAL);
}

Test(layout, a_member_may_be_larger_than_its_layout_but_not_smaller)
{
	struct layout l;

	cr_assert_eq(layout_compute(&usual, 512 * MIB, 0, &l), 0);
	cr_assert_eq(layout_validate(&usual, &l, 0), 0);
	cr_assert_eq(layout_validate(&usual, &l, GIB), 0);
	cr_assert_eq(layout_validate(&usual, &l, 100 * TIB), 0);
	cr_assert_eq(layout_validate(&usual, &l, 400 * MIB), -EINVAL);
	cr_assert_eq(layout_validate(&usual, &l, 4096), -EINVAL);
	cr_assert_eq(layout_validate(&usual, &l, 1), -EINVAL);
}

Test(layout, chunks_go_round_the_sets)
{
	static const struct {
		uint64_t offset;
		uint32_t set;
		uint64_t set_offset;
	} cases[] = {
		{0, 0, 0},
		{1, 0, 1},
		{256 * KIB - 1, 0, 256 * KIB - 1},
		{256 * KIB, 1, 0},
		{512 * KIB, 0, 256 * KIB},
		{768 * KIB + 5, 1, 256 * KIB + 5},
		{10 * MIB, 0, 5 * MIB},
	};
	uint32_t set;
	uint64_t set_offset;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		layout_locate(&usual, cases[i].offset, &set, &set_offset);
		cr_assert_eq(set, cases[i].set, "case %zu", i);
		cr_assert_eq(set_offset, cases[i].set_offset, "case %zu", i);
	}
}

Test(layout, each_byte_of_the_array_has_one_place_and_finds_back)
{
	uint64_t random = 7;

	for (int i = 0; i < 100000; i++) {
		struct geometry g = usual;
		uint64_t offset, set_offset;
		uint32_t set;

		g.sets = 1 + (uint32_t)(support_random(&random) % 64);
		g.chunk_bytes = 16384u << support_random(&random) % 9;
		offset = support_random(&random) % (4096 * TIB);
		layout_locate(&g, offset, &set, &set_offset);
		cr_assert_lt(set, g.sets);
		cr_assert_eq(layout_array_offset(&g, set, set_offset), offset);
	}
}

Test(layout, the_last_byte_of_the_array_is_the_last_of_the_last_set)
{
	struct geometry g = usual;
	struct layout l;
	uint64_t set_offset;
	uint32_t set;

	for (g.sets = 1; g.sets <= 64; g.sets++) {
		cr_assert_eq(layout_compute(&g, GIB, 0, &l), 0);
		layout_locate(&g, layout_array_bytes(&g, &l) - 1, &set,
			      &set_offset);
		cr_assert_eq(set, g.sets - 1);
		cr_assert_eq(set_offset, l.data_bytes - 1);
	}
}

Test(layout, superblocks_stand_outside_of_all_areas)
{
	struct layout l;

	cr_assert_eq(sb_offset(GIB, 0, 0), 64 * KIB);
	cr_assert_eq(sb_offset(GIB, 0, 1), 96 * KIB);
	cr_assert_eq(sb_offset(GIB, 1, 0), GIB - 64 * KIB);
	cr_assert_eq(sb_offset(GIB + 4095, 1, 1), GIB - 32 * KIB);
	cr_assert_eq(layout_compute(&usual, GIB + 4095, 0, &l), 0);
	cr_assert_geq(l.journal_offset, sb_offset(GIB, 0, 1) + SB_BYTES);
	cr_assert_leq(l.data_offset + l.data_bytes, sb_offset(GIB, 1, 0));
}
