/* SPDX-License-Identifier: MIT */
/* The engine's notes, as lines of the log. */
#ifndef RAIDD_NOTES_H
#define RAIDD_NOTES_H

#include <stddef.h>

#include "note.h"

struct geometry;
struct volume;

/* What volume_start() is given; arg: the struct array. */
void notes_cb(struct volume *v, const struct raid_note *note, void *arg);

/* g: to say where on the device.  member: "1.0 (/dev/sdb, serial X)", or "set 1" when it is about no leg. */
void note_text(const struct raid_note *note, const struct geometry *g,
	       const char *member, char *out, size_t out_bytes);

#endif
