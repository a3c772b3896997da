/* SPDX-License-Identifier: MIT */
/*
 * A breadth-first search of all states of a model.
 *
 * A model adds its first states, and for each state those that may follow it
 * in one step.  It says so when an invariant does not hold; the steps that
 * led there are the fewest that can.
 */
#ifndef TESTS_SEARCH_H
#define TESTS_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct search;

struct search_model {
	size_t bytes; /* of a state; no padding that is not zero */
	void (*begin)(struct search *s);
	void (*step)(struct search *s, const void *state);
	/* The one of its equals (legs exchanged) that stands for all. */
	void (*canon)(const struct search *s, void *state);
};

enum search_result {
	SEARCH_HOLDS,    /* all states seen */
	SEARCH_VIOLATED, /* says what */
	SEARCH_CUT,      /* too many states */
};

struct search {
	const struct search_model *model;
	const void *arg; /* the model's: variant and bounds */
	uint32_t limit;
	uint32_t count;
	uint32_t at; /* the state whose followers are being added */
	uint8_t *states;
	uint32_t *parents;
	uint64_t *table; /* hash and index + 1 */
	uint32_t mask;
	uint64_t added; /* calls of search_add() */
	char what[200];

	/* Telling a trace: the follower looked for, and how it came. */
	const uint8_t *wanted;
	uint8_t *raw;
	bool found;
	char label[200];
};

enum search_result search_run(struct search *s);
void search_free(struct search *s);

/* One line a step, and what was violated in the end. */
void search_trace(struct search *s);

/* For models. */
void search_add(struct search *s, const void *state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void search_violated(struct search *s, const char *invariant,
		     const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
