/* SPDX-License-Identifier: MIT */
/*
 * Problem, risk, action: a person woken at night reads these three lines and
 * knows which disk to pull, by its serial number, and what not to touch.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arrays.h"
#include "health.h"
#include "salvage.h"
#include "volume.h"

static void
problem(json_t *list, enum message id, const char *what, const char *risk,
	const char *action)
{
	char text[16];

	snprintf(text, sizeof(text), "RD-%u", message_number(id));
	json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "id", text,
					      "problem", what, "risk", risk,
					      "action", action));
}

/* Why a leg is not in-sync, or NULL: it is. */
static const char *
leg_trouble(const struct health *h, uint32_t set, uint32_t leg)
{
	const struct raid_leg_status *l =
		&h->status.legs[set * h->sb.geometry.legs + leg];
	const struct assembly *as = h->array->assembly;
	const struct candidate *out = health_out_disk(h, set, leg);
	int member;

	if (h->serving && l->state == LEG_IN_SYNC)
		return NULL;
	if (h->serving && l->state == LEG_FAILED)
		return "has failed";
	if (h->serving && l->present) /* of a salvage */
		return "is stale";
	if (out)
		return as->role[out->index] == ROLE_FAILED ? "has failed"
							   : "is stale";
	member = h->serving ? -1 : as->place[set * SB_PLACES_MAX + leg];
	if (member >= 0 && as->role[member] == ROLE_IN_SYNC)
		return NULL;
	return member < 0 ? "is absent" : "cannot be used";
}

/* The legs of a set that are in-sync, or those that are not, named. */
static void
legs_named(const struct health *h, uint32_t set, bool in_sync, char *out,
	   size_t bytes)
{
	uint32_t legs = h->sb.geometry.legs;
	size_t used = 0;

	out[0] = '\0';
	for (uint32_t leg = 0; leg < legs; leg++) {
		const char *trouble = leg_trouble(h, set, leg);
		char name[512];
		int n;

		if (!trouble != in_sync)
			continue;
		array_name_leg(h->array, &h->sb, set, leg, name, sizeof(name));
		n = snprintf(out + used, bytes - used, "%s%s%s%s%s",
			     used ? ", " : "", in_sync ? "" : "member ", name,
			     in_sync ? "" : " ", in_sync ? "" : trouble);
		if (n < 0 || (size_t)n >= bytes - used)
			return;
		used += (size_t)n;
	}
}

/* Those that left and are here may be all there is one day. */
static void
keep_named(const struct health *h, uint32_t set, char *out, size_t bytes)
{
	const char *paths[SB_LEGS_MAX] = {"", "", ""};
	unsigned count = 0;

	out[0] = '\0';
	for (uint32_t leg = 0; leg < h->sb.geometry.legs; leg++) {
		const struct candidate *c = health_out_disk(h, set, leg);

		if (c)
			paths[count++] = c->path;
	}
	if (count)
		snprintf(out, bytes,
			 "; keep %.300s%s%.300s as it is for now: should the "
			 "others be lost, it can be read from: raidctl start "
			 "%s --salvage",
			 paths[0], count > 1 ? " and " : "", paths[1],
			 h->array->name);
}

static void
problem_degraded(const struct health *h, uint32_t set, json_t *list)
{
	const struct raid_set_status *s = &h->status.sets[set];
	char bad[1024];
	char good[1024];
	char what[1280];
	char risk[1280];
	char keep[1024];
	char action[1280];
	uint32_t in_sync = h->serving ? s->in_sync : health_present(h, set);

	legs_named(h, set, false, bad, sizeof(bad));
	legs_named(h, set, true, good, sizeof(good));
	keep_named(h, set, keep, sizeof(keep));
	snprintf(what, sizeof(what), "set %u has %u of %u legs in sync: %s",
		 set, in_sync, h->sb.geometry.legs, bad);
	if (in_sync == 1)
		snprintf(risk, sizeof(risk),
			 "losing %s now would lose data: do not pull it", good);
	else
		snprintf(risk, sizeof(risk), "the set still has %u copies: %s",
			 in_sync, good);
	snprintf(action, sizeof(action),
		 "check the disk and its cable by the serial number named "
		 "above, and keep a backup at hand; this version serves the "
		 "set from its other legs and cannot rebuild yet%s",
		 keep);
	problem(list, MSG_SET_DEGRADED, what, risk, action);
}

