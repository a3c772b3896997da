/* SPDX-License-Identifier: MIT */
/* Reading what raidctl wrote.  Nothing in it is trusted but as a text. */
#include "attach.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "config.h"

void
attach_dir(const struct config *c, const char *name, char *out,
	   unsigned long out_bytes)
{
	const char *slash = strrchr(c->socket, '/');

	snprintf(out, out_bytes, "%.*sattach/%s",
		 slash ? (int)(slash - c->socket) + 1 : 0, c->socket, name);
}

static void
attach_text(const json_t *state, const char *key, char *out, size_t bytes)
{
	const char *text = json_string_value(json_object_get(state, key));

	snprintf(out, bytes, "%s", text ? text : "");
}

bool
attach_read(const struct config *c, const char *name, struct attachment *out)
{
	char dir[512];
	char path[544];
	json_t *state;

	attach_dir(c, name, dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/state.json", dir);
	state = json_load_file(path, 0, NULL);
	if (!state)
		return false;
	attach_text(state, "method", out->method, sizeof(out->method));
	attach_text(state, "device", out->device, sizeof(out->device));
	json_decref(state);
	return true;
}
