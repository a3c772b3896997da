/* SPDX-License-Identifier: MIT */
/*
 * Starting an array: take its members, decide, hand them to a volume.
 *
 * What a scan read is a hint.  The members it calls in-sync are opened
 * exclusively, which waits for what a dead daemon may still have in flight
 * (R10); then their superblocks are read again, and only then R14 and R15
 * decide.  If that second look changes who is in-sync, all begins anew.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arrays.h"
#include "check.h"
#include "config.h"
#include "device.h"
#include "log.h"
#include "memory.h"
#include "notes.h"
#include "poll.h"
#include "take.h"
#include "volume.h"

#define NS_PER_S   1000000000ull
#define ROUNDS_MAX 3u
#define LEGS_MAX   (SB_SETS_MAX * SB_LEGS_MAX)

struct start {
	struct array *array;
	enum start_mode mode;
	enum log_level level; /* of what was not said before */
	uint64_t deadline_ns; /* for busy members */
	struct candidate *owner[LEGS_MAX];
	struct device devices[LEGS_MAX]; /* [i] is owner[i]'s */
	unsigned count;
};

static struct device *
start_device(struct start *s, const struct candidate *c)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->owner[i] == c)
			return &s->devices[i];
	return NULL;
}

static void
start_close(struct start *s)
{
	for (unsigned i = 0; i < s->count; i++)
		take_close_one(&s->devices[i]);
	s->count = 0;
}

/* Take one member; if that fails it counts as absent, and says why. */
static void
start_take(struct start *s, struct candidate *c)
{
	struct device *d = &s->devices[s->count];
	uint64_t now_ns = poll_clock_ns();
	uint64_t wait_ns =
		s->deadline_ns > now_ns ? s->deadline_ns - now_ns : 0;
	int err = s->mode == START_SALVAGE ? take_member_readonly(c, wait_ns, d)
					   : take_member(c, wait_ns, d);

	/* Nobody waits for a start that is broken off. */
	if (err && poll_is_stopping())
		s->level = LOG_DEBUG_;
	if (err) {
		c->res = err;
		log_line(s->level, s->array->name, "member %s (serial %s): %s",
			 c->path, identity_serial(&c->identity),
			 err == -EBUSY       ? "busy"
			 : err == -ETIMEDOUT ? candidate_trouble(err)
					     : strerror(-err));
		return;
	}
	s->owner[s->count++] = c;
	if (!c->res && memcmp(c->sb.array_uuid, s->array->uuid, 16))
		c->res = -ESTALE;
	if (c->res)
		log_line(s->level, s->array->name, "member %s (serial %s): %s",
			 c->path, identity_serial(&c->identity),
			 candidate_trouble(c->res));
	else if (c->bad_copies)
		log_line(s->level, s->array->name,
			 "member %s (serial %s): %u of its 4 superblock copies "
			 "are damaged; the others serve",
			 c->path, identity_serial(&c->identity), c->bad_copies);
}

static bool
start_rescues(const struct start *s)
{
	return s->mode == START_SALVAGE || s->mode == START_RECOVER;
}

/* In-sync; of what is rescued, any of the line (raid/salvage.c). */
static bool
start_wants(const struct start *s, const struct candidate *c)
{
	enum assemble_role role;

	if (c->index < 0 || s->count >= LEGS_MAX)
		return false;
	role = s->array->assembly->role[c->index];
	return role == ROLE_IN_SYNC ||
	       (start_rescues(s) &&
		(role == ROLE_STALE || role == ROLE_FAILED));
}

/* Open all that is in-sync, until a round changes nothing. */
static int
start_take_all(struct start *s)
{
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		bool took = false;
		int err = array_assemble(s->array);

		if (err || !s->array->assembly)
			return err;
		for (struct candidate *c = s->array->found; c; c = c->next) {
			if (!start_wants(s, c) || start_device(s, c))
				continue;
			start_take(s, c);
			took = true;
		}
		if (!took)
			return 0;
	}
	return array_assemble(s->array);
}