static void
problem_stopped_writes(const struct health *h, uint32_t set, json_t *list)
{
	char good[1024];
	char what[1280];
	char action[512];

	legs_named(h, set, true, good, sizeof(good));
	snprintf(what, sizeof(what),
		 "set %u takes no writes: its last leg %s failed to store "
		 "something",
		 set, good);
	snprintf(action, sizeof(action),
		 "stop the database; see to the disk; then: raidctl stop %s && "
		 "raidctl start %s",
		 h->array->name, h->array->name);
	problem(list, MSG_SET_WRITE_STOPPED, what,
		"writes and flushes get an I/O error; what was acknowledged "
		"can still be read",
		action);
}

static void
problem_failed(const struct health *h, uint32_t set, json_t *list)
{
	char bad[1024];
	char what[1280];
	char action[512];

	legs_named(h, set, false, bad, sizeof(bad));
	snprintf(what, sizeof(what), "set %u has no leg in sync: %s", set, bad);
	if (h->serving)
		snprintf(action, sizeof(action),
			 "stop the database; bring one of these disks back");
	else
		snprintf(action, sizeof(action),
			 "bring the one back that was in sync last; what the "
			 "others hold can be read: raidctl start %s --salvage",
			 h->array->name);
	problem(list, MSG_SET_FAILED, what,
		h->serving ? "what lies on this set gives I/O errors"
			   : "the array cannot start; the data on the members "
			     "is not touched",
		action);
}

static void
problem_blocks(const struct health *h, uint32_t set, json_t *list)
{
	const struct raid_set_status *s = &h->status.sets[set];
	char blocks[64] = "";
	char regions[64] = "";
	char what[256];
	char action[512];

	if (s->lost_blocks)
		snprintf(blocks, sizeof(blocks), "%" PRIu64 " block%s",
			 s->lost_blocks, plural(s->lost_blocks));
	if (s->lost_regions)
		snprintf(regions, sizeof(regions),
			 "%s%" PRIu64 " region%s without checksums",
			 blocks[0] ? " and of " : "", s->lost_regions,
			 plural(s->lost_regions));
	snprintf(what, sizeof(what),
		 "set %u has no good copy of %s%s%s; %" PRIu64
		 " read%s failed for it since the start",
		 set, blocks, regions, s->lost_more ? ", and of more" : "",
		 s->lost_reads, plural(s->lost_reads));
	snprintf(action, sizeof(action),
		 "restore what lies there from a backup, or overwrite it; "
		 "where it is: raidctl show --lost %s",
		 h->array->name);
	problem(list, MSG_BLOCKS_LOST, what,
		"reads there give I/O errors until it is overwritten or "
		"discarded",
		action);
}

static void
problem_salvage(const struct health *h, json_t *list)
{
	char action[512];

	if (!h->serving || !h->status.salvage)
		return;
	if (salvage_is_whole(h->array)) {
		snprintf(action, sizeof(action),
			 "nothing of it is missing: raidctl stop %s && raidctl "
			 "start %s; the latter says what it waits for, if "
			 "anything",
			 h->array->name, h->array->name);
		problem(list, MSG_SALVAGED, "it is served read-only",
			"writes give I/O errors", action);
		return;
	}
	snprintf(action, sizeof(action),
		 "see what is read from where: raidctl show %s --salvage; copy "
		 "what you need; then bring members back, or give up what is "
		 "lost: raidctl recover %s --accept-loss",
		 h->array->name, h->array->name);
	problem(list, MSG_SALVAGED,
		"it is served read-only, from what is left of it",
		"what cannot be verified gives I/O errors; some of the rest "
		"may be old",
		action);
}

