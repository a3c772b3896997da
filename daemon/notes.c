/* SPDX-License-Identifier: MIT */
/*
 * Notes in words: which member, its serial number, what happened and what
 * follows.  A disk in agony makes thousands of them, so each kind is limited
 * for each array, and what was left out is counted.
 */
#include "notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arrays.h"
#include "device.h"
#include "failure.h"
#include "log.h"
#include "volume.h"

#define LIMIT_LINES   20u
#define LIMIT_SECONDS 10u

static enum log_level
note_level(const struct raid_note *n)
{
	/* It was refused, and who asked was told. */
	if (n->kind == NOTE_LAST_LEG_ERROR && n->a == CAUSE_OPERATOR)
		return LOG_NOTICE;
	switch (n->kind) {
	case NOTE_LEG_FAILED:
	case NOTE_LAST_LEG_ERROR:
	case NOTE_WRITE_STOPPED:
	case NOTE_LOST_BLOCK:
	case NOTE_SET_UNUSABLE:
	case NOTE_EPOCH_STUCK:
		return LOG_ERROR;
	case NOTE_LEG_LAGGED:
	case NOTE_LEG_DAMAGED:
	case NOTE_LEG_SLOW:
	case NOTE_READ_ERROR:
	case NOTE_MISMATCH:
	case NOTE_LOST_WRITE:
	case NOTE_MISDIRECTED:
	case NOTE_PAGE_BAD:
	case NOTE_WENT_BACK:
	case NOTE_REPAIRED:
	case NOTE_PAGE_REPAIRED:
	case NOTE_METADATA_REWRITTEN:
	case NOTE_UNVERIFIED:
	case NOTE_PAGE_LOST:
		return LOG_WARNING;
	case NOTE_MAP_HEADER_BAD:
	case NOTE_LOST_READABLE:
	case NOTE_LOST_OVERWRITTEN:
	case NOTE_LOST_DISCARDED:
	case NOTE_PAGE_READABLE:
	case NOTE_RESYNC_START:
	case NOTE_RESYNC_DONE:
	case NOTE_STARTED:
	case NOTE_STOPPED:
		return LOG_NOTICE;
	case NOTE_EPOCH_IN_FORCE:
	case NOTE_COUNT:
		break;
	}
	return LOG_INFO;
}

static const char *
note_cause(const struct raid_note *n)
{
	return n->a < CAUSE_COUNT ? cause_word((enum raid_cause)n->a) : "?";
}

/* About a leg failing, or the last one that cannot. */
static void
note_text_failure(const struct raid_note *n, const char *member, char *out,
		  size_t bytes)
{
	const char *err = n->err ? strerror(-n->err) : "no error";

	if (n->a == CAUSE_OPERATOR) {
		snprintf(out, bytes, "member %s %s", member,
			 n->kind == NOTE_LEG_FAILED
				 ? "failed by the operator; going on without it"
				 : "is the last of its set and stays: the "
				   "operator's wish to fail it was refused");
		return;
	}
	if (n->a == CAUSE_DEADLINE && n->kind == NOTE_LEG_FAILED) {
		snprintf(out, bytes,
			 "member %s failed (deadline: it has not completed an "
			 "I/O in time, and another leg has); going on without "
			 "it",
			 member);
		return;
	}
	if (n->a == CAUSE_READS && n->kind == NOTE_LEG_FAILED) {
		snprintf(out, bytes,
			 "member %s failed (too many bad reads%s%s); going on "
			 "without it",
			 member, n->err ? ", the last: " : "",
			 n->err ? err : "");
		return;
	}
	switch (n->kind) {
	case NOTE_LEG_FAILED:
		snprintf(out, bytes,
			 "member %s failed (%s: %s); going on without it",
			 member, note_cause(n), err);
		return;
	case NOTE_LAST_LEG_ERROR:
		snprintf(out, bytes,
			 "member %s, the last of its set: %s failed: %s; the "
			 "client was told",
			 member, note_cause(n), err);
		return;
	case NOTE_WRITE_STOPPED:
		snprintf(out, bytes,
			 "%s takes no more writes: %s failed on its last leg: "
			 "%s; reads go on; stop and start the array when the "
			 "disk is well",
			 member, note_cause(n), err);
		return;
	default:
		snprintf(out, bytes,
			 "%s cannot be used: no leg has whole metadata (%s)",
			 member, err);
		return;
	}
}

