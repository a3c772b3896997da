/* SPDX-License-Identifier: MIT */
/*
 * Where things lie on a member.  How many regions fit is found by bisection:
 * map, sums and data all grow with the number of regions, so it is monotone,
 * and no closed formula can be wrong by one.
 */
#include "layout.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "check.h"

/* Left alone, then the two front superblock slots. */
#define FRONT_BYTES (128ull << 10)
/* The two superblock slots at the end. */
#define BACK_BYTES            (64ull << 10)
#define JOURNAL_DEFAULT_MIN   (1ull << 20)
#define JOURNAL_DEFAULT_MAX   (256ull << 20)
#define MAP_HEADER_BYTES      BLOCK_BYTES
#define MAP_ENTRIES_PER_BLOCK 504u /* of 8 bytes, behind 64 of header */
#define SUM_SLOTS             2u
#define DATA_ALIGN_BYTES      (1ull << 20)

static bool
is_power_of_two(uint64_t v)
{
	return (v & (v - 1)) == 0; /* 0 is refused before */
}

static uint64_t
round_down(uint64_t v, uint64_t to)
{
	return v - v % to;
}

static uint64_t
round_up(uint64_t v, uint64_t to)
{
	return round_down(v + to - 1, to);
}

static uint64_t
region_bytes(const struct geometry *g)
{
	return (uint64_t)g->region_blocks * BLOCK_BYTES;
}

static uint64_t
map_bytes(uint64_t regions)
{
	return MAP_HEADER_BYTES + round_up(regions, MAP_ENTRIES_PER_BLOCK) /
					  MAP_ENTRIES_PER_BLOCK * BLOCK_BYTES;
}

static bool
geometry_is_valid(const struct geometry *g)
{
	if (g->sets < 1 || g->sets > LAYOUT_SETS_MAX)
		return false;
	if (g->legs < LAYOUT_LEGS_MIN || g->legs > LAYOUT_LEGS_MAX)
		return false;
	if (g->chunk_bytes < CHUNK_BYTES_MIN ||
	    g->chunk_bytes > CHUNK_BYTES_MAX ||
	    !is_power_of_two(g->chunk_bytes))
		return false;
	if (g->block_bytes != 512 && g->block_bytes != 4096)
		return false;
	if (g->region_blocks < REGION_BLOCKS_MIN ||
	    g->region_blocks > REGION_BLOCKS ||
	    !is_power_of_two(g->region_blocks))
		return false;
	/* Both are powers of two: whole regions are then whole chunks. */
	return g->chunk_bytes <= region_bytes(g);
}

static void
layout_place(const struct geometry *g, uint64_t journal_bytes, uint64_t regions,
	     struct layout *l)
{
	l->journal_offset = FRONT_BYTES;
	l->journal_bytes = journal_bytes;
	l->map_bytes = map_bytes(regions);
	l->map_offset[0] = l->journal_offset + l->journal_bytes;
	l->map_offset[1] = l->map_offset[0] + l->map_bytes;
	l->sums_offset = l->map_offset[1] + l->map_bytes;
	l->sums_bytes = regions * SUM_SLOTS * BLOCK_BYTES;
	l->data_offset =
		round_up(l->sums_offset + l->sums_bytes, DATA_ALIGN_BYTES);
	l->data_bytes = regions * region_bytes(g);
}

static uint64_t
journal_default(uint64_t member_bytes)
{
	uint64_t bytes = round_down(member_bytes / 32, BLOCK_BYTES);

	if (bytes < JOURNAL_DEFAULT_MIN)
		return JOURNAL_DEFAULT_MIN;
	if (bytes > JOURNAL_DEFAULT_MAX)
		return JOURNAL_DEFAULT_MAX;
	return bytes;
}

static bool
journal_is_valid(uint64_t bytes)
{
	return bytes >= JOURNAL_BYTES_MIN && bytes <= JOURNAL_BYTES_MAX &&
	       bytes % BLOCK_BYTES == 0;
}

