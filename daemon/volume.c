/* SPDX-License-Identifier: MIT */
/*
 * The control thread's side of a volume: what it was started with, its engine
 * thread, and the way its notes come back.
 */
#include "volume.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "check.h"
#include "engine.h"
#include "log.h"
#include "nbd_frontend.h"
#include "poll.h"

struct volume {
	struct engine engine;
	char name[SB_NAME_MAX + 1];
	struct geometry geometry;
	uint64_t bytes;
	struct device *devices;
	uint32_t device_count;
	struct poll_watch *watch; /* of the notebox */
	volume_note_f *note_cb;
	void *note_arg;
};

static void
volume_drain_notes(struct volume *v)
{
	struct raid_note note;

	notebox_silence(&v->engine.notebox);
	while (notebox_take(&v->engine.notebox, &note))
		v->note_cb(v, &note, v->note_arg);
	uint64_t lost = notebox_lost(&v->engine.notebox);

	if (lost)
		log_warning(v->name, "%llu notes came too fast and were lost",
			    (unsigned long long)lost);
}

static void
volume_rung(uint32_t events, void *arg)
{
	(void)events;
	volume_drain_notes(arg);
}

static void
close_devices(struct device *devices, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (devices[i].fd >= 0)
			device_close(&devices[i]);
}

static void
volume_free(struct volume *v)
{
	close_devices(v->devices, v->device_count);
	free(v->devices);
	free(v);
}

/* From here on the devices are the volume's. */
static struct volume *
volume_new(const struct volume_config *cfg)
{
	const struct geometry *g = &cfg->raid.sb->geometry;
	uint32_t count = g->sets * g->legs;
	struct volume *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->devices = calloc(count, sizeof(*v->devices));
	if (!v->devices) {
		free(v);
		return NULL;
	}
	memcpy(v->devices, cfg->devices, count * sizeof(*v->devices));
	v->device_count = count;
	v->geometry = *g;
	v->bytes = layout_array_bytes(g, &cfg->raid.sb->layout);
	strncpy(v->name, cfg->name, sizeof(v->name) - 1);
	return v;
}

/* On the thread that lingered: nobody else has the volume any more. */
static void
volume_left(void *arg)
{
	struct volume *v = arg;

	engine_fini(&v->engine);
	volume_free(v);
}

static int
volume_run(struct volume *v, const struct volume_config *cfg, bool *lingers)
{
	struct engine_config engine_cfg = {
		.raid = &cfg->raid,
		.devices = v->devices,
		.device_count = v->device_count,
		.queue_depth = cfg->queue_depth,
		.lock_memory = cfg->lock_memory,
		.name = v->name,
		.left = volume_left,
		.arg = v,
	};
	int rc = engine_init(&v->engine, &engine_cfg);

	if (rc)
		return rc;
	rc = engine_start(&v->engine, lingers);
	volume_drain_notes(v);
	if (*lingers)
		engine_let_go(&v->engine);
	else if (rc)
		engine_fini(&v->engine);
	else if (cfg->lock_memory && !v->engine.memory_locked)
		log_warning(v->name, "not all of its memory could be locked");
	return rc;
}

static int
volume_end(struct volume *v)
{
	bool lingers;
	int rc = engine_stop(&v->engine, &lingers);

	volume_drain_notes(v);
	if (lingers) {
		log_warning(v->name, "a disk still has I/O that was given up; "
			    "its members stay open until it answers");
		engine_let_go(&v->engine);
		return rc;
	}
	engine_fini(&v->engine);
	volume_free(v);
	return rc;
}

int
volume_start(struct volume **out, const struct volume_config *cfg,
	     struct poller *p, volume_note_f *note_cb, void *arg)
{
	struct volume *v = volume_new(cfg);

	if (!v) {
		const struct geometry *g = &cfg->raid.sb->geometry;

		for (uint32_t i = 0; i < g->sets * g->legs; i++) {
			struct device d = cfg->devices[i];

			device_close(&d);
		}
		return -ENOMEM;
	}
	v->note_cb = note_cb;
	v->note_arg = arg;
	bool lingers;
	int rc = volume_run(v, cfg, &lingers);

	if (lingers)
		return rc;
	if (rc)
		goto err_volume;
	rc = poll_add(p, v->engine.notebox.eventfd, EPOLLIN, volume_rung, v,
		      &v->watch);
	if (rc)
		goto err_engine;
	*out = v;
	return 0;

err_engine:
	volume_end(v);
	return rc;
err_volume:
	volume_free(v);
	return rc;
}

int
volume_stop(struct volume *v)
{
	poll_remove(v->watch);
	return volume_end(v);
}

const char *
volume_name(const struct volume *v)
{
	return v->name;
}

uint64_t
volume_bytes(const struct volume *v)
{
	return v->bytes;
}

uint32_t
volume_block_bytes(const struct volume *v)
{
	return v->geometry.block_bytes;
}

const struct device *
volume_device(const struct volume *v, uint32_t set, uint32_t leg)
{
	CHECK(set < v->geometry.sets);
	CHECK(leg < v->geometry.legs);
	return &v->devices[set * v->geometry.legs + leg];
}

struct raid_call {
	struct volume *v;
	void (*fn)(struct raid *r, void *arg);
	void *arg;
};

static void
raid_call_run(void *arg)
{
	struct raid_call *call = arg;

	call->fn(call->v->engine.raid, call->arg);
}

void
volume_call(struct volume *v, void (*fn)(struct raid *r, void *arg), void *arg)
{
	struct raid_call call = {.v = v, .fn = fn, .arg = arg};

	mailbox_call(&v->engine.mailbox, raid_call_run, &call);
}

static void
status_run(struct raid *r, void *arg)
{
	raid_status(r, arg);
}

void
volume_status(struct volume *v, struct raid_status *out)
{
	volume_call(v, status_run, out);
}

static void
superblock_run(struct raid *r, void *arg)
{
	struct sb *out = arg;

	*out = *raid_superblock(r);
}

void
volume_superblock(struct volume *v, struct sb *out)
{
	volume_call(v, superblock_run, out);
}

struct take_call {
	struct volume *v;
	int fd;
	uint32_t flags;
	int rc;
};

static void
take_run(void *arg)
{
	struct take_call *call = arg;

	call->rc =
		nbd_frontend_take(call->v->engine.nbd, call->fd, call->flags);
}

int
volume_take_nbd(struct volume *v, int fd, uint32_t nbd_flags)
{
	struct take_call call = {.v = v, .fd = fd, .flags = nbd_flags};

	mailbox_call(&v->engine.mailbox, take_run, &call);
	return call.rc;
}

uint32_t
volume_connections(const struct volume *v)
{
	return nbd_frontend_connections(v->engine.nbd);
}
