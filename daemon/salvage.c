/* SPDX-License-Identifier: MIT */
#include "salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "arrays.h"
#include "check.h"
#include "config.h"
#include "log.h"
#include "volume.h"

#define INT(n) json_integer((json_int_t)(n))

/* --- the report --- */

struct salvage_ask {
	uint32_t sets;
	struct raid_salvage *sets_out;
};

static void
salvage_ask_run(struct raid *r, void *arg)
{
	struct salvage_ask *ask = arg;

	for (uint32_t i = 0; i < ask->sets; i++)
		raid_salvage(r, i, &ask->sets_out[i]);
}

static json_t *
time_text(uint64_t seconds)
{
	char text[32];
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!seconds || !gmtime_r(&t, &tm))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static const char *
source_why(const struct raid_salvage *s)
{
	switch (s->source) {
	case SOURCE_WHOLE:
		return "in-sync legs with whole metadata: nothing is missing";
	case SOURCE_DAMAGED:
		return s->journal_damaged
			       ? "an in-sync leg, but its journal is damaged: "
				 "what later records said is lost"
			       : "an in-sync leg, but its region map is "
				 "damaged";
	case SOURCE_OLD:
		return "no in-sync leg can be used: the state of the freshest "
		       "other leg when it left";
	case SOURCE_NOTHING:
	case SOURCE_COUNT:
		break;
	}
	return "no leg here has metadata that can be read: all of it is EIO";
}

static json_t *
legs_of(const struct array *array, const struct sb *sb, uint32_t set,
	const struct raid_salvage *s)
{
	static const char *const words[] = {
		[USE_NONE] = "no", [USE_MAIN] = "yes", [USE_ASIDE] = "aside"};
	json_t *out = json_array();

	for (uint32_t leg = 0; leg < sb->geometry.legs; leg++) {
		char name[512];

		array_name_leg(array, sb, set, leg, name, sizeof(name));
		json_array_append_new(
			out, json_pack("{s:o,s:s,s:s}", "leg",
				       json_sprintf("%u.%u", set, leg),
				       "member", name, "read_from",
				       words[s->use[leg]]));
	}
	return out;
}

static json_t *
set_of(const struct array *array, const struct sb *sb, uint32_t set,
       const struct raid_salvage *s)
{
	bool any = s->source != SOURCE_NOTHING;
	bool old = s->source == SOURCE_OLD;

	return json_pack(
		"{s:I,s:s,s:s,s:o,s:o,s:o,s:o,s:b,s:b,s:o,s:o,s:o,s:I,s:I,"
		"s:b,s:I,s:I,s:I}",
		"set", (json_int_t)set, "source", raid_source_word(s->source),
		"why", source_why(s), "legs", legs_of(array, sb, set, s), "leg",
		any ? json_sprintf("%u.%u", set, s->leg) : json_null(), "epoch",
		any ? INT(s->epoch) : json_null(), "old_since",
		old ? time_text(s->changed_s) : json_null(), "journal_damaged",
		s->journal_damaged, "journal_torn", s->journal_torn,
		"journal_first",
		any ? INT(s->journal_first) : json_null(), "journal_last",
		any ? INT(s->journal_last) : json_null(), "journal_seen",
		s->journal_damaged ? INT(s->journal_seen) : json_null(),
		"map_blocks_lost", (json_int_t)s->map_blocks_lost,
		"regions_unknown", (json_int_t)s->regions_unknown,
		"unwritten_doubtful", s->unwritten_doubtful, "undecided_units",
		(json_int_t)s->undecided_units, "undecided_blocks",
		(json_int_t)s->undecided_blocks, "lost_blocks",
		(json_int_t)s->lost_blocks);
}

json_t *
salvage_report(const struct array *array)
{
	const struct sb *sb = array_superblock(array);
	uint32_t sets = sb->geometry.sets;
	struct raid_salvage *s = calloc(sets, sizeof(*s));
	struct salvage_ask ask = {.sets = sets, .sets_out = s};
	json_t *list = json_array();
	char uuid[UUID_TEXT_MAX];

	if (!s) {
		json_decref(list);
		return json_object();
	}
	volume_call(array->volume, salvage_ask_run, &ask);
	for (uint32_t i = 0; i < sets; i++)
		json_array_append_new(list, set_of(array, sb, i, &s[i]));
	free(s);
	uuid_unparse_lower(array->uuid, uuid);
	return json_pack("{s:s,s:s,s:I,s:o}", "name", array->name, "uuid", uuid,
			 "epoch", (json_int_t)sb->history[0].number, "sets",
			 list);
}

bool
salvage_is_whole(const struct array *array)
{
	uint32_t sets = array_superblock(array)->geometry.sets;
	struct raid_salvage *s = calloc(sets, sizeof(*s));
	struct salvage_ask ask = {.sets = sets, .sets_out = s};
	bool whole = s != NULL;

	if (s)
		volume_call(array->volume, salvage_ask_run, &ask);
	for (uint32_t i = 0; i < sets && whole; i++)
		whole = s[i].source == SOURCE_WHOLE;
	free(s);
	return whole;
}

/* Whose metadata it is, by name. */
static const char *
source_member(const json_t *set)
{
	const json_t *leg = json_object_get(set, "leg");
	const json_t *legs = json_object_get(set, "legs");

	for (size_t i = 0; i < json_array_size(legs); i++) {
		const json_t *one = json_array_get(legs, i);

		if (json_equal(leg, json_object_get(one, "leg")))
			return json_string_value(
				json_object_get(one, "member"));
	}
	return "nothing";
}

