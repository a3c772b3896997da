/* SPDX-License-Identifier: MIT */
/*
 * Members seen since the daemon started, or before (remember.h): a superblock
 * names an absent member by its UUID only, people want the path and the serial
 * number.
 */
#ifndef RAIDD_KNOWN_H
#define RAIDD_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "identity.h"

struct known {
	struct known *next;
	uint8_t member_uuid[16];
	char *path;
	bool seen; /* since we started: then the path may be looked at */
	char serial[IDENTITY_TEXT_MAX];
	char model[IDENTITY_TEXT_MAX];
};

/* Remember, or bring up to date.  0 or -ENOMEM. */
int known_note(struct known **list, const uint8_t member_uuid[16],
	       const char *path, const char *serial, const char *model);
/* One seen before we started.  No memory: then not. */
void known_recall(struct known **list, const uint8_t member_uuid[16],
		  const char *path, const char *serial, const char *model);
/* Would known_note() change anything that is worth remembering? */
bool known_is_news(const struct known *list, const uint8_t member_uuid[16],
		   const char *path, const char *serial);
void known_forget(struct known **list, const uint8_t member_uuid[16]);
/* NULL: never seen. */
const struct known *known_find(const struct known *list,
			       const uint8_t member_uuid[16]);
/* The paths of those seen, NULL ended; free() the array, not the strings. NULL:
 * no memory. */
const char **known_paths(const struct known *list);
void known_free(struct known **list);

#endif
