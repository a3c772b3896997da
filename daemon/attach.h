/* SPDX-License-Identifier: MIT */
/*
 * Block devices that raidctl made of our exports.  It leaves a file for each
 * beside the control socket, attach/NAME/state.json (doc/protocol.md); the
 * daemon only reads it.
 */
#ifndef RAIDD_ATTACH_H
#define RAIDD_ATTACH_H

#include <stdbool.h>

struct config;

struct attachment {
	char method[16]; /* "loop", "nbd" */
	char device[64]; /* "/dev/loop3"; "": half done */
};

/* The folder for this array. */
void attach_dir(const struct config *c, const char *name, char *out,
		unsigned long out_bytes);
/* False: not attached. */
bool attach_read(const struct config *c, const char *name,
		 struct attachment *out);

#endif
