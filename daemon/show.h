/* SPDX-License-Identifier: MIT */
/* Arrays as JSON (doc/protocol.md says what each key means). */
#ifndef RAIDD_SHOW_H
#define RAIDD_SHOW_H

#include <stdint.h>

#include <jansson.h>

struct array;
struct arrays;

/* New references.  NULL: no memory. */
json_t *show_array(const struct array *array);
json_t *show_strays(const struct arrays *a);
/* One line's worth: name, uuid, state, health, size. */
json_t *show_brief(const struct array *array);
/* What is lost of an array that is served, and where. */
json_t *show_lost(const struct array *array);
/* Null if it is 0. */
json_t *show_time(uint64_t seconds);
/* Where clients connect, for raidctl attach. */
json_t *show_export(const struct array *array);
/* show_faults.c */
json_t *show_faults(const struct array *array);

/* Seconds since 1970, 0 as null; text, empty or NULL as null. */
json_t *show_time(uint64_t seconds);
json_t *show_text(const char *text);

#endif