static void
problem_leg_errors(const struct health *h, uint32_t set, uint32_t leg,
		   json_t *list)
{
	const struct raid_leg_status *l =
		&h->status.legs[set * h->sb.geometry.legs + leg];
	const struct raid_set_status *s = &h->status.sets[set];
	const char *risk = "none yet: the other legs had good copies";
	char name[512];
	char what[1024];
	char action[512];

	if (l->state != LEG_IN_SYNC || !(l->read_errors || l->mismatches))
		return;
	if (s->in_sync == 1)
		risk = "it is the last in-sync leg of its set: what it cannot "
		       "give is lost";
	else if (s->lost_blocks || s->lost_regions || s->lost_more)
		risk = "some of its set is lost, see RD-2004; of the rest the "
		       "other legs had good copies";
	snprintf(action, sizeof(action),
		 "see what was found: raidctl show --faults %s; if it goes on, "
		 "look at the disk and its cable, and keep a backup at hand: "
		 "this version cannot put another disk in its place yet",
		 h->array->name);
	array_name_leg(h->array, &h->sb, set, leg, name, sizeof(name));
	snprintf(what, sizeof(what),
		 "leg %s: %" PRIu64 " read error%s, %" PRIu64
		 " checksum mismatch%s, %" PRIu64 " block%s repaired",
		 name, l->read_errors, plural(l->read_errors), l->mismatches,
		 l->mismatches == 1 ? "" : "es", l->repaired,
		 plural(l->repaired));
	problem(list, MSG_LEG_ERRORS, what, risk, action);
}

/* Long enough for a disk that spins up not to be named. */
#define HANGS_NS 3000000000ull

static void
problem_leg_hangs(const struct health *h, uint32_t set, uint32_t leg,
		  json_t *list)
{
	const struct raid_leg_status *l =
		&h->status.legs[set * h->sb.geometry.legs + leg];
	bool last = h->status.sets[set].in_sync == 1;
	char name[512];
	char what[1024];

	if (l->state != LEG_IN_SYNC || l->oldest_ns < HANGS_NS)
		return;
	array_name_leg(h->array, &h->sb, set, leg, name, sizeof(name));
	snprintf(what, sizeof(what),
		 "leg %s has not answered for %" PRIu64 " s", name,
		 l->oldest_ns / 1000000000);
	problem(list, MSG_LEG_HANGS, what,
		last ? "it is the last leg of its set and not given up: what "
		       "lies there, and what must be recorded there, waits"
		     : "what is written waits until the leg is dropped, which "
		       "is soon if another leg answers",
		"look at this disk, its cable and controller; if it cannot be "
		"had back, unplug it: then clients get errors instead of "
		"waiting");
}

static void
problems_of_set(const struct health *h, uint32_t set, json_t *list)
{
	const struct raid_set_status *s = &h->status.sets[set];

	if (!s->in_sync)
		problem_failed(h, set, list);
	if (s->write_stopped)
		problem_stopped_writes(h, set, list);
	if (s->in_sync && s->in_sync < h->sb.geometry.legs)
		problem_degraded(h, set, list);
	if (s->lost_blocks || s->lost_regions || s->lost_more)
		problem_blocks(h, set, list);
	for (uint32_t leg = 0; leg < h->sb.geometry.legs; leg++) {
		problem_leg_errors(h, set, leg, list);
		problem_leg_hangs(h, set, leg, list);
	}
}

/* Of an array the operator stopped: who will lack when it is started. */
static void
problems_of_stopped(const struct health *h, uint32_t set, json_t *list)
{
	uint32_t in_sync = health_present(h, set);

	if (!in_sync)
		problem_failed(h, set, list);
	else if (in_sync < h->sb.geometry.legs)
		problem_degraded(h, set, list);
}