/* The places asked for, named, in one line. */
static void
start_list(const struct array *array, const bool *places, char *out,
	   size_t out_bytes)
{
	const struct sb *sb = array_superblock(array);
	size_t used = 0;

	out[0] = '\0';
	for (uint32_t set = 0; set < sb->geometry.sets; set++) {
		for (uint32_t leg = 0; leg < sb->geometry.legs; leg++) {
			char name[512];
			int n;

			if (!places[set * SB_PLACES_MAX + leg])
				continue;
			array_name_leg(array, sb, set, leg, name, sizeof(name));
			n = snprintf(out + used, out_bytes - used, "%s%s",
				     used ? ", " : "", name);
			if (n < 0 || (size_t)n >= out_bytes - used)
				return;
			used += (size_t)n;
		}
	}
}

static void
start_remedy(const struct array *array, struct failure *f, bool can_force)
{
	if (can_force)
		failure_remedy(
			f,
			"bring the member back, then it starts by "
			"itself; or, if it is gone for good and what it "
			"alone may have is to be given up: raidctl start "
			"%s --degraded",
			array->name);
	else
		failure_remedy(f,
			       "bring the members back, then it starts by "
			       "itself; what the others hold can be read: "
			       "raidctl start %s --salvage",
			       array->name);
}

static const struct candidate *
start_busy(const struct array *array)
{
	for (const struct candidate *c = array->found; c; c = c->next)
		if (c->res == -EBUSY)
			return c;
	return NULL;
}

static int
start_refuse_busy(const struct array *array, const struct candidate *busy,
		  struct failure *f)
{
	int err =
		failure_set(f, MSG_MEMBER_BUSY, "cannot start '%s': %s is busy",
			    array->name, busy->path);
	char why[640];

	if (volume_lingers_on(&busy->identity, why, sizeof(why))) {
		failure_cause(f, "raidd itself still has it: %s", why);
		failure_remedy(f, "see to that disk: as soon as it answers, or "
				  "is gone, its array can be started");
		return err;
	}
	failure_cause(f,
		      "another program has %s open (serial %s): another "
		      "raidd?",
		      busy->path, identity_serial(&busy->identity));
	failure_remedy(f, "see who: fuser -v %s", busy->path);
	return err;
}

static int
start_refuse_unusable(const struct array *array, struct failure *f)
{
	const struct candidate *c = array->found;
	int err =
		failure_set(f, MSG_SET_MISSING,
			    "cannot start '%s': no usable member", array->name);

	if (c)
		failure_cause(f, "%s: %s", c->path, candidate_trouble(c->res));
	return err;
}

static int
start_refuse_fork(const struct array *array, struct failure *f)
{
	int err = failure_set(f, MSG_ARRAY_FORKED,
			      "cannot start '%s': its halves went on apart "
			      "from each other",
			      array->name);

	failure_cause(f, "both were started, and neither holds what the other "
			 "was told");
	failure_remedy(f,
		       "decide which half is right, take the other's members "
		       "away (raidctl status %s names them), then: raidctl "
		       "start %s",
		       array->name, array->name);
	return err;
}

static int
start_refuse_absent(const struct array *array, struct failure *f)
{
	const struct assembly *as = array->assembly;
	char list[900];
	int err;

	if (as->verdict == ASSEMBLE_SET_MISSING) {
		start_list(array, as->missing, list, sizeof(list));
		err = failure_set(f, MSG_SET_MISSING,
				  "cannot start '%s': a set has no in-sync leg",
				  array->name);
		failure_cause(f, "absent: %s", list);
	} else {
		start_list(array, as->waits_for, list, sizeof(list));
		err = failure_set(f, MSG_ARRAY_WAITS,
				  "'%s' waits for absent members that may hold "
				  "newer data",
				  array->name);
		failure_cause(f,
			      "it may have gone on without those present; "
			      "any of these would settle it: %s",
			      list);
	}
	start_remedy(array, f, as->can_force);
	return err;
}

