/* SPDX-License-Identifier: MIT */
/* status, list, show: what there is and how it is. */
#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "look.h"
#include "size.h"
#include "tree.h"

/* mdadm's numbers, which scripts know: 0 optimal, 1 degraded, 2 failed. */
static int
health_code(const char *health)
{
	if (!strcmp(health, "optimal"))
		return 0;
	return strcmp(health, "degraded") ? 2 : 1;
}

static void
print_strays(const json_t *result)
{
	const json_t *strays = json_object_get(result, "unreadable_disks");

	for (size_t i = 0; i < json_array_size(strays); i++) {
		const json_t *s = json_array_get(strays, i);

		printf("disk     %s (serial %s) is not used: %s\n",
		       look_text(s, "path"), look_serial(s),
		       look_text(s, "trouble"));
	}
}

int
cmd_status(struct ctl *c)
{
	json_t *params = json_object();
	const json_t *arrays;
	int worst = 0;
	int code;

	if (c->arg_count)
		json_object_set_new(params, "name", json_string(c->args[0]));
	code = client_call(c, "status", params, WAIT_READ_S, &c->payload);
	if (code)
		return c->exit_code ? 4 : code;
	arrays = json_object_get(c->payload, "arrays");
	for (size_t i = 0; i < json_array_size(arrays); i++) {
		const json_t *a = json_array_get(arrays, i);
		int one = health_code(look_text(a, "health"));

		if (one > worst)
			worst = one;
		if (!c->json && i)
			putchar('\n');
		if (!c->json)
			tree_print(a);
	}
	if (!c->json && !json_array_size(arrays))
		printf("no array\n");
	if (!c->json)
		print_strays(c->payload);
	return c->exit_code ? worst : EXIT_DONE;
}

static void
list_print(const json_t *arrays)
{
	static const char *const heads[] = {"NAME",     "STATE", "HEALTH",
					    "ACTIVITY", "SIZE",  "DEVICE"};
	struct libscols_table *table = scols_new_table();

	for (size_t i = 0; table && i < sizeof(heads) / sizeof(heads[0]); i++)
		scols_table_new_column(table, heads[i], 0,
				       i == 4 ? SCOLS_FL_RIGHT : 0);
	for (size_t i = 0; table && i < json_array_size(arrays); i++) {
		const json_t *a = json_array_get(arrays, i);
		struct libscols_line *line = scols_table_new_line(table, NULL);
		char size[SIZE_TEXT_MAX] = "-";
		const char *device = look_text(a, "device");

		if (!line)
			break;
		if (json_is_integer(json_object_get(a, "size_bytes")))
			size_format((uint64_t)look_number(a, "size_bytes"),
				    size);
		scols_line_set_data(line, 0, look_text(a, "name"));
		scols_line_set_data(line, 1, look_text(a, "state"));
		scols_line_set_data(line, 2, look_text(a, "health"));
		scols_line_set_data(line, 3, look_text(a, "activity"));
		scols_line_set_data(line, 4, size);
		scols_line_set_data(line, 5, device[0] ? device : "-");
	}
	if (table) {
		scols_table_enable_minout(table, 1);
		scols_print_table(table);
	}
	scols_unref_table(table);
}

int
cmd_list(struct ctl *c)
{
	int code =
		client_call(c, "list", json_object(), WAIT_READ_S, &c->payload);

	if (!code && !c->json)
		list_print(json_object_get(c->payload, "arrays"));
	return code;
}

static void
show_value(const char *path, const json_t *value)
{
	char *text;

	if (json_is_string(value)) {
		printf("%s: %s\n", path, json_string_value(value));
		return;
	}
	text = json_dumps(value, JSON_ENCODE_ANY);
	printf("%s: %s\n", path, text && strcmp(text, "null") ? text : "-");
	free(text);
}

/* Every field on a line of its own, its place in the object before it. */
static void
show_print(const char *path, json_t *value)
{
	char below[512];
	const char *key;
	json_t *part;
	size_t i;

	if (json_is_object(value)) {
		json_object_foreach(value, key, part)
		{
			snprintf(below, sizeof(below), "%s%s%s", path,
				 path[0] ? "." : "", key);
			show_print(below, part);
		}
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, part)
		{
			snprintf(below, sizeof(below), "%s[%zu]", path, i);
			show_print(below, part);
		}
	} else {
		show_value(path, value);
	}
}

int
cmd_show(struct ctl *c)
{
	int code;

	if (c->salvage)
		return salvage_show(c);
	if (c->faults)
		return cmd_faults(c);
	if (c->lost)
		return cmd_lost(c);
	code = client_call(c, "show", json_pack("{s:s}", "name", c->args[0]),
			   WAIT_READ_S, &c->payload);
	if (!code && !c->json)
		show_print("",
			   json_array_get(json_object_get(c->payload, "arrays"),
					  0));
	return code;
}