/* Not served, and not because the operator wants it so. */
static void
problem_waiting(const struct health *h, json_t *list)
{
	const struct failure *why = &h->array->why;
	char what[1600];

	if (h->array->state != ARRAY_WAITING)
		return;
	snprintf(what, sizeof(what), "%s%s%s",
		 why->message ? why->what : "not started yet",
		 why->cause[0] ? ": " : "", why->cause);
	problem(list, why->message ? why->message : MSG_NOT_SERVED, what,
		"the device is not there; the data on the members is not "
		"touched",
		why->remedy[0] ? why->remedy : "see the log");
}

static void
problem_cut(const struct health *h, json_t *list)
{
	char what[256];
	char action[512];

	if (!h->attached || !h->attachment.device[0] || h->connections)
		return;
	snprintf(what, sizeof(what), "%s has lost its connection to raidd",
		 h->attachment.device);
	snprintf(action, sizeof(action),
		 "stop the database, unmount, then: raidctl detach %s%s%s",
		 h->array->name, h->serving ? " && raidctl attach " : "",
		 h->serving ? h->array->name : "");
	problem(list, MSG_DEVICE_CUT, what,
		"everything that uses the device gets I/O errors", action);
}

/* Those that left may be all there is one day. */
static const char *
other_action(const struct health *h, const struct candidate *c,
	     enum assemble_role role, char *out, size_t bytes)
{
	if (role == ROLE_STALE || role == ROLE_FAILED)
		snprintf(out, bytes,
			 "keep it as it is for now: should the other legs of "
			 "its set be lost, it can be read from: raidctl start "
			 "%s --salvage",
			 h->array->name);
	else
		snprintf(out, bytes, "see what it holds: raidctl examine %.400s",
			 c->path);
	return out;
}

/* Its set's problem has named it. */
static bool
told_with_set(const struct health *h, const struct candidate *c)
{
	if (!h->have_sb || c->sb.set >= h->sb.geometry.sets ||
	    c->sb.leg >= h->sb.geometry.legs)
		return false;
	return (h->serving || h->array->state == ARRAY_STOPPED) &&
	       health_out_disk(h, c->sb.set, c->sb.leg) == c;
}

static void
problems_of_others(const struct health *h, json_t *list)
{
	const struct array *array = h->array;

	for (const struct candidate *c = array->found; c; c = c->next) {
		enum assemble_role role;
		char what[1024];
		char action[512];

		if (c->res || c->index < 0 || !array->assembly) {
			snprintf(what, sizeof(what),
				 "%.400s (serial %s) is not used: %s", c->path,
				 identity_serial(&c->identity),
				 c->res ? candidate_trouble(c->res)
					: "too many members");
			problem(list, MSG_MEMBER_UNUSED, what, "none", "");
			continue;
		}
		role = array->assembly->role[c->index];
		if (role == ROLE_IN_SYNC || told_with_set(h, c))
			continue;
		snprintf(what, sizeof(what),
			 "%.400s (serial %s, leg %u.%u) is not used: %s",
			 c->path, identity_serial(&c->identity), c->sb.set,
			 c->sb.leg, assemble_role_word(role));
		problem(list, MSG_MEMBER_UNUSED, what,
			"what it holds is not part of the array",
			other_action(h, c, role, action, sizeof(action)));
	}
}

json_t *
health_problems(const struct health *h)
{
	json_t *list = json_array();

	problem_waiting(h, list);
	problem_salvage(h, list);
	for (uint32_t set = 0; h->serving && set < h->sb.geometry.sets; set++)
		problems_of_set(h, set, list);
	for (uint32_t set = 0; h->have_sb && h->array->assembly &&
			       h->array->state == ARRAY_STOPPED &&
			       set < h->sb.geometry.sets;
	     set++)
		problems_of_stopped(h, set, list);
	problem_cut(h, list);
	problems_of_others(h, list);
	return list;
}
