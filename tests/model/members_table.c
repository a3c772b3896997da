/* SPDX-License-Identifier: MIT */
/*
 * Model B: within which bounds it is searched, right and with mistakes.
 */
#include <stdio.h>

#include "members.h"
#include "model.h"

static const struct members_bounds right_bounds[] = {
	{.sets = 1,
	 .legs = 2,
	 .epochs = 7,
	 .writes = 2,
	 .starts = 4,
	 .fails = 3,
	 .code = true},
	{.sets = 1,
	 .legs = 3,
	 .epochs = 6,
	 .writes = 1,
	 .starts = 3,
	 .fails = 3,
	 .code = true},
	{.sets = 2,
	 .legs = 2,
	 .epochs = 6,
	 .writes = 1,
	 .starts = 3,
	 .fails = 2,
	 .code = true},
	{.sets = 2,
	 .legs = 2,
	 .epochs = 5,
	 .writes = 1,
	 .starts = 2,
	 .fails = 3},
	{.sets = 2,
	 .legs = 2,
	 .epochs = 6,
	 .starts = 4,
	 .fails = 2,
	 .code = true},
	{.sets = 1,
	 .legs = 3,
	 .epochs = 5,
	 .writes = 1,
	 .starts = 3,
	 .fails = 2,
	 .forces = 1,
	 .code = true},
	{.sets = 2,
	 .legs = 2,
	 .epochs = 5,
	 .writes = 1,
	 .starts = 2,
	 .fails = 2,
	 .forces = 1,
	 .code = true},
	{.sets = 1,
	 .legs = 3,
	 .epochs = 5,
	 .writes = 1,
	 .starts = 3,
	 .fails = 2,
	 .lies = 1,
	 .code = true},
	{.sets = 2,
	 .legs = 2,
	 .epochs = 5,
	 .writes = 1,
	 .starts = 2,
	 .fails = 2,
	 .lies = 1,
	 .code = true},
	{.sets = 1,
	 .legs = 2,
	 .epochs = 6,
	 .writes = 2,
	 .starts = 3,
	 .fails = 3,
	 .rebuild = true},
	{.sets = 1,
	 .legs = 3,
	 .epochs = 5,
	 .writes = 1,
	 .starts = 2,
	 .fails = 2,
	 .rebuild = true},
	{.sets = 2,
	 .legs = 2,
	 .epochs = 5,
	 .writes = 1,
	 .starts = 2,
	 .fails = 1,
	 .rebuild = true},
	{.sets = 1,
	 .legs = 2,
	 .epochs = 6,
	 .writes = 1,
	 .starts = 3,
	 .fails = 2,
	 .replaces = 1,
	 .rebuild = true},
};

static const struct members_bounds bug_bounds[] = {
#define X(name, rule, hole, text, ...) {.bug = WRONG_##name, __VA_ARGS__},
#include "members_bugs.def"
#undef X
};

static const struct plant bugs[] = {
#define X(name, rule, hole, text, ...) {#name, rule, hole, text},
#include "members_bugs.def"
#undef X
};

static size_t
members_describe(const void *arg, char *text, size_t bytes)
{
	const struct members_bounds *v = arg;

	return (size_t)snprintf(
		text, bytes, "%d%d%d%d %dx%d%s%s%s%s%s", v->epochs, v->writes,
		v->starts, v->fails, v->sets, v->legs,
		v->forces ? " force" : "", v->lies ? " lies" : "",
		v->rebuild ? " rebuild" : "", v->replaces ? " replace" : "",
		v->code ? " assemble()" : "");
}

static const void *
members_right(size_t i)
{
	return i < ARRAY_SIZE(right_bounds) ? &right_bounds[i] : NULL;
}

/* The same bounds, with the mistake and without. */
static bool
members_planted(size_t i, struct plant *plant, const void **with,
		const void **without)
{
	static struct members_bounds right[ARRAY_SIZE(bug_bounds)];

	if (i >= ARRAY_SIZE(bug_bounds))
		return false;
	*plant = bugs[i];
	*with = &bug_bounds[i];
	right[i] = bug_bounds[i];
	right[i].bug = WRONG_NONE;
	*without = &right[i];
	return true;
}

const struct model members_table = {
	.name = "members",
	.columns = "epochs writes starts fails, sets x legs",
	.search = &members_model,
	.describe = members_describe,
	.right = members_right,
	.planted = members_planted,
};
