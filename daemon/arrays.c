/* SPDX-License-Identifier: MIT */
/*
 * The registry: who is served, who was found, and looking again.
 */
#include "arrays.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "check.h"
#include "config.h"
#include "log.h"
#include "nbd.h"
#include "poll.h"
#include "remember.h"
#include "volume.h"

#define NS_PER_S 1000000000ull
/* Who asks while all starts is answered when all has; but not for longer. */
#define QUIET_NS 3000000000ull

void
arrays_init(struct arrays *a, const struct config *c, struct poller *p)
{
	*a = (struct arrays){.config = c, .poller = p};
	remember_load(&a->known, c->members_file);
}

static void
candidates_free(struct candidate **list)
{
	while (*list) {
		struct candidate *c = *list;

		*list = c->next;
		candidate_free(c);
	}
}

static void
array_forget_found(struct array *array)
{
	candidates_free(&array->found);
	free(array->assembly);
	array->assembly = NULL;
}

void
arrays_remove(struct array *array)
{
	struct array **at = &array->home->first;

	CHECK(!array->volume);
	while (*at != array)
		at = &(*at)->next;
	*at = array->next;
	array_forget_found(array);
	faults_fini(&array->faults);
	free(array);
}

void
arrays_fini(struct arrays *a)
{
	if (a->rescan)
		poll_remove(a->rescan);
	a->rescan = NULL;
	while (a->first)
		arrays_remove(a->first);
	candidates_free(&a->strays);
	known_free(&a->known);
}

struct array *
arrays_of_uuid(struct arrays *a, const uint8_t uuid[16])
{
	struct array *array = a->first;

	while (array && memcmp(array->uuid, uuid, 16))
		array = array->next;
	return array;
}

struct array *
arrays_add(struct arrays *a, const uint8_t uuid[16], const char *name)
{
	struct array *array = calloc(1, sizeof(*array));
	struct array **end = &a->first;

	if (!array)
		return NULL;
	array->home = a;
	memcpy(array->uuid, uuid, 16);
	snprintf(array->name, sizeof(array->name), "%s", name);
	while (*end)
		end = &(*end)->next;
	*end = array;
	return array;
}

int
arrays_find(struct arrays *a, const char *key, struct array **out,
	    struct failure *f)
{
	struct array *hit = NULL;
	unsigned hits = 0;
	uuid_t uuid;

	if (!uuid_parse(key, uuid)) {
		hit = arrays_of_uuid(a, uuid);
		hits = hit ? 1 : 0;
	}
	for (struct array *array = a->first; array && !hit; array = array->next)
		if (!strcmp(array->name, key) && ++hits == 1)
			*out = array;
	if (hits == 1) {
		if (hit)
			*out = hit;
		return 0;
	}
	if (hits) {
		failure_set(f, MSG_NAME_AMBIGUOUS, "%u arrays are named '%s'",
			    hits, key);
		failure_remedy(f, "name it by its UUID: raidctl list");
		return -ENOTUNIQ;
	}
	failure_set(f, MSG_ARRAY_UNKNOWN, "there is no array '%s'", key);
	failure_cause(f, "no disk that was looked at carries a superblock of "
			 "an array of that name");
	failure_remedy(f, "see what there is: raidctl list; where is looked: "
			  "'scan' in raidd.conf");
	return -ENOENT;
}

int
arrays_find_serving(struct arrays *a, const char *key, struct array **out,
		    struct failure *f)
{
	int err = arrays_find(a, key, out, f);

	if (err || (*out)->volume)
		return err;
	err = failure_set(f, MSG_NOT_STARTED, "'%s' is not started",
			  (*out)->name);
	failure_remedy(f, "raidctl start %s", (*out)->name);
	return err;
}

static bool
array_serves(const struct array *array, const struct identity *id)
{
	for (uint32_t i = 0; i < array->sets * array->legs; i++) {
		const struct device *d = volume_device(
			array->volume, i / array->legs, i % array->legs);

		if (d && d->fd >= 0 && identity_same(&d->identity, id))
			return true;
	}
	return false;
}

bool
arrays_serve(const struct arrays *a, const struct identity *id)
{
	for (struct array *array = a->first; array; array = array->next)
		if (array->volume && array_serves(array, id))
			return true;
	return false;
}

static bool
arrays_skip(const struct identity *id, void *arg)
{
	return arrays_serve(arg, id);
}

