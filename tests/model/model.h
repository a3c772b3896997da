/* SPDX-License-Identifier: MIT */
/*
 * What model.c knows of a model: its bounds, and the mistakes that can be
 * planted in it.
 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "search.h"

struct plant {
	const char *name;
	const char *rule;
	const char *hole; /* of the design's review, or "-" */
	const char *text;
};

struct model {
	const char *name;
	const char *columns; /* what the digits of its bounds count */
	const struct search_model *search;
	size_t (*describe)(const void *arg, char *text, size_t bytes);
	/* Bounds without a mistake; NULL: no more. */
	const void *(*right)(size_t i);
	/* False: no more. */
	bool (*planted)(size_t i, struct plant *plant, const void **with,
			const void **without);
};

extern const struct model block_table;
extern const struct model members_table;

#endif