/* Not by itself: say which members it waits for. */
static int
start_refuse(const struct array *array, struct failure *f)
{
	const struct candidate *busy = start_busy(array);

	if (busy)
		return start_refuse_busy(array, busy, f);
	if (!array->assembly)
		return start_refuse_unusable(array, f);
	if (array->assembly->verdict == ASSEMBLE_FORKED)
		return start_refuse_fork(array, f);
	return start_refuse_absent(array, f);
}

static void
start_leg(struct start *s, struct raid_leg_config *leg, struct device *device,
	  const struct candidate *c)
{
	struct device *d = start_device(s, c);
	char text[PATH_MAX + 512];

	CHECK(d);
	*leg = (struct raid_leg_config){
		.present = true,
		.sector_bytes = d->sector_bytes,
		.write_through = d->write_through,
		.bytes = d->bytes,
		.sb_sequence = c->sequence,
		.sb_slot = c->slot,
	};
	memcpy(leg->member_uuid, c->sb.member_uuid, 16);
	if (device_commits_slowly(d, text, sizeof(text)))
		log_warning(s->array->name, "member %s", text);
	*device = *d;
	/* The volume closes it from here on. */
	d->fd = -1;
}

/* Who fills a place.  What is rescued may be behind: in-sync by the table,
 * yet gone back in time, it has no place in the assembly. */
static const struct candidate *
start_member(const struct start *s, uint32_t set, uint32_t leg,
	     uint64_t *behind_epoch)
{
	const struct assembly *as = s->array->assembly;
	int member = as->place[set * SB_PLACES_MAX + leg];

	*behind_epoch = 0;
	if (member >= 0 &&
	    (start_rescues(s) || as->role[member] == ROLE_IN_SYNC))
		return array_candidate(s->array, member);
	for (const struct candidate *c = s->array->found; c && start_rescues(s);
	     c = c->next) {
		if (c->index < 0 || as->role[c->index] != ROLE_STALE ||
		    c->sb.set != set || c->sb.leg != leg)
			continue;
		*behind_epoch = c->sb.history[0].number;
		return c;
	}
	return NULL;
}

/* The legs that take part; the rest of what was opened is let go. */
static void
start_legs(struct start *s, const struct sb *sb, struct raid_leg_config *legs,
	   struct device *devices)
{
	for (uint32_t set = 0; set < sb->geometry.sets; set++) {
		for (uint32_t leg = 0; leg < sb->geometry.legs; leg++) {
			uint32_t i = set * sb->geometry.legs + leg;
			uint64_t behind;
			const struct candidate *c =
				start_member(s, set, leg, &behind);

			devices[i].fd = -1;
			memcpy(legs[i].member_uuid,
			       sb_place_const(sb, set, leg)->member_uuid, 16);
			if (!c || !start_device(s, c))
				continue;
			start_leg(s, &legs[i], &devices[i], c);
			legs[i].behind_epoch = behind;
		}
	}
	start_close(s);
}

/* It was given up: which disk is it? */
static void
start_hangs(const struct array *array, struct failure *f)
{
	char why[640];

	for (const struct candidate *c = array->found; c; c = c->next) {
		if (!volume_lingers_on(&c->identity, why, sizeof(why)))
			continue;
		failure_cause(f, "%s", why);
		break;
	}
	failure_remedy(f, "see to that disk; the array starts by itself when "
			  "it answers, or with its other members when it is "
			  "gone");
}

static int
start_failed(const struct array *array, int res, struct failure *f)
{
	int err;

	if (res == -ETIMEDOUT) {
		err = failure_set(f, MSG_MEMBER_HANGS,
				  "cannot start '%s': a disk does not answer",
				  array->name);
		start_hangs(array, f);
		return err;
	}
	err = failure_set(f, MSG_START_FAILED, "cannot start '%s': %s",
			  array->name, strerror(-res));
	if (res == -ECANCELED) {
		failure_cause(f, "raidd is being stopped");
	} else if (res == -EUCLEAN) {
		failure_cause(f, "a set has no leg with whole metadata");
		failure_remedy(f,
			       "what is there can be read, and nothing is "
			       "written: raidctl start %s --salvage",
			       array->name);
	} else if (res == -EIO) {
		failure_cause(f, "superblocks could not be written to the "
				 "members");
	} else if (res == -ENOMEM) {
		failure_cause(f, "not enough memory, or less may be locked "
				 "(lock_memory) than is needed");
		failure_remedy(f, "lower [limits] in raidd.conf");
	}
	return err;
}

