/* SPDX-License-Identifier: MIT */
/* Reading answers of raidd: what is not there reads as nothing. */
#ifndef RAIDCTL_LOOK_H
#define RAIDCTL_LOOK_H

#include <jansson.h>

/* "": not there, or null. */
static inline const char *
look_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* For people. */
static inline const char *
look_serial(const json_t *o)
{
	const char *serial = look_text(o, "serial");

	return serial[0] ? serial : "unknown";
}

static inline json_int_t
look_number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* What makes "block" of 2 blocks. */
static inline const char *
look_plural(json_int_t count)
{
	return count == 1 ? "" : "s";
}

#endif
