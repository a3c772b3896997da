/* SPDX-License-Identifier: MIT */
/*
 * Problems come before the tree, in three lines each: what is wrong, what it
 * may lead to, what to do.  Every place of a set is always listed.
 */
#include "tree.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "look.h"
#include "size.h"

enum {
	COL_NAME,
	COL_STATE,
	COL_SERIAL,
	COL_READ,
	COL_WRITE,
	COL_SUM,
	COL_FIXED
};

static const struct {
	const char *head;
	int flags;
} columns[] = {
	[COL_NAME] = {"", SCOLS_FL_TREE},
	[COL_STATE] = {"STATE", 0},
	[COL_SERIAL] = {"SERIAL", 0},
	[COL_READ] = {"R-ERR", SCOLS_FL_RIGHT},
	[COL_WRITE] = {"W-ERR", SCOLS_FL_RIGHT},
	[COL_SUM] = {"SUM-ERR", SCOLS_FL_RIGHT},
	[COL_FIXED] = {"FIXED", SCOLS_FL_RIGHT},
};

/* ", so much written", where that is known. */
static void
format_written(const json_t *a, char *out, size_t bytes)
{
	const json_t *sets = json_object_get(a, "sets");
	uint64_t size_bytes = (uint64_t)look_number(a, "size_bytes");
	uint64_t written = 0;
	char text[SIZE_TEXT_MAX];

	out[0] = '\0';
	if (strcmp(look_text(a, "state"), "serving"))
		return;
	for (size_t i = 0; i < json_array_size(sets); i++)
		written += (uint64_t)look_number(json_array_get(sets, i),
						 "written_bytes");
	/* It counts whole regions; the last may reach beyond the end. */
	size_format(written < size_bytes ? written : size_bytes, text);
	snprintf(out, bytes, ", %s written", text);
}

static void
print_head(const json_t *a)
{
	char size[SIZE_TEXT_MAX] = "size unknown";
	char written[SIZE_TEXT_MAX + 16];
	const char *device = look_text(a, "device");

	if (json_is_integer(json_object_get(a, "size_bytes")))
		size_format((uint64_t)look_number(a, "size_bytes"), size);
	format_written(a, written, sizeof(written));
	printf("array    %s  %s  %s  %s  %s%s  raid10 %zux%d%s%s\n",
	       look_text(a, "name"), look_text(a, "health"),
	       look_text(a, "activity"),
	       strcmp(look_text(a, "state"), "serving") ? look_text(a, "state")
							: look_text(a, "mode"),
	       size, written, json_array_size(json_object_get(a, "sets")),
	       (int)look_number(a, "legs_per_set"), device[0] ? "  " : "",
	       device);
}

static void
print_problems(const json_t *a)
{
	const json_t *problems = json_object_get(a, "problems");

	for (size_t i = 0; i < json_array_size(problems); i++) {
		const json_t *p = json_array_get(problems, i);
		const char *action = look_text(p, "action");

		printf("problem  %s %s\n", look_text(p, "id"),
		       look_text(p, "problem"));
		printf("risk     %s\n", look_text(p, "risk"));
		if (action[0])
			printf("action   %s\n", action);
	}
}

static void
print_progress(const json_t *a)
{
	const json_t *jobs = json_object_get(a, "progress");

	for (size_t i = 0; i < json_array_size(jobs); i++) {
		const json_t *j = json_array_get(jobs, i);
		char left[SIZE_TEXT_MAX];

		size_format((uint64_t)look_number(j, "remaining_bytes"), left);
		printf("%s   set %d: %s to go\n", look_text(j, "job"),
		       (int)look_number(j, "set"), left);
	}
}

static void
cell_number(struct libscols_line *line, size_t column, const json_t *leg,
	    const char *key)
{
	char text[32];

	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
		 look_number(leg, key));
	scols_line_set_data(line, column, text);
}

