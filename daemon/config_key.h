/* SPDX-License-Identifier: MIT */
/* The keys of raidd.conf: a table, and how a value is understood. */
#ifndef RAIDD_CONFIG_KEY_H
#define RAIDD_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

/* As Debian's libinih was built. */
#define INI_LINE_BYTES  200

#define CONFIG_KEYS_MAX 64u

enum key_type { KEY_TEXT, KEY_GLOBS, KEY_BOOL, KEY_UINT, KEY_INT, KEY_WORD };

struct key {
	const char *section;
	const char *name;
	enum key_type type;
	size_t at; /* in struct config */
	const char *def;
	int64_t min;
	int64_t max;
	const char *const *words;
	const char *help;
};

extern const struct key config_keys[];
extern const unsigned config_key_count;

/* 0; -EINVAL, -ERANGE, -ENAMETOOLONG or -E2BIG.  more: a further line of a
 * list. */
int key_set(struct config *c, const struct key *k, const char *value,
	    bool more);

/* Whole, or not at all. */
int text_set(char *to, size_t room, const char *text);

#endif
