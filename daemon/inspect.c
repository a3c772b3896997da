/* SPDX-License-Identifier: MIT */
#include "inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blank.h"
#include "poll.h"
#include "probe.h"

struct who {
	struct identity identity;
	char path[];
};

static int
who_look(void *arg)
{
	struct who *w = arg;
	struct stat st;
	int err = stat(w->path, &st) < 0 ? -errno
					 : identity_of(&st, &w->identity);

	if (!err)
		identity_describe(&w->identity);
	return err;
}

int
inspect_identity(const char *path, struct identity *out)
{
	size_t bytes = strlen(path) + 1;
	struct who *w = calloc(1, sizeof(*w) + bytes);
	int err;

	memset(out, 0, sizeof(*out));
	if (!w)
		return -ENOMEM;
	memcpy(w->path, path, bytes);
	err = probe(path, poll_clock_ns() + PROBE_NS, who_look, w, free);
	if (err == -ETIMEDOUT || err == -ENOMEM)
		return err;
	*out = w->identity;
	free(w);
	return err;
}

void
inspect_free(struct inspection *in)
{
	if (in->device.fd >= 0)
		device_close(&in->device);
	candidate_free(in->candidate);
	free(in);
}

static void
inspect_drop(void *arg)
{
	inspect_free(arg);
}

static int
inspect_look(void *arg)
{
	struct inspection *in = arg;
	const char *path = in->candidate->path;
	int err = device_open(&in->device, path, 0);

	if (err)
		return err;
	blank_users(&in->candidate->identity, path, in->users,
		    sizeof(in->users));
	candidate_read(in->candidate, &in->device);
	in->signature_err =
		blank_probe(path, in->signature, sizeof(in->signature));
	return 0;
}

int
inspect_disk(const char *path, const struct identity *id,
	     struct inspection **out)
{
	struct inspection *in = calloc(1, sizeof(*in));
	int err;

	if (!in)
		return -ENOMEM;
	in->device.fd = -1;
	in->candidate = candidate_of(path);
	if (!in->candidate) {
		inspect_free(in);
		return -ENOMEM;
	}
	in->candidate->identity = *id;
	err = probe(path, poll_clock_ns() + PROBE_NS, inspect_look, in,
		    inspect_drop);
	if (!err)
		*out = in;
	else if (err != -ETIMEDOUT && err != -ENOMEM)
		inspect_free(in);
	return err;
}
