/* SPDX-License-Identifier: MIT */
/*
 * Model A: within which bounds it is searched, right and with mistakes.
 */
#include <stdio.h>

#include "block.h"
#include "model.h"

static const struct block_bounds right_bounds[] = {
	{.tear = true, .writes = 3, .flushes = 2, .crashes = 2, .faults = 1},
	{.tear = true,
	 .discards = true,
	 .writes = 3,
	 .flushes = 1,
	 .crashes = 2,
	 .faults = 1},
	{.tear = true,
	 .unwritten = true,
	 .discards = true,
	 .writes = 3,
	 .flushes = 1,
	 .crashes = 2,
	 .faults = 1},
	{.tear = true,
	 .tight = true,
	 .checkpoints = true,
	 .writes = 3,
	 .flushes = 1,
	 .crashes = 1},
	{.tear = true,
	 .discards = true,
	 .checkpoints = true,
	 .writes = 3,
	 .flushes = 1,
	 .crashes = 1},
	{.tear = true,
	 .discards = true,
	 .pages = true,
	 .writes = 3,
	 .flushes = 1,
	 .crashes = 1},
	{.tear = true,
	 .discards = true,
	 .pages = true,
	 .writes = 2,
	 .flushes = 1,
	 .crashes = 1,
	 .faults = 1},
	{.tear = true,
	 .discards = true,
	 .pages = true,
	 .checkpoints = true,
	 .writes = 2,
	 .crashes = 2},
	{.tear = true,
	 .unwritten = true,
	 .discards = true,
	 .pages = true,
	 .checkpoints = true,
	 .writes = 2,
	 .flushes = 1,
	 .crashes = 1,
	 .faults = 1},
	{.tear = true, .writes = 3, .flushes = 1, .crashes = 1, .faults = 2},
	{.tear = true,
	 .lies = true,
	 .writes = 2,
	 .flushes = 1,
	 .crashes = 2,
	 .faults = 1},
};

static const struct block_bounds bug_bounds[] = {
#define X(name, rule, hole, text, ...) \
	{.tear = true, .bug = BUG_##name, __VA_ARGS__},
#include "block_bugs.def"
#undef X
};

static const struct plant bugs[] = {
#define X(name, rule, hole, text, ...) {#name, rule, hole, text},
#include "block_bugs.def"
#undef X
};

static size_t
block_describe(const void *arg, char *text, size_t bytes)
{
	const struct block_bounds *v = arg;

	return (size_t)snprintf(
		text, bytes, "%d%d%d%d %s%s%s%s%s%s", v->writes, v->flushes,
		v->crashes, v->faults, v->unwritten ? "unwritten" : "written",
		v->discards ? " discards" : "", v->pages ? " pages" : "",
		v->checkpoints ? " checkpoints" : "", v->tight ? " tight" : "",
		v->lies ? " lies" : "");
}

static const void *
block_right(size_t i)
{
	return i < ARRAY_SIZE(right_bounds) ? &right_bounds[i] : NULL;
}

/* The same bounds, with the mistake and without. */
static bool
block_planted(size_t i, struct plant *plant, const void **with,
	      const void **without)
{
	static struct block_bounds right[ARRAY_SIZE(bug_bounds)];

	if (i >= ARRAY_SIZE(bug_bounds))
		return false;
	*plant = bugs[i];
	*with = &bug_bounds[i];
	right[i] = bug_bounds[i];
	right[i].bug = BUG_NONE;
	*without = &right[i];
	return true;
}

const struct model block_table = {
	.name = "block",
	.columns = "writes flushes crashes legs-lost",
	.search = &block_model,
	.describe = block_describe,
	.right = block_right,
	.planted = block_planted,
};
