/* SPDX-License-Identifier: MIT */
/* create: the plan, the question, the deed. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "look.h"

/* raidd runs in another folder; a symbolic link stays what it is, since it
 * is the name that lasts. */
static json_t *
absolute(const char *path)
{
	char dir[PATH_MAX];

	if (path[0] == '/' || !getcwd(dir, sizeof(dir)))
		return json_string(path);
	return json_sprintf("%s/%s", dir, path);
}

static json_t *
create_params(const struct ctl *c, bool dry_run)
{
	json_t *members = json_array();
	json_t *force = json_array();

	for (int i = 1; i < c->arg_count; i++)
		json_array_append_new(members, absolute(c->args[i]));
	for (unsigned i = 0; i < c->force_count; i++)
		json_array_append_new(force, json_string(c->force[i]));
	return json_pack("{s:s,s:I,s:I,s:o,s:o,s:b}", "name", c->args[0],
			 "legs", (json_int_t)c->legs, "chunk_bytes",
			 (json_int_t)c->chunk_bytes, "members", members,
			 "force", force, "dry_run", dry_run);
}

static void
plan_print(const json_t *plan)
{
	const json_t *steps = json_object_get(plan, "steps");

	printf("plan for array %s:\n", look_text(plan, "name"));
	for (size_t i = 0; i < json_array_size(steps); i++)
		printf("%3zu. %s\n", i + 1,
		       json_string_value(json_array_get(steps, i)));
	fflush(stdout);
}

int
cmd_create(struct ctl *c)
{
	json_t *plan;
	int code = client_call(c, "create", create_params(c, true), WAIT_READ_S,
			       &plan);

	if (code)
		return code;
	if (!c->json)
		plan_print(plan);
	if (c->dry_run) {
		c->payload = json_pack("{s:o}", "plan", plan);
		return EXIT_DONE;
	}
	json_decref(plan);
	code = ctl_confirm(c, c->args[0]);
	if (!code)
		code = client_call(c, "create", create_params(c, false),
				   WAIT_CHANGE_S, &plan);
	if (code)
		return code;
	c->payload = json_pack("{s:o}", "plan", plan);
	if (!c->json)
		printf("array %s is made and started\n", c->args[0]);
	return EXIT_DONE;
}
