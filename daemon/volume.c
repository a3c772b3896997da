/* SPDX-License-Identifier: MIT */
/*
 * The control thread's side of a volume: what it was started with, its engine
 * thread, and the way its notes come back.
 */
#include "volume.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "check.h"
#include "engine.h"
#include "log.h"
#include "nbd_frontend.h"
#include "poll.h"
#include "take.h"

struct volume {
	struct engine engine;
	char name[SB_NAME_MAX + 1];
	struct geometry geometry;
	uint64_t bytes;
	bool read_only;
	struct device *devices;
	uint32_t device_count;
	struct poll_watch *watch; /* of the notebox */
	volume_note_f *note_cb;
	void *note_arg;
	/* It was let go: in the list of those, and what it waits for. */
	struct volume *next;
	char waits_for[640];
};

/* Volumes that were let go; they leave by themselves, on their threads. */
static struct volume *lingering;
static pthread_mutex_t lingering_lock = PTHREAD_MUTEX_INITIALIZER;

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
volume_free(struct volume *v)
{
	take_close(v->devices, v->device_count);
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
	v->read_only = cfg->raid.salvage;
	v->bytes = layout_array_bytes(g, &cfg->raid.sb->layout);
	strncpy(v->name, cfg->name, sizeof(v->name) - 1);
	return v;
}

/* Nobody else has the volume any more. */
static void
volume_left(void *arg)
{
	struct volume *v = arg;
	struct volume **at = &lingering;

	pthread_mutex_lock(&lingering_lock);
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	pthread_mutex_unlock(&lingering_lock);
	log_notice(v->name, "its disks answer again; its members are free");
	engine_fini(&v->engine);
	for (uint32_t i = 0; i < v->device_count; i++)
		device_close(&v->devices[i]);
	free(v->devices);
	free(v);
}

/* The leg that keeps us longest; NULL: none. */
static const struct raid_leg_status *
worst_leg(const struct volume *v, const struct raid_status *st)
{
	const struct raid_leg_status *worst = &st->legs[0];

	for (uint32_t i = 1; i < v->device_count; i++) {
		const struct raid_leg_status *l = &st->legs[i];

		if (l->oldest_ns > worst->oldest_ns ||
		    (l->oldest_ns == worst->oldest_ns &&
		     l->abandoned > worst->abandoned))
			worst = l;
	}
	return worst->oldest_ns || worst->abandoned ? worst : NULL;
}

static void
volume_look_for_cause(struct volume *v)
{
	struct raid_status st;
	int n;

	engine_status(&v->engine, &st);
	const struct raid_leg_status *worst = worst_leg(v, &st);
	uint32_t i = worst ? (uint32_t)(worst - st.legs) : 0;
	const struct device *d = &v->devices[i];

	if (!worst) {
		snprintf(v->waits_for, sizeof(v->waits_for),
			 "no disk is waited for: what keeps it is not known");
		return;
	}
	n = snprintf(v->waits_for, sizeof(v->waits_for),
		     "member %u.%u (%.400s, serial %s) has not answered",
		     i / v->geometry.legs, i % v->geometry.legs, d->path,
		     device_serial(d));
	if (worst->oldest_ns)
		snprintf(v->waits_for + n, sizeof(v->waits_for) - (size_t)n,
			 " for %" PRIu64 " s", worst->oldest_ns / 1000000000);
}

/* Its thread ends when it can.  stopped: it waits for what was given up only.
 */
static void
volume_linger(struct volume *v, bool stopped)
{
	volume_look_for_cause(v);
	log_warning(v->name, "%s; %s taken until it does", v->waits_for,
		    stopped ? "it stays" : "the array's members stay");
	for (uint32_t i = 0; stopped && i < v->device_count; i++)
		if (v->engine.released[i])
			take_close_one(&v->devices[i]);
	pthread_mutex_lock(&lingering_lock);
	v->next = lingering;
	lingering = v;
	pthread_mutex_unlock(&lingering_lock);
	engine_let_go(&v->engine);
}

bool
volume_lingers_on(const struct identity *id, char *why, size_t why_bytes)
{
	bool found = false;

	pthread_mutex_lock(&lingering_lock);
	for (const struct volume *v = lingering; v && !found; v = v->next)
		for (uint32_t i = 0; i < v->device_count && !found; i++)
			if (v->devices[i].fd >= 0 &&
			    identity_same(&v->devices[i].identity, id)) {
				snprintf(why, why_bytes, "%s", v->waits_for);
				found = true;
			}
	pthread_mutex_unlock(&lingering_lock);
	return found;
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
	rc = engine_start(&v->engine, poll_clock_ns() + cfg->wait_ns, lingers);
	volume_drain_notes(v);
	if (*lingers)
		volume_linger(v, rc != -ETIMEDOUT);
	else if (rc)
		engine_fini(&v->engine);
	else if (cfg->lock_memory && !v->engine.memory_locked)
		log_warning(v->name, "not all of its memory could be locked");
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
	volume_stop_begin(v);
	volume_stop_wait(v, poll_clock_ns() + cfg->wait_ns);
	return rc;
err_volume:
	volume_free(v);
	return rc;
}

void
volume_stop_begin(struct volume *v)
{
	engine_stop_begin(&v->engine);
}

int
volume_stop_wait(struct volume *v, uint64_t end_ns)
{
	bool lingers;
	int rc = engine_stop_wait(&v->engine, end_ns, &lingers);

	if (v->watch)
		poll_remove(v->watch);
	volume_drain_notes(v);
	if (lingers) {
		volume_linger(v, rc != -ETIMEDOUT);
		return rc;
	}
	engine_fini(&v->engine);
	volume_free(v);
	return rc;
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

bool
volume_is_read_only(const struct volume *v)
{
	return v->read_only;
}

const struct geometry *
volume_geometry(const struct volume *v)
{
	return &v->geometry;
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

	bool run = mailbox_call(&v->engine.mailbox, raid_call_run, &call);

	/* Only what is being served is called. */
	CHECK(run);
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
	struct take_call call = {
		.v = v, .fd = fd, .flags = nbd_flags, .rc = -ESHUTDOWN};

	(void)mailbox_call(&v->engine.mailbox, take_run, &call);
	return call.rc;
}

uint32_t
volume_connections(const struct volume *v)
{
	return nbd_frontend_connections(v->engine.nbd);
}