/* What was wrong, and what is done; of a verdict. */
static const char *
note_what(const struct raid_note *n, const char **then)
{
	*then = "; if another leg is good, that is read, and this one "
		"rewritten from it";
	switch (n->kind) {
	case NOTE_READ_ERROR:
		return "read error";
	case NOTE_MISMATCH:
		if (n->a == NOTE_NO_PLACE) {
			*then = "; the other copy is used if it is whole, "
				"and this one written anew";
			return "bad copy of the region map";
		}
		return "data does not match its checksum";
	case NOTE_LOST_WRITE:
		return "older data: the disk lost a write that it had "
		       "acknowledged";
	case NOTE_MISDIRECTED:
		return "data of another place";
	case NOTE_PAGE_BAD:
		*then = "; if another leg's is good, that is used, and stored "
			"anew here";
		return "bad copy of the checksums";
	case NOTE_REPAIRED:
		*then = "";
		return n->b ? "good when read again"
			    : "bad copy rewritten from a good one";
	case NOTE_PAGE_REPAIRED:
		*then = "";
		return "checksums stored anew";
	case NOTE_LOST_BLOCK:
		*then = "; reads fail until it is overwritten: raidctl show "
			"--lost";
		return "no leg has a good copy";
	default:
		*then = "; the lowest in-sync leg's copy was taken";
		return "no checksum decides after the crash";
	}
}

/* "at byte 8192 of the set, byte 12288 of the device" */
static void
note_where(const struct raid_note *n, const struct geometry *g, char *out,
	   size_t bytes)
{
	bool range = n->kind == NOTE_READ_ERROR || n->kind == NOTE_PAGE_BAD ||
		     n->kind == NOTE_PAGE_REPAIRED;
	int length = 0;

	if (n->a == NOTE_NO_PLACE) {
		snprintf(out, bytes, "in its metadata");
		return;
	}
	if (range && n->b > BLOCK_BYTES)
		length =
			snprintf(out, bytes, "in the %" PRIu64 " bytes ", n->b);
	length += snprintf(out + length, bytes - (size_t)length,
			   "at byte %" PRIu64 " of the set, byte %" PRIu64
			   " of the device",
			   n->a, layout_array_offset(g, n->set, n->a));
	if (n->kind == NOTE_MISDIRECTED)
		snprintf(out + length, bytes - (size_t)length,
			 " (it belongs at byte %" PRIu64 " of the device)",
			 n->b);
}

/* About one place on a member. */
static void
note_text_block(const struct raid_note *n, const struct geometry *g,
		const char *member, char *out, size_t bytes)
{
	const char *then;
	const char *what = note_what(n, &then);
	char where[256];

	note_where(n, g, where, sizeof(where));
	snprintf(out, bytes, "%s: %s %s%s%s%s%s", member, what, where,
		 n->err ? " (" : "", n->err ? strerror(-n->err) : "",
		 n->err ? ")" : "", then);
}

/* About blocks that were lost, and are not any more. */
static void
note_text_found(const struct raid_note *n, const char *member, char *out,
		size_t bytes)
{
	const char *why = "can be read again";

	if (n->kind == NOTE_PAGE_READABLE) {
		snprintf(out, bytes,
			 "%s: the checksums of region %" PRIu64
			 " can be read again",
			 member, n->a);
		return;
	}
	if (n->kind == NOTE_LOST_OVERWRITTEN)
		why = "was overwritten";
	else if (n->kind == NOTE_LOST_DISCARDED)
		why = "was discarded";
	snprintf(out, bytes,
		 "%s: what was lost in %" PRIu64 " bytes at byte %" PRIu64
		 " of the set %s",
		 member, n->b, n->a, why);
}

/* About a leg as a whole. */
static void
note_text_leg(const struct raid_note *n, const char *member, char *out,
	      size_t bytes)
{
	switch (n->kind) {
	case NOTE_LEG_LAGGED:
		snprintf(out, bytes,
			 "member %s lost journal records it had acknowledged "
			 "(it ends at %" PRIu64 ", its set at %" PRIu64
			 "); not used",
			 member, n->a, n->b);
		return;
	case NOTE_LEG_SLOW:
		snprintf(out, bytes,
			 "member %s has not answered a read for %" PRIu64
			 " ms; reads go to another leg for %" PRIu64
			 " s; if it happens again, look at the disk",
			 member, n->a / 1000000, n->b / 1000000000);
		return;
	case NOTE_LEG_DAMAGED:
		snprintf(out, bytes,
			 "member %s: its journal or region map is damaged; not "
			 "used",
			 member);
		return;
	case NOTE_WENT_BACK:
		snprintf(out, bytes,
			 "member %s went back in time: its %s is %" PRIu64
			 " write%s older than what it had acknowledged (a disk "
			 "image put back, or a cache that lied); writing its "
			 "metadata anew",
			 member, fault_back_word((enum raid_back)n->a), n->b,
			 plural(n->b));
		return;
	case NOTE_MAP_HEADER_BAD:
		snprintf(out, bytes,
			 "member %s: header %" PRIu64
			 " of its region map makes no sense: a crash cut it "
			 "off, or the disk is bad; not used",
			 member, n->a);
		return;
	case NOTE_METADATA_REWRITTEN:
		snprintf(out, bytes, "member %s: metadata written anew",
			 member);
		return;
	default:
		snprintf(out, bytes, "note %d", (int)n->kind);
		return;
	}
}