int
layout_compute(const struct geometry *g, uint64_t member_bytes,
	       uint64_t journal_bytes, struct layout *out)
{
	uint64_t end, fit = 0, over;

	if (!geometry_is_valid(g))
		return -EINVAL;
	if (member_bytes > MEMBER_BYTES_MAX)
		return -EFBIG;
	if (journal_bytes == 0)
		journal_bytes = journal_default(member_bytes);
	if (!journal_is_valid(journal_bytes))
		return -EINVAL;
	member_bytes = round_down(member_bytes, BLOCK_BYTES);
	if (member_bytes < BACK_BYTES)
		return -ENOSPC;
	end = member_bytes - BACK_BYTES;
	over = end / region_bytes(g) + 1; /* regions which surely do not fit */
	while (fit + 1 < over) {
		uint64_t middle = fit + (over - fit) / 2;

		layout_place(g, journal_bytes, middle, out);
		if (out->data_offset + out->data_bytes <= end)
			fit = middle;
		else
			over = middle;
	}
	if (fit == 0)
		return -ENOSPC;
	layout_place(g, journal_bytes, fit, out);
	return 0;
}

struct area {
	uint64_t offset;
	uint64_t bytes;
};

static bool
area_is_valid(const struct area *a, uint64_t end)
{
	if (a->offset % BLOCK_BYTES != 0 || a->bytes % BLOCK_BYTES != 0)
		return false;
	if (a->bytes == 0 || a->bytes > end)
		return false;
	return a->offset >= FRONT_BYTES && a->offset <= end - a->bytes;
}

static bool
area_overlaps(const struct area *a, const struct area *b)
{
	return a->offset < b->offset + b->bytes &&
	       b->offset < a->offset + a->bytes;
}

static bool
areas_are_valid(const struct area *areas, size_t count, uint64_t end)
{
	for (size_t i = 0; i < count; i++) {
		if (!area_is_valid(&areas[i], end))
			return false;
		for (size_t j = 0; j < i; j++)
			if (area_overlaps(&areas[i], &areas[j]))
				return false;
	}
	return true;
}

int
layout_validate(const struct geometry *g, const struct layout *l,
		uint64_t member_bytes)
{
	const struct area areas[] = {
		{l->journal_offset, l->journal_bytes},
		{l->map_offset[0], l->map_bytes},
		{l->map_offset[1], l->map_bytes},
		{l->sums_offset, l->sums_bytes},
		{l->data_offset, l->data_bytes},
	};
	uint64_t regions;

	/* The superblock of a larger member may describe a smaller one. */
	if (member_bytes == 0 || member_bytes > MEMBER_BYTES_MAX)
		member_bytes = MEMBER_BYTES_MAX;
	member_bytes = round_down(member_bytes, BLOCK_BYTES);
	if (!geometry_is_valid(g) || member_bytes < FRONT_BYTES + BACK_BYTES)
		return -EINVAL;
	if (!areas_are_valid(areas, ARRAY_SIZE(areas),
			     member_bytes - BACK_BYTES))
		return -EINVAL;
	if (!journal_is_valid(l->journal_bytes))
		return -EINVAL;
	if (l->data_offset % DATA_ALIGN_BYTES != 0 ||
	    l->data_bytes % region_bytes(g) != 0)
		return -EINVAL;
	regions = layout_regions(g, l);
	if (l->map_bytes != map_bytes(regions) ||
	    l->sums_bytes != regions * SUM_SLOTS * BLOCK_BYTES)
		return -EINVAL;
	return 0;
}

uint64_t
layout_array_bytes(const struct geometry *g, const struct layout *l)
{
	return g->sets * l->data_bytes;
}

void
layout_locate(const struct geometry *g, uint64_t offset, uint32_t *set,
	      uint64_t *set_offset)
{
	uint64_t chunk = offset / g->chunk_bytes;

	*set = (uint32_t)(chunk % g->sets);
	*set_offset =
		chunk / g->sets * g->chunk_bytes + offset % g->chunk_bytes;
}

uint64_t
layout_array_offset(const struct geometry *g, uint32_t set, uint64_t set_offset)
{
	uint64_t row = set_offset / g->chunk_bytes;

	return (row * g->sets + set) * g->chunk_bytes +
	       set_offset % g->chunk_bytes;
}