static void
add_leg(struct libscols_table *table, struct libscols_line *parent,
	const json_t *leg)
{
	struct libscols_line *line = scols_table_new_line(table, parent);
	const char *path = look_text(leg, "path");
	char name[4200];

	if (!line)
		return;
	if (path[0])
		snprintf(name, sizeof(name), "%s %s", look_text(leg, "leg"),
			 path);
	else
		snprintf(name, sizeof(name), "%s member %s",
			 look_text(leg, "leg"), look_text(leg, "member_uuid"));
	scols_line_set_data(line, COL_NAME, name);
	scols_line_set_data(line, COL_STATE, look_text(leg, "state"));
	scols_line_set_data(line, COL_SERIAL, look_serial(leg));
	cell_number(line, COL_READ, leg, "read_errors");
	cell_number(line, COL_WRITE, leg, "write_errors");
	cell_number(line, COL_SUM, leg, "mismatches");
	cell_number(line, COL_FIXED, leg, "repaired");
}

static void
add_set(struct libscols_table *table, struct libscols_line *root,
	const json_t *set)
{
	struct libscols_line *line = scols_table_new_line(table, root);
	const json_t *legs = json_object_get(set, "legs");
	char text[64];

	if (!line)
		return;
	snprintf(text, sizeof(text), "set %d", (int)look_number(set, "set"));
	scols_line_set_data(line, COL_NAME, text);
	snprintf(text, sizeof(text), "%s%s", look_text(set, "health"),
		 json_is_true(json_object_get(set, "write_stopped"))
			 ? ", write-stopped"
			 : "");
	scols_line_set_data(line, COL_STATE, text);
	for (size_t i = 0; i < json_array_size(legs); i++)
		add_leg(table, line, json_array_get(legs, i));
}

/* The members found that are legs, in or out, stand at their places. */
static bool
stands_in_tree(const json_t *a, const json_t *other)
{
	const json_t *sets = json_object_get(a, "sets");
	const char *role = look_text(other, "role");

	if (!strcmp(look_text(a, "state"), "serving") &&
	    strcmp(role, "failed") && strcmp(role, "stale"))
		return false;
	for (size_t s = 0; s < json_array_size(sets); s++) {
		const json_t *legs =
			json_object_get(json_array_get(sets, s), "legs");

		for (size_t l = 0; l < json_array_size(legs); l++)
			if (!strcmp(look_text(json_array_get(legs, l), "path"),
				    look_text(other, "path")))
				return true;
	}
	return false;
}

static void
add_others(struct libscols_table *table, struct libscols_line *root,
	   const json_t *a)
{
	const json_t *others = json_object_get(a, "other_disks");

	for (size_t i = 0; i < json_array_size(others); i++) {
		const json_t *o = json_array_get(others, i);
		struct libscols_line *line;
		char name[4200];

		if (stands_in_tree(a, o))
			continue;
		line = scols_table_new_line(table, root);
		if (!line)
			return;
		snprintf(name, sizeof(name), "(%s) %s", look_text(o, "leg"),
			 look_text(o, "path"));
		scols_line_set_data(line, COL_NAME, name);
		scols_line_set_data(line, COL_STATE, look_text(o, "role"));
		scols_line_set_data(line, COL_SERIAL, look_serial(o));
	}
}

static void
fill_table(struct libscols_table *table, const json_t *a)
{
	const json_t *sets = json_object_get(a, "sets");
	struct libscols_line *root;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (!scols_table_new_column(table, columns[i].head, 0,
					    columns[i].flags))
			return;
	root = scols_table_new_line(table, NULL);
	if (!root)
		return;
	scols_line_set_data(root, COL_NAME, look_text(a, "name"));
	scols_line_set_data(root, COL_STATE, look_text(a, "health"));
	for (size_t i = 0; i < json_array_size(sets); i++)
		add_set(table, root, json_array_get(sets, i));
	add_others(table, root, a);
}

void
tree_print(const json_t *a)
{
	struct libscols_table *table = scols_new_table();

	print_head(a);
	print_problems(a);
	print_progress(a);
	if (!table) {
		fprintf(stderr, "raidctl: no memory for the table\n");
		return;
	}
	fill_table(table, a);
	/* Nothing is cut to fit a terminal: a path is to be copied. */
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_table_enable_minout(table, 1); /* no blanks behind a line */
	scols_print_table(table);
	scols_unref_table(table);
}