const struct sb *
array_superblock(const struct array *array)
{
	static struct sb served;
	const struct candidate *c;

	if (array->volume) {
		volume_superblock(array->volume, &served);
		return &served;
	}
	if (!array->assembly)
		return NULL;
	c = array_candidate(array, (int)array->assembly->freshest);
	return c ? &c->sb : NULL;
}

struct candidate *
array_candidate(const struct array *array, int index)
{
	struct candidate *c = array->found;

	while (c && c->index != index)
		c = c->next;
	return index < 0 ? NULL : c;
}

int
array_assemble(struct array *array)
{
	const struct sb *sbs[ASSEMBLE_MEMBERS_MAX];
	unsigned count = 0;

	free(array->assembly);
	array->assembly = NULL;
	if (array->volume)
		sbs[count++] = array_superblock(array);
	for (struct candidate *c = array->found; c; c = c->next) {
		c->index = -1;
		if (c->res || count == ASSEMBLE_MEMBERS_MAX)
			continue;
		c->index = (int)count;
		sbs[count++] = &c->sb;
	}
	if (!count)
		return 0;
	array->assembly = calloc(1, sizeof(*array->assembly));
	if (!array->assembly)
		return -ENOMEM;
	assemble(sbs, count, array->assembly);
	return 0;
}

static void
candidate_append(struct candidate **list, struct candidate *c)
{
	while (*list)
		list = &(*list)->next;
	c->next = NULL;
	*list = c;
}

int
arrays_know(struct arrays *a, const uint8_t member_uuid[16], const char *path,
	    const struct identity *id)
{
	a->known_news |= known_is_news(a->known, member_uuid, path, id->serial);
	return known_note(&a->known, member_uuid, path, id->serial, id->model);
}

/* Takes c. */
static int
arrays_sort_in(struct arrays *a, struct candidate *c)
{
	struct array *array;

	if (!candidate_has_array(c)) {
		candidate_append(&a->strays, c);
		return 0;
	}
	array = arrays_of_uuid(a, c->sb.array_uuid);
	if (!array)
		array = arrays_add(a, c->sb.array_uuid, c->sb.name);
	if (!array ||
	    arrays_know(a, c->sb.member_uuid, c->path, &c->identity)) {
		candidate_free(c);
		return -ENOMEM;
	}
	candidate_append(&array->found, c);
	return 0;
}

/* Of each disk in trouble, say so when it is new. */
static void
strays_log(const struct candidate *now, const struct candidate *before)
{
	for (; now; now = now->next) {
		const struct candidate *b = before;

		while (b && !(identity_same(&b->identity, &now->identity) &&
			      b->res == now->res))
			b = b->next;
		if (!b)
			log_warning(NULL, "%s (serial %s): not used: %s",
				    now->path, identity_serial(&now->identity),
				    candidate_trouble(now->res));
	}
}

/* After a scan: what each found disk is for; arrays without any are gone. */
static int
arrays_settle(struct arrays *a)
{
	struct array *next;

	for (struct array *array = a->first; array; array = next) {
		int err = array_assemble(array);

		next = array->next;
		if (err)
			return err;
		if (!array->volume && !array->found)
			arrays_remove(array);
	}
	return 0;
}

void
arrays_remember(struct arrays *a)
{
	if (a->known_news)
		remember_save(a->known, a->config->members_file);
	a->known_news = false;
}

int
arrays_scan(struct arrays *a, uint64_t wait_ns)
{
	const char **paths = known_paths(a->known);
	struct candidate *before = a->strays;
	struct scan scan;
	int err;

	if (!paths)
		return -ENOMEM;
	err = scan_disks(&scan, a->config, paths, poll_clock_ns() + wait_ns,
			 arrays_skip, a);
	free(paths);
	if (err)
		return err;
	a->strays = NULL;
	for (struct array *array = a->first; array; array = array->next)
		array_forget_found(array);
	while (scan.first) {
		struct candidate *c = scan.first;
		int res;

		scan.first = c->next;
		res = arrays_sort_in(a, c);
		if (!err)
			err = res;
	}
	strays_log(a->strays, before);
	candidates_free(&before);
	arrays_remember(a);
	return err ? err : arrays_settle(a);
}

