/* SPDX-License-Identifier: MIT */
/*
 * Is an answer one that may be given?  When a read returns one of several
 * values that a crash left possible, that one is the only one from then on
 * (I3).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "oracle_weak.h"
#include "pattern.h"
#include "versions.h"

/*
 * A read returned it: which others never will be returned again (I3)?  If it
 * is from before the last crash: all others from before it.  Else: all that
 * were answered, as it was itself, before any reader that goes on began: one
 * that began earlier may return what it found then (I4).
 *
 * Not decided by a read is what failed in this run.  A last leg that failed
 * takes no writes any more (R7), but reads go on: what they find in its cache
 * can be neither flushed nor recorded, and may be gone after the next crash.
 * Of values that look alike nobody can tell which it was; all stay.
 */
static void
oracle_settle(struct oracle *o, uint64_t g, struct version *seen)
{
	bool doubt = seen->write->maybe && !seen->settled &&
		     seen->write->done <= o->crashed;
	bool alike = false; /* another looks the same: zeros, unwritten */
	uint64_t reader = versions_oldest_reader(o);
	struct version **l = &o->newest[g];

	if (!doubt && !version_is_durable(seen))
		return;
	while (*l != NULL) {
		const struct version *v = *l;
		uint64_t done = v->write->done;
		bool gone = seen->write->done <= o->crashed &&
			    done <= o->crashed;

		if (done < reader && seen->write->done < reader &&
		    !(v->write->maybe && !v->settled))
			gone = true;
		if (v != seen && doubt && versions_look_alike(o, g, v, seen)) {
			alike = true;
			gone = false;
		}
		if (gone && v != seen && done != 0)
			version_drop(o, l);
		else
			l = &(*l)->older;
	}
	if (doubt && !alike)
		seen->settled = true;
}

static int
oracle_explain_version(const struct oracle *o, uint64_t g,
		       const struct version *v, uint64_t sent,
		       const char *mark, char *at, size_t room)
{
	return snprintf(at, room,
			"%s%s%s%" PRIu64 "[%" PRIu64 "..%" PRIu64
			"%s%s%s%s%s]",
			mark, version_is_allowed(o, g, v, sent) ? "*" : "",
			v->kind == IMAGE_DATA ? "" : "zeros of ",
			v->write->id, v->write->issue, v->write->done,
			v->write->ok ? " ok" : "",
			v->write->durable ? " durable" : "",
			v->write->maybe ? " maybe" : "",
			v->settled ? " settled" : "",
			v->partial ? " partial" : "");
}

/* What was read; what of the known it is; what it could have been. */
static void
oracle_explain(struct oracle *o, uint64_t g, uint64_t skip, uint64_t length,
	       const uint8_t *data, uint64_t sent)
{
	char *at = o->reason;
	char *end = o->reason + sizeof(o->reason);
	uint64_t first = 0;

	memcpy(&first, data, length < 8 ? length : 8);
	at += snprintf(at, (size_t)(end - at),
		       "offset %" PRIu64 ": got %s%" PRIu64 " (%016" PRIx64
		       "), sent at %" PRIu64 "; known:",
		       g * o->granule_bytes + skip,
		       (first & PATTERN_TAG) == PATTERN_TAG ?
				"request " : "no data of ours ",
		       first & ~PATTERN_TAG, first, sent);
	for (const struct version *v = o->newest[g]; v != NULL && end - at > 120;
	     v = v->older)
		if (version_matches(o, g, v, data, skip, length))
			at += oracle_explain_version(o, g, v, sent, " THIS ",
						     at, (size_t)(end - at));
	for (const struct version *v = o->newest[g]; v != NULL && end - at > 120;
	     v = v->older)
		if (version_is_allowed(o, g, v, sent))
			at += oracle_explain_version(o, g, v, sent, " ", at,
						     (size_t)(end - at));
}

/*
 * Where last legs suffer: a block that the engine took unverified, and said
 * so (R17), may be anything.  Where all disks lie, what was not written since
 * power failed may have become anything that was once written there.
 */
static bool
oracle_is_excused(const struct oracle *o, uint64_t g, uint64_t skip,
		  uint64_t length, const uint8_t *data, uint64_t sent)
{
	uint64_t offset = g * o->granule_bytes + skip;

	if (!o->lenient)
		return false;
	if (oracle_is_unsure(o, offset, sent))
		return true;
	if (o->old)
		return oracle_weak_was_ever(offset, length, data);
	return o->weak && length == o->granule_bytes &&
	       versions_horizon(o, g, sent, false) <= o->power_lost &&
	       oracle_weak_was_ever(offset, length, data);
}

