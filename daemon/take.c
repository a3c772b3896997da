/* SPDX-License-Identifier: MIT */
#include "take.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "poll.h"
#include "probe.h"

struct take {
	uint64_t wait_ns;
	bool read_only;
	struct device device;
	struct candidate *candidate; /* a copy; NULL: only open */
};

static void
take_free(void *arg)
{
	struct take *t = arg;

	device_close(&t->device);
	candidate_free(t->candidate);
	free(t);
}

static int
take_look(void *arg)
{
	struct take *t = arg;
	/* device_open empties what it fills. */
	char path[PATH_MAX];

	memcpy(path, t->device.path, sizeof(path));
	int err = t->read_only ? device_open_readonly(&t->device, path,
						      t->wait_ns)
			       : device_open(&t->device, path, t->wait_ns);

	if (!err && t->candidate)
		candidate_read(t->candidate, &t->device);
	return err;
}

static struct take *
take_new(const char *path, uint64_t wait_ns)
{
	struct take *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->device.fd = -1;
	t->wait_ns = wait_ns;
	strncpy(t->device.path, path, sizeof(t->device.path) - 1);
	return t;
}

/* t is gone afterwards, or will be. */
static int
take_run(struct take *t, const char *path, struct candidate *c,
	 struct device *out)
{
	int err = probe(path, poll_clock_ns() + t->wait_ns + PROBE_NS,
			take_look, t, take_free);

	if (err == -ETIMEDOUT || err == -ENOMEM)
		return err;
	if (!err) {
		*out = t->device;
		t->device.fd = -1;
		if (c)
			candidate_update(c, t->candidate);
	}
	take_free(t);
	return err;
}

int
take_open(const char *path, uint64_t wait_ns, struct device *out)
{
	struct take *t = take_new(path, wait_ns);

	out->fd = -1;
	return t ? take_run(t, path, NULL, out) : -ENOMEM;
}

static int
take_member_as(struct candidate *c, uint64_t wait_ns, bool read_only,
	       struct device *out)
{
	struct take *t = take_new(c->path, wait_ns);

	out->fd = -1;
	if (!t)
		return -ENOMEM;
	t->read_only = read_only;
	t->candidate = candidate_copy(c);
	if (!t->candidate) {
		take_free(t);
		return -ENOMEM;
	}
	return take_run(t, c->path, c, out);
}

int
take_member(struct candidate *c, uint64_t wait_ns, struct device *out)
{
	return take_member_as(c, wait_ns, false, out);
}

int
take_member_readonly(struct candidate *c, uint64_t wait_ns, struct device *out)
{
	return take_member_as(c, wait_ns, true, out);
}

static int
wipe_look(void *arg)
{
	const struct take *t = arg;
	const struct device *d = &t->device;
	void *zeros;
	int err = 0;

	if (posix_memalign(&zeros, 4096, SB_BYTES))
		return -ENOMEM;
	memset(zeros, 0, SB_BYTES);
	for (unsigned i = 0; i < 2 * SB_SLOTS && !err; i++)
		err = device_write(
			d, zeros, SB_BYTES,
			sb_offset(d->bytes, i / SB_SLOTS, i % SB_SLOTS));
	if (!err)
		err = device_flush(d);
	free(zeros);
	return err;
}

int
take_wipe(struct device *d)
{
	struct take *t = take_new(d->path, 0);
	int err;

	if (!t)
		return -ENOMEM;
	t->device = *d;
	d->fd = -1;
	err = probe(t->device.path, poll_clock_ns() + PROBE_NS, wipe_look, t,
		    take_free);
	if (err == -ETIMEDOUT || err == -ENOMEM)
		return err;
	d->fd = t->device.fd;
	t->device.fd = -1;
	take_free(t);
	return err;
}

struct closing {
	struct device *devices;
	unsigned count;
};

static int
closing_look(void *arg)
{
	struct closing *c = arg;

	for (unsigned i = 0; i < c->count; i++)
		device_close(&c->devices[i]);
	return 0;
}

static void
closing_free(void *arg)
{
	struct closing *c = arg;

	/* If there was no thread to be had. */
	closing_look(c);
	free(c->devices);
	free(c);
}

void
take_close(struct device *devices, unsigned count)
{
	struct closing *c = malloc(sizeof(*c));
	char name[PATH_MAX + 32] = "members";

	for (unsigned i = 0; i < count; i++)
		if (devices[i].fd >= 0)
			snprintf(name, sizeof(name), "closing %s",
				 devices[i].path);
	if (!c) {
		closing_look(&(struct closing){devices, count});
		free(devices);
		return;
	}
	*c = (struct closing){devices, count};
	int err = probe(name, poll_clock_ns() + PROBE_NS, closing_look, c,
			closing_free);

	if (err != -ETIMEDOUT && err != -ENOMEM)
		closing_free(c);
}

void
take_close_one(struct device *d)
{
	struct device *copy;

	if (d->fd < 0)
		return;
	copy = malloc(sizeof(*copy));
	if (!copy) {
		device_close(d);
		return;
	}
	*copy = *d;
	d->fd = -1;
	take_close(copy, 1);
}
