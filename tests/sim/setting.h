/* SPDX-License-Identifier: MIT */
/*
 * Each member of struct options by a name: to be set by hand, to be printed,
 * and to be made simpler by the shrinker.
 */
#ifndef SIM_SETTING_H
#define SIM_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "options.h"

#define SETTING_SIMPLER_MAX 6u

struct setting {
	const char *name;
	size_t offset; /* in struct options */
	size_t size;   /* of an element */
	size_t count;
	/* Simplest first; the first one is the plain one. */
	uint64_t simpler[SETTING_SIMPLER_MAX];
	unsigned simpler_count;
	bool less; /* only what is less than it is simpler */
};

/* One for each index below setting_count(). */
unsigned setting_count(void);
const struct setting *setting_at(unsigned index);

uint64_t setting_get(const struct setting *set, const struct options *o,
		     size_t element);
/* All elements. */
void setting_put(const struct setting *set, struct options *o, uint64_t value);
bool setting_is_all(const struct setting *set, const struct options *o,
		    uint64_t value);

/* One set, two legs, no fault: what a command line with --plain changes. */
void options_plain(struct options *o);

/* What may go together.  Else an innocent engine would be found guilty. */
bool options_are_sound(const struct options *o);

/* "sets=1,sector=512:4096"; false: there is no such setting, or not so many
 * values.  Of too few the last one counts for the rest. */
bool options_set(struct options *o, const char *words);
/* The same for words of fault kinds; all others are switched on or off. */
bool options_set_faults(struct options *o, const char *words, bool on);

/* As command line: what o has other than the plain ones. */
void options_print_line(const struct options *o, FILE *out);

/* What the table does not know of o, as an offset; SIZE_MAX: it knows all. */
size_t options_unknown(const struct options *o);

#endif