static bool
oracle_check_granule(struct oracle *o, uint64_t g, uint64_t skip,
		     uint64_t length, const uint8_t *data, uint64_t sent)
{
	struct version *v = o->newest[g];

	o->checked++;
	if (v == NULL && pattern_is_zero(data, length))
		return true;
	while (v != NULL && (!version_matches(o, g, v, data, skip, length) ||
			     !version_is_allowed(o, g, v, sent)))
		v = v->older;
	if (v == NULL &&
	    !oracle_is_excused(o, g, skip, length, data, sent)) {
		oracle_explain(o, g, skip, length, data, sent);
		return false;
	}
	if (o->peek || length != o->granule_bytes)
		return true;
	if (versions_are_untold(o, g, sent))
		versions_tell(o, g, data);
	else if (v != NULL)
		oracle_settle(o, g, v);
	return true;
}

bool
oracle_check_read(struct oracle *o, const struct oracle_slot *s,
		  const uint8_t *data)
{
	uint64_t at = s->offset;
	uint64_t end = s->offset + s->length;

	while (at < end) {
		uint64_t g = at / o->granule_bytes;
		uint64_t next = (g + 1) * o->granule_bytes;

		if (next > end)
			next = end;
		if (!oracle_check_granule(o, g, at - g * o->granule_bytes,
					  next - at, data, s->issue))
			return false;
		data += next - at;
		at = next;
	}
	return oracle_weak_check(o, s, data - s->length);
}

bool
oracle_may_be(struct oracle *o, uint64_t offset, const void *data)
{
	uint64_t g = offset / o->granule_bytes;
	const struct version *v = o->newest[g];

	if (v == NULL && pattern_is_zero(data, o->granule_bytes))
		return true;
	for (; v != NULL; v = v->older)
		if (version_matches(o, g, v, data, 0, o->granule_bytes) &&
		    version_is_allowed(o, g, v, *o->seq))
			return true;
	oracle_explain(o, g, 0, o->granule_bytes, data, *o->seq);
	return false;
}

/* All: every allowed version of every granule of the block is a hole.  Any:
 * some granule has only data to offer. */
static void
oracle_block_kind(const struct oracle *o, uint64_t block, uint64_t sent,
		  bool *all_holes, bool *any_data)
{
	uint64_t per = ORACLE_BLOCK / o->granule_bytes;

	*all_holes = true;
	*any_data = false;
	for (uint64_t g = block * per; g < (block + 1) * per; g++) {
		uint64_t horizon = versions_horizon(o, g, sent, false);
		bool data = o->newest[g] != NULL;

		/* Where all disks lie: since power failed nobody knows. */
		if (data && o->weak && horizon <= o->power_lost)
			*all_holes = data = false;
		for (const struct version *v = o->newest[g]; v != NULL;
		     v = v->older) {
			if (version_is_behind(v, horizon))
				continue;
			if (v->kind != IMAGE_HOLE)
				*all_holes = false;
			if (v->kind != IMAGE_DATA)
				data = false;
		}
		if (data)
			*any_data = true;
	}
}

bool
oracle_check_map(struct oracle *o, const struct oracle_slot *s,
		 const uint8_t *map)
{
	uint64_t first = s->offset / ORACLE_BLOCK;
	uint64_t last = (s->offset + s->length - 1) / ORACLE_BLOCK;

	for (uint64_t b = first; b <= last; b++) {
		bool holes, data;
		uint8_t got = map[b - first];

		oracle_block_kind(o, b, s->issue, &holes, &data);
		/* Where a page is lost all of its region counts as written
		 * (R24): what is known of it is not asked for. */
		if (got > 1 || (got == 1 && holes && !o->page_lost) ||
		    (got == 0 && data && !o->old)) {
			snprintf(o->reason, sizeof(o->reason),
				 "map of block %" PRIu64
				 ": got %u, all holes %d, any data %d",
				 b, got, holes, data);
			return false;
		}
	}
	return true;
}

/* What is durable supersedes for good what was over before it was sent. */
static bool
oracle_granule_in_doubt(const struct oracle *o, uint64_t g)
{
	uint64_t horizon = versions_horizon(o, g, UINT64_MAX, true);

	for (const struct version *v = o->newest[g]; v != NULL; v = v->older)
		if (!version_is_durable(v) && !version_is_behind(v, horizon))
			return true;
	return false;
}

bool
oracle_in_doubt(const struct oracle *o, uint64_t offset, uint64_t length)
{
	uint64_t g = offset / o->granule_bytes;

	for (; g * o->granule_bytes < offset + length; g++)
		if (oracle_granule_in_doubt(o, g))
			return true;
	return false;
}

bool
oracle_block_written(const struct oracle *o, uint64_t offset)
{
	bool holes, data;

	oracle_block_kind(o, offset / ORACLE_BLOCK, UINT64_MAX, &holes, &data);
	return data;
}

bool
oracle_block_unwritten(const struct oracle *o, uint64_t offset)
{
	bool holes, data;

	oracle_block_kind(o, offset / ORACLE_BLOCK, UINT64_MAX, &holes, &data);
	return holes;
}