void
salvage_log(const struct array *array, const char *what)
{
	json_t *report = salvage_report(array);
	json_t *sets = json_object_get(report, "sets");

	for (size_t i = 0; i < json_array_size(sets); i++) {
		const json_t *s = json_array_get(sets, i);

		log_warning(array->name, "%s: set %zu from %s: %s", what, i,
			    source_member(s),
			    json_string_value(json_object_get(s, "why")));
	}
	json_decref(report);
}

/* --- recovery --- */

/* Nothing there is to go on from. */
static int
recover_refuse_nothing(const struct array *array, const json_t *report,
		       struct failure *f)
{
	const json_t *sets = json_object_get(report, "sets");

	for (size_t i = 0; i < json_array_size(sets); i++) {
		const json_t *s = json_array_get(sets, i);
		int err;

		if (strcmp(json_string_value(json_object_get(s, "source")),
			   raid_source_word(SOURCE_NOTHING)))
			continue;
		err = failure_set(f, MSG_NOTHING_LEFT,
				  "cannot recover '%s': of set %zu nothing is "
				  "left",
				  array->name, i);
		failure_cause(f, "no member of this set is here whose "
				 "superblock and region map can be read");
		failure_remedy(f, "bring a member of set %zu back; what other "
				  "sets hold can be read: raidctl start %s "
				  "--salvage",
			       i, array->name);
		return err;
	}
	return 0;
}

static int
recover_refuse_fork(const struct array *array, struct failure *f)
{
	for (const struct candidate *c = array->found; c; c = c->next) {
		int err;

		if (c->index < 0 || !array->assembly ||
		    array->assembly->role[c->index] != ROLE_FORK)
			continue;
		err = failure_set(f, MSG_ARRAY_FORKED,
				  "cannot recover '%s': its halves went on "
				  "apart from each other",
				  array->name);
		failure_cause(f, "%s (serial %s) is of the other half", c->path,
			      identity_serial(&c->identity));
		failure_remedy(f, "decide which half is right and take the "
				  "other's members away; raidctl status %s "
				  "names them",
			       array->name);
		return err;
	}
	return 0;
}

/* What a salvage finds; the array is as before. */
static int
recover_look(struct array *array, uint64_t wait_ns, json_t **report,
	     struct failure *f)
{
	struct failure ignored;
	bool serving = array->volume != NULL;
	enum array_state before = array->state;
	int err = serving ? 0
			  : array_start(array, START_SALVAGE, wait_ns, f);

	if (err)
		return err;
	*report = salvage_report(array);
	if (!serving) {
		array_stop(array, &ignored);
		array->state = before;
		if (arrays_scan(array->home, wait_ns))
			err = failure_set(f, MSG_NO_MEMORY, "no memory");
	}
	return err;
}

static int
report_sync(const char *path, json_t *report)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (json_dumpfd(report, fd, JSON_INDENT(2)) || fsync(fd))
		err = -EIO;
	close(fd);
	return err;
}

/* Durable before anything is given up. */
static int
report_write(const struct array *array, json_t *report, struct failure *f)
{
	const char *dir = array->home->config->state_dir;
	char path[PATH_MAX];
	char when[32];
	time_t now = time(NULL);
	struct tm tm;
	int err = 0;
	int fd;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(path, sizeof(path), "%s/recover-%s-%s.json", dir, array->name,
		 when);
	json_object_set_new(report, "file", json_string(path));
	json_object_set_new(report, "time", time_text((uint64_t)now));
	if (mkdir(dir, 0700) && errno != EEXIST)
		err = -errno;
	if (!err)
		err = report_sync(path, report);
	fd = err ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!err && (fd < 0 || fsync(fd)))
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (!err)
		return 0;
	failure_set(f, MSG_RECOVER_FAILED,
		    "cannot recover '%s': what is given up cannot be written "
		    "down: %s: %s",
		    array->name, path, strerror(-err));
	failure_remedy(f, "make room there, or set state_dir in raidd.conf");
	return err;
}

static int
recover_go(struct array *array, uint64_t wait_ns, json_t *report,
	   struct failure *f)
{
	struct failure ignored;
	int err = report_write(array, report, f);

	if (err)
		return err;
	if (array->volume) {
		array_stop(array, &ignored);
		if (arrays_scan(array->home, wait_ns))
			return failure_set(f, MSG_NO_MEMORY, "no memory");
	}
	log_warning(array->name,
		    "recovering by the operator's word; what is given up is "
		    "written down in %s",
		    json_string_value(json_object_get(report, "file")));
	err = array_start(array, START_RECOVER, wait_ns, f);
	if (!err)
		salvage_log(array, "recovered");
	return err;
}

int
array_recover(struct array *array, bool dry_run, uint64_t wait_ns,
	      json_t **report, struct failure *f)
{
	int err = recover_refuse_fork(array, f);

	*report = NULL;
	if (!err)
		err = recover_look(array, wait_ns, report, f);
	if (!err)
		err = recover_refuse_nothing(array, *report, f);
	if (!err && !dry_run)
		err = recover_go(array, wait_ns, *report, f);
	if (err) {
		json_decref(*report);
		*report = NULL;
	}
	return err;
}