/* About a set, or the array. */
static void
note_text_set(const struct raid_note *n, const char *member, char *out,
	      size_t bytes)
{
	switch (n->kind) {
	case NOTE_EPOCH_IN_FORCE:
		snprintf(out, bytes, "epoch %" PRIu64 " is in force", n->a);
		return;
	case NOTE_EPOCH_STUCK:
		snprintf(out, bytes,
			 "epoch %" PRIu64 " cannot come into force: a last leg "
			 "does not take its superblock",
			 n->a);
		return;
	case NOTE_PAGE_LOST:
		snprintf(out, bytes,
			 "%s: the checksums of region %" PRIu64
			 " are lost; reads there fail",
			 member, n->a);
		return;
	case NOTE_RESYNC_START:
		snprintf(out, bytes,
			 "%s: was not stopped clean; resync of %" PRIu64
			 " unit%s of 64 KiB begins",
			 member, n->a, plural(n->a));
		return;
	case NOTE_RESYNC_DONE:
		snprintf(out, bytes,
			 "%s: resync done, %" PRIu64 " block%s rewritten",
			 member, n->a, plural(n->a));
		return;
	case NOTE_STARTED:
		snprintf(out, bytes, "started, epoch %" PRIu64, n->a);
		return;
	case NOTE_STOPPED:
		snprintf(out, bytes, "stopped");
		return;
	default:
		snprintf(out, bytes, "note %d", (int)n->kind);
		return;
	}
}

void
note_text(const struct raid_note *n, const struct geometry *g,
	  const char *member, char *out, size_t bytes)
{
	switch (n->kind) {
	case NOTE_LEG_FAILED:
	case NOTE_LAST_LEG_ERROR:
	case NOTE_WRITE_STOPPED:
	case NOTE_SET_UNUSABLE:
		note_text_failure(n, member, out, bytes);
		return;
	case NOTE_READ_ERROR:
	case NOTE_MISMATCH:
	case NOTE_LOST_WRITE:
	case NOTE_MISDIRECTED:
	case NOTE_PAGE_BAD:
	case NOTE_REPAIRED:
	case NOTE_PAGE_REPAIRED:
	case NOTE_LOST_BLOCK:
	case NOTE_UNVERIFIED:
		note_text_block(n, g, member, out, bytes);
		return;
	case NOTE_LOST_READABLE:
	case NOTE_LOST_OVERWRITTEN:
	case NOTE_LOST_DISCARDED:
	case NOTE_PAGE_READABLE:
		note_text_found(n, member, out, bytes);
		return;
	case NOTE_LEG_LAGGED:
	case NOTE_LEG_SLOW:
	case NOTE_LEG_DAMAGED:
	case NOTE_WENT_BACK:
	case NOTE_MAP_HEADER_BAD:
	case NOTE_METADATA_REWRITTEN:
		note_text_leg(n, member, out, bytes);
		return;
	case NOTE_EPOCH_IN_FORCE:
	case NOTE_EPOCH_STUCK:
	case NOTE_PAGE_LOST:
	case NOTE_RESYNC_START:
	case NOTE_RESYNC_DONE:
	case NOTE_STARTED:
	case NOTE_STOPPED:
	case NOTE_COUNT:
		break;
	}
	note_text_set(n, member, out, bytes);
}

/* 0: not now.  Counts what is left out, and says so when the time is up. */
static bool
note_may_be_logged(struct array *array, const struct raid_note *n)
{
	struct note_limit *l = &array->notes[n->kind];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((uint64_t)now.tv_sec - l->since_s >= LIMIT_SECONDS) {
		if (l->suppressed)
			log_warning(array->name,
				    "%u more notes like '%s' were left out",
				    l->suppressed, note_word(n->kind));
		*l = (struct note_limit){.since_s = (uint64_t)now.tv_sec};
	}
	if (l->logged == LIMIT_LINES) {
		l->suppressed++;
		return false;
	}
	l->logged++;
	return true;
}

/* "1.0 (/dev/sdb, model M, serial X, firmware F)", "set 1" */
static void
note_member(const struct raid_note *n, const struct device *d, char *out,
	    size_t bytes)
{
	if (n->leg == NOTE_NO_LEG)
		snprintf(out, bytes, "set %u", n->set);
	else if (d)
		snprintf(out, bytes, "%u.%u (%.300s%s%s, serial %s%s%s)",
			 n->set, n->leg, d->path, d->model[0] ? ", model " : "",
			 d->model, device_serial(d),
			 d->firmware[0] ? ", firmware " : "", d->firmware);
	else
		snprintf(out, bytes, "%u.%u", n->set, n->leg);
}

void
notes_cb(struct volume *v, const struct raid_note *n, void *arg)
{
	struct array *array = arg;
	const struct geometry *g = volume_geometry(v);
	const struct device *d = NULL;
	char member[640];
	char text[1280];

	if (n->leg != NOTE_NO_LEG)
		d = volume_device(v, n->set, n->leg);
	if (d && d->fd < 0)
		d = NULL;
	faults_note(&array->faults, n, g, d, (uint64_t)time(NULL));
	if (n->kind >= NOTE_COUNT || !note_may_be_logged(array, n))
		return;
	note_member(n, d, member, sizeof(member));
	note_text(n, g, member, text, sizeof(text));
	log_line(note_level(n), array->name, "%s", text);
}