/* Would looking again help it?  What the operator must decide would not. */
static bool
array_is_worth_trying(const struct array *array)
{
	if (array->state != ARRAY_WAITING)
		return false;
	switch (array->why.message) {
	case MSG_NONE:
	case MSG_ARRAY_WAITS:
	case MSG_SET_MISSING:
	case MSG_MEMBER_BUSY:
	case MSG_MEMBER_HANGS:
		return true;
	default:
		return false;
	}
}

static void
array_try(struct array *array, uint64_t wait_ns)
{
	struct failure before = array->why;
	struct failure f;

	if (!array_is_worth_trying(array) ||
	    !array_start(array, START_ALONE, wait_ns, &f) ||
	    poll_is_stopping())
		return;
	if (f.message == before.message && !strcmp(f.cause, before.cause))
		return;
	log_warning(array->name, "not started: RD-%u %s",
		    message_number(f.message), f.what);
	if (f.cause[0])
		log_warning(array->name, "cause: %s", f.cause);
	if (f.remedy[0])
		log_warning(array->name, "remedy: %s", f.remedy);
}

static bool
arrays_all_serve(const struct arrays *a)
{
	for (const struct array *array = a->first; array; array = array->next)
		if (array_is_worth_trying(array))
			return false;
	return a->first != NULL;
}

static void
arrays_try(struct arrays *a, uint64_t wait_ns)
{
	if (arrays_scan(a, wait_ns)) {
		log_error(NULL, "no memory to look for arrays");
		return;
	}
	for (struct array *array = a->first; array && !poll_is_stopping();
	     array = array->next)
		array_try(array, wait_ns);
}

static void
arrays_rescan(void *arg)
{
	struct arrays *a = arg;

	a->rescan = NULL;
	if (!poll_is_awaiting() && !arrays_all_serve(a))
		arrays_try(a, 0);
	if (poll_timer(a->poller, a->config->rescan_s * NS_PER_S, arrays_rescan,
		       a, &a->rescan))
		log_error(NULL, "no timer: not looking for members any more");
}

void
arrays_start_all(struct arrays *a)
{
	a->quiet_until_ns = poll_clock_ns() + QUIET_NS;
	arrays_try(a, a->config->start_wait_s * NS_PER_S);
	a->quiet_until_ns = 0;
	if (!a->first)
		log_notice(NULL, "no array found");
	if (a->config->rescan_s &&
	    poll_timer(a->poller, a->config->rescan_s * NS_PER_S, arrays_rescan,
		       a, &a->rescan))
		log_error(NULL, "no timer: not looking for members again");
}

int
arrays_stop_all(struct arrays *a)
{
	uint64_t end_ns = poll_clock_ns() + a->config->hang_wait_s * NS_PER_S;
	int err = 0;

	for (struct array *array = a->first; array; array = array->next)
		array_stop_begin(array);
	for (struct array *array = a->first; array; array = array->next) {
		struct failure f;
		int res = array_stop_wait(array, end_ns, &f);

		if (res && !err)
			err = res;
	}
	return err;
}

static struct volume *
exports_find(void *arg, const char *name)
{
	const struct arrays *a = arg;

	for (struct array *array = a->first; array; array = array->next)
		if (array->volume && !strcmp(array->name, name))
			return array->volume;
	return NULL;
}

static struct volume *
exports_at(void *arg, unsigned index)
{
	const struct arrays *a = arg;

	for (struct array *array = a->first; array; array = array->next)
		if (array->volume && !index--)
			return array->volume;
	return NULL;
}

struct nbd_exports
arrays_exports(struct arrays *a)
{
	return (struct nbd_exports){
		.find = exports_find, .at = exports_at, .arg = a};
}

void
array_name_leg(const struct array *array, const struct sb *sb, uint32_t set,
	       uint32_t leg, char *out, size_t out_bytes)
{
	const struct sb_place *place = sb_place_const(sb, set, leg);
	const struct known *k =
		known_find(array->home->known, place->member_uuid);
	char uuid[UUID_TEXT_MAX];

	uuid_unparse_lower(place->member_uuid, uuid);
	if (k && k->seen)
		snprintf(out, out_bytes, "%u.%u (%s, serial %s)", set, leg,
			 k->path, k->serial[0] ? k->serial : "unknown");
	else if (k)
		snprintf(out, out_bytes, "%u.%u (serial %s, last seen as %s)",
			 set, leg, k->serial[0] ? k->serial : "unknown",
			 k->path);
	else
		snprintf(out, out_bytes, "%u.%u (member %s, not seen)", set,
			 leg, uuid);
}
