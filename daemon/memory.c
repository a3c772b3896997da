/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <unistd.h>

#include "arrays.h"
#include "config.h"
#include "layout.h"

/* A page of sums of 4 KiB for 4 MiB of data. */
#define PAGE_BYTES     4096u
#define DATA_PER_SUMS  1024u
#define SUMS_CACHE_MIN (64ull << 20)

uint64_t
memory_sums_cache(const struct config *c, uint64_t array_bytes,
		  uint64_t machine_bytes, uint64_t taken_bytes)
{
	uint64_t all = array_bytes / DATA_PER_SUMS;
	uint64_t most = machine_bytes / 4;

	if (c->sums_cache_mib)
		return c->sums_cache_mib << 20;
	most -= taken_bytes < most ? taken_bytes : most;
	if (most < SUMS_CACHE_MIN)
		most = SUMS_CACHE_MIN;
	return all < most ? all : most;
}

static uint64_t
memory_taken(const struct arrays *a)
{
	uint64_t taken = 0;

	for (const struct array *array = a->first; array; array = array->next)
		if (array->volume)
			taken += array->sums_cache_bytes;
	return taken;
}

struct raid_limits
memory_limits(const struct arrays *a, const struct sb *sb)
{
	const struct geometry *g = &sb->geometry;
	struct raid_limits limits = config_limits(a->config);
	uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) *
			   (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t bytes = memory_sums_cache(
		a->config, layout_array_bytes(g, &sb->layout), machine,
		memory_taken(a));

	limits.page_frames_max = (uint32_t)(bytes / PAGE_BYTES / g->sets);
	/* 0 would be the engine's own default. */
	limits.page_frames_max += limits.page_frames_max == 0;
	return limits;
}

uint64_t
memory_of_pages(const struct raid_config *cfg)
{
	return (uint64_t)cfg->limits.page_frames_max * cfg->sb->geometry.sets *
	       PAGE_BYTES;
}
