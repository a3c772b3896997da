/* SPDX-License-Identifier: MIT */
/* Stopping, destroying, and taking a leg out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrays.h"
#include "attach.h"
#include "check.h"
#include "config.h"
#include "device.h"
#include "log.h"
#include "poll.h"
#include "probe.h"
#include "take.h"
#include "volume.h"

#define NS_PER_S 1000000000ull

void
array_stop_begin(struct array *array)
{
	if (!array->volume)
		return;
	volume_stop_begin(array->volume);
	/* Others are served while we wait, but not by this one. */
	array->ending = array->volume;
	array->volume = NULL;
	array->state = ARRAY_STOPPING;
}

/* One that the volume has: what lingers is found by its disks. */
static struct identity
stop_disk(const struct array *array)
{
	struct identity none = {0};

	for (uint32_t i = 0; i < array->sets * array->legs; i++) {
		const struct device *d = volume_device(
			array->ending, i / array->legs, i % array->legs);

		if (d->fd >= 0)
			return d->identity;
	}
	return none;
}

int
array_stop_wait(struct array *array, uint64_t end_ns, struct failure *f)
{
	struct identity id;
	char why[640] = "";
	int err;
	int res;

	if (!array->ending)
		return 0;
	id = stop_disk(array);
	res = volume_stop_wait(array->ending, end_ns);
	array->ending = NULL;
	array->state = ARRAY_STOPPED;
	if (!res)
		return 0;
	err = failure_set(
		f, MSG_STOP_FAILED, "'%s' did not stop clean: %s", array->name,
		res == -ETIMEDOUT ? "a disk does not answer" : strerror(-res));
	if (res == -ETIMEDOUT && volume_lingers_on(&id, why, sizeof(why)))
		snprintf(why + strlen(why), sizeof(why) - strlen(why), "; ");
	failure_cause(f,
		      "%sa set could not be flushed or marked clean; nothing "
		      "that was acknowledged is lost, the next start resyncs",
		      why);
	log_error(array->name, "%s", f->what);
	return err;
}

int
array_stop(struct array *array, struct failure *f)
{
	uint64_t wait_ns = array->home->config->hang_wait_s * NS_PER_S;

	if (!array->volume)
		array->state = ARRAY_STOPPED;
	array_stop_begin(array);
	return array_stop_wait(array, poll_clock_ns() + wait_ns, f);
}

/* All of them, or none: what another program holds is not ours to wipe. */
static int
destroy_open(const struct array *array, struct device *devices, unsigned *count,
	     struct failure *f)
{
	*count = 0;
	for (const struct candidate *c = array->found; c; c = c->next) {
		int res = take_open(c->path, 0, &devices[*count]);
		int err;

		if (!res) {
			(*count)++;
			continue;
		}
		err = failure_set(
			f, res == -EBUSY ? MSG_MEMBER_BUSY : MSG_DESTROY_FAILED,
			"cannot destroy '%s': %s: %s", array->name, c->path,
			strerror(-res));
		if (res == -EBUSY)
			failure_remedy(f, "see who has it: fuser -v %s",
				       c->path);
		return err;
	}
	return 0;
}

static void
destroy_forget(const struct array *array, const struct identity *id)
{
	struct arrays *a = array->home;

	for (const struct candidate *c = array->found; c; c = c->next)
		if (identity_same(&c->identity, id))
			known_forget(&a->known, c->sb.member_uuid);
	a->known_news = true;
}

static int
destroy_wipe(const struct array *array, struct device *devices, unsigned count,
	     struct failure *f)
{
	int first = 0;

	for (unsigned i = 0; i < count; i++) {
		int res = take_wipe(&devices[i]);

		if (!res) {
			log_notice(array->name, "superblocks of %s wiped",
				   devices[i].path);
			destroy_forget(array, &devices[i].identity);
			continue;
		}
		log_error(array->name, "superblocks of %s not wiped: %s",
			  devices[i].path, strerror(-res));
		if (first)
			continue;
		first = failure_set(f, MSG_DESTROY_FAILED, "cannot wipe %s: %s",
				    devices[i].path, strerror(-res));
		failure_remedy(f, "try again: raidctl destroy %s", array->name);
	}
	return first;
}

static int
destroy_members(const struct array *array, struct failure *f)
{
	unsigned count = 0;
	struct device *devices;
	int err;

	for (const struct candidate *c = array->found; c; c = c->next)
		count++;
	devices = calloc(count + 1, sizeof(*devices));
	if (!devices)
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	err = destroy_open(array, devices, &count, f);
	if (!err)
		err = destroy_wipe(array, devices, count, f);
	take_close(devices, count);
	return err;
}

int
array_destroy(struct array *array, struct failure *f)
{
	struct arrays *a = array->home;
	uint8_t uuid[16];
	int err = 0;

	/* Found anew, the members are what a scan says they are. */
	memcpy(uuid, array->uuid, 16);
	array->state = ARRAY_STOPPED;
	if (arrays_scan(a, PROBE_NS))
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	array = arrays_of_uuid(a, uuid);
	if (array)
		err = destroy_members(array, f);
	if (arrays_scan(a, PROBE_NS))
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	return err;
}

struct fail_call {
	uint32_t set;
	uint32_t leg;
	int res;
};

static void
array_fail_call(struct raid *r, void *arg)
{
	struct fail_call *call = arg;

	call->res = raid_member_fail(r, call->set, call->leg);
}

int
array_member_fail(struct array *array, uint32_t set, uint32_t leg,
		  struct failure *f)
{
	struct fail_call call = {.set = set, .leg = leg};
	int err;

	CHECK(array->volume);
	volume_call(array->volume, array_fail_call, &call);
	switch (call.res) {
	case 0:
		return 0;
	case -ENOENT:
		return failure_set(f, MSG_LEG_UNKNOWN, "'%s' has no leg %u.%u",
				   array->name, set, leg);
	case -EALREADY:
		err = failure_set(f, MSG_LEG_OUT, "leg %u.%u is out already",
				  set, leg);
		failure_remedy(f, "nothing is to be done; how it is: raidctl "
				  "status %s",
			       array->name);
		return err;
	case -EBUSY:
		err = failure_set(f, MSG_LAST_LEG,
				  "leg %u.%u is the last in-sync one of set "
				  "%u",
				  set, leg, set);
		failure_cause(f, "without it the array would lose data");
		failure_remedy(f, "leave it in; if its disk is bad, copy the "
				  "data elsewhere first: this version cannot "
				  "rebuild a leg");
		return err;
	default:
		return failure_set(f, MSG_FAIL_FAILED,
				   "leg %u.%u could not be failed: %s", set,
				   leg, strerror(-call.res));
	}
}