/* The disks that are legs now are no longer "found". */
static void
start_drop_served(struct array *array)
{
	struct candidate **at = &array->found;

	while (*at) {
		struct candidate *c = *at;

		if (!arrays_serve(array->home, &c->identity)) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		candidate_free(c);
	}
}

static int
start_volume(struct start *s, struct failure *f)
{
	struct array *array = s->array;
	const struct sb *sb = array_superblock(array);
	const struct config *c = array->home->config;
	bool force = array->assembly->verdict != ASSEMBLE_START;
	struct raid_leg_config legs[LEGS_MAX] = {0};
	struct device *devices = calloc(LEGS_MAX, sizeof(*devices));
	struct volume_config cfg = {
		.raid = {.sb = sb,
			 .force = force,
			 .bare = c->measure_bare,
			 .salvage = s->mode == START_SALVAGE,
			 .recover = s->mode == START_RECOVER,
			 .legs = legs,
			 .limits = memory_limits(array->home, sb),
			 .wall_s = (uint64_t)time(NULL)},
		.devices = devices,
		.name = array->name,
		.lock_memory = c->lock_memory,
		.queue_depth = (uint32_t)c->queue_depth,
		.wait_ns = c->hang_wait_s * NS_PER_S,
	};
	int res;

	if (!devices)
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	start_legs(s, sb, legs, devices);
	if (force && !start_rescues(s))
		log_warning(array->name,
			    "starting degraded by the operator's word");
	array->sums_cache_bytes = memory_of_pages(&cfg.raid);
	res = volume_start(&array->volume, &cfg, array->home->poller, notes_cb,
			   array);
	free(devices);
	if (res) {
		array->volume = NULL;
		return start_failed(array, res, f);
	}
	array->sets = sb->geometry.sets;
	array->legs = sb->geometry.legs;
	array->salvage = s->mode == START_SALVAGE;
	array->state = ARRAY_SERVING;
	array->why.message = MSG_NONE;
	start_drop_served(array);
	if (array_assemble(array))
		log_warning(array->name, "no memory to judge other disks");
	return 0;
}

static int
start_decide(struct start *s, struct failure *f)
{
	const struct assembly *as;
	int err = start_take_all(s);

	if (err)
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	as = s->array->assembly;
	if (!as)
		return start_refuse(s->array, f);
	if (as->verdict == ASSEMBLE_START && !start_rescues(s))
		return start_volume(s, f);
	if (!start_busy(s->array) &&
	    (start_rescues(s) || (s->mode == START_DEGRADED && as->can_force)))
		return start_volume(s, f);
	return start_refuse(s->array, f);
}

/* Exports are found by name: there can be one of a name. */
static int
start_name_is_free(const struct array *array, struct failure *f)
{
	const struct array *other = array->home->first;

	while (other && (other == array || !other->volume ||
			 strcmp(other->name, array->name)))
		other = other->next;
	if (!other)
		return 0;
	return failure_set(f, MSG_NAME_AMBIGUOUS,
			   "cannot start a second array named '%s'",
			   array->name);
}

int
array_start(struct array *array, enum start_mode mode, uint64_t wait_ns,
	    struct failure *f)
{
	struct start *s;
	int err;

	CHECK(!array->volume);
	err = start_name_is_free(array, f);
	if (err) {
		array->why = *f;
		return err;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	s->array = array;
	s->mode = mode;
	/* One that waits is tried again and again. */
	s->level = array->why.message ? LOG_DEBUG_ : LOG_WARNING;
	s->deadline_ns = poll_clock_ns() + wait_ns;
	err = start_decide(s, f);
	start_close(s);
	free(s);
	if (err)
		array->why = *f;
	return err;
}
