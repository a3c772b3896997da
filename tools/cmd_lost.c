/* SPDX-License-Identifier: MIT */
/* show --lost: what cannot be read, and where it lies on the device. */
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "look.h"
#include "size.h"

enum { COL_OFFSET, COL_LENGTH, COL_SET, COL_ON_SET, COL_SINCE, COL_WHAT };

static void
cell_number(struct libscols_line *line, size_t column, json_int_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, n);
	scols_line_set_data(line, column, text);
}

/* A line for each range of the device; what is the same for all of an extent
 * stands in its first. */
static void
add_extent(struct libscols_table *table, const json_t *e)
{
	const json_t *ranges = json_object_get(e, "device_ranges");
	const char *since = look_text(e, "since");

	for (size_t i = 0; i < json_array_size(ranges); i++) {
		const json_t *range = json_array_get(ranges, i);
		struct libscols_line *line = scols_table_new_line(table, NULL);

		if (!line)
			return;
		cell_number(line, COL_OFFSET, look_number(range, "offset"));
		cell_number(line, COL_LENGTH, look_number(range, "length"));
		if (i > 0)
			continue;
		cell_number(line, COL_SET, look_number(e, "set"));
		cell_number(line, COL_ON_SET, look_number(e, "offset"));
		scols_line_set_data(line, COL_SINCE, since[0] ? since : "-");
		scols_line_set_data(line, COL_WHAT, look_text(e, "what"));
	}
}

static void
lost_table(const json_t *extents)
{
	static const char *const heads[] = {"OFFSET",        "LENGTH", "SET",
					    "OFFSET ON SET", "SINCE",  "WHAT"};
	struct libscols_table *table = scols_new_table();

	for (size_t i = 0; table && i < sizeof(heads) / sizeof(heads[0]); i++)
		scols_table_new_column(table, heads[i], 0,
				       i < COL_SINCE ? SCOLS_FL_RIGHT : 0);
	for (size_t i = 0; table && i < json_array_size(extents); i++)
		add_extent(table, json_array_get(extents, i));
	if (table) {
		scols_table_enable_minout(table, 1);
		scols_print_table(table);
	}
	scols_unref_table(table);
}

static void
lost_print(const json_t *lost)
{
	const json_t *extents = json_object_get(lost, "extents");
	bool more = json_is_true(json_object_get(lost, "more"));
	char size[SIZE_TEXT_MAX];

	size_format((uint64_t)look_number(lost, "lost_bytes"), size);
	if (!json_array_size(extents) && !more) {
		printf("%s: nothing is lost\n", look_text(lost, "name"));
		return;
	}
	printf("%s: %s cannot be read until overwritten or discarded%s\n",
	       look_text(lost, "name"), size,
	       more ? ", and more than is listed" : "");
	lost_table(extents);
}

int
cmd_lost(struct ctl *c)
{
	int code =
		client_call(c, "lost", json_pack("{s:s}", "name", c->args[0]),
			    WAIT_READ_S, &c->payload);

	c->verb = "lost";
	if (!code && !c->json)
		lost_print(json_object_get(c->payload, "lost"));
	return code;
}
