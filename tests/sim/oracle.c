/* SPDX-License-Identifier: MIT */
/*
 * For each granule a list of versions, newest first.  A version is superseded
 * for a reader when another write was sent after its answer and was answered
 * itself before the read was sent; what no such pair orders may be returned
 * (I4).  A power cut makes a "maybe" of every write that is not durable: it
 * may be there and supersedes nothing, and what is durable supersedes as
 * before (I1, I2, I5).  The death of the daemon alone does so with writes in
 * flight only.  When a read returns one of several values that a crash left
 * possible, that one is the only one from then on (I3).
 *
 * The empty list is one version: unwritten, durable, from the beginning.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "oracle.h"
#include "rng.h"

#define PATTERN_TAG UINT64_C(0x5eed000000000000)
#define GRANULE_MAX 4096u
/* Of a granule; then a flush should come. */
#define VERSIONS_MAX 32u

void
oracle_init(struct oracle *o, uint64_t bytes, uint32_t granule_bytes,
	    uint64_t *seq)
{
	*o = (struct oracle){
		.seq = seq,
		.granule_bytes = granule_bytes,
		.granules = bytes / granule_bytes,
		.genesis = {.done = 1, .ok = true, .durable = true, .refs = 1},
		.next_id = 1,
	};
	o->pending.next = &o->pending;
	o->pending.prev = &o->pending;
	o->newest = calloc(o->granules, sizeof(struct version *));
	CHECK(o->newest != NULL);
}

static void
oracle_unref(struct oracle_write *w)
{
	CHECK(w->refs > 0);
	if (--w->refs > 0)
		return;
	if (w->next != NULL) {
		w->next->prev = w->prev;
		w->prev->next = w->next;
	}
	free(w);
}

static void
oracle_drop(struct version **link)
{
	struct version *v = *link;

	*link = v->older;
	oracle_unref(v->write);
	free(v);
}

void
oracle_fini(struct oracle *o)
{
	for (uint64_t g = 0; g < o->granules; g++)
		while (o->newest[g] != NULL)
			oracle_drop(&o->newest[g]);
	for (unsigned i = 0; i < ORACLE_SLOTS_MAX; i++)
		for (unsigned k = 0; k < 2; k++)
			if (o->slots[i].writes[k] != NULL)
				oracle_unref(o->slots[i].writes[k]);
	free(o->newest);
}

/* Each 512 bytes begin with the id, so that a human can tell
 * from a dump whose they are; the rest is noise made of id and place. */
static uint64_t
oracle_word(uint64_t id, uint64_t offset)
{
	if (offset % 512 == 0)
		return PATTERN_TAG | id;
	return rng_mix(id * 0x9e3779b97f4a7c15ull + offset);
}

void
oracle_fill(uint64_t id, uint64_t offset, uint64_t length, void *buf)
{
	uint8_t *out = buf;
	uint64_t end = offset + length;

	while (offset < end) {
		uint64_t word = oracle_word(id, offset & ~7ull);
		uint64_t skip = offset & 7;
		uint64_t n = 8 - skip < end - offset ? 8 - skip : end - offset;

		memcpy(out, (const uint8_t *)&word + skip, n);
		out += n;
		offset += n;
	}
}

static bool
oracle_is_pattern(uint64_t id, uint64_t offset, uint64_t length,
		  const uint8_t *buf)
{
	uint8_t want[GRANULE_MAX];

	oracle_fill(id, offset, length, want);
	return memcmp(want, buf, length) == 0;
}

static bool
oracle_is_zero(const uint8_t *buf, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		if (buf[i] != 0)
			return false;
	return true;
}

static bool
oracle_is_firm(const struct version *v)
{
	return v->settled || (v->write->ok && !v->write->maybe);
}

static bool
oracle_is_durable(const struct version *v)
{
	return v->settled || v->write->durable;
}

/* What was over before this is superseded for all that is sent at `before`:
 * the latest sending of one that was answered by then. */
static uint64_t
oracle_horizon(const struct oracle *o, uint64_t g, uint64_t before,
	       bool durable)
{
	uint64_t horizon = 0;

	for (const struct version *by = o->newest[g]; by != NULL;
	     by = by->older)
		if (oracle_is_firm(by) && by->write->done < before &&
		    (!durable || oracle_is_durable(by)) &&
		    by->write->issue > horizon)
			horizon = by->write->issue;
	return horizon;
}

static bool
oracle_is_behind(const struct version *v, uint64_t horizon)
{
	return v->write->done != 0 && v->write->done < horizon;
}

/* May a read that was sent at `sent` return it? */
static bool
oracle_allowed(const struct oracle *o, uint64_t g, const struct version *v,
	       uint64_t sent)
{
	return !oracle_is_behind(v, oracle_horizon(o, g, sent, false));
}

static uint64_t
oracle_oldest_reader(const struct oracle *o)
{
	uint64_t oldest = UINT64_MAX;

	for (unsigned i = 0; i < ORACLE_SLOTS_MAX; i++)
		if (o->slots[i].used && o->slots[i].issue < oldest)
			oldest = o->slots[i].issue;
	return oldest;
}

/* Forget what neither a read nor a crash can bring back. */
static void
oracle_prune(struct oracle *o, uint64_t g, uint64_t reader)
{
	uint64_t horizon = oracle_horizon(o, g, reader, true);
	struct version **l = &o->newest[g];

	while (*l != NULL)
		if (oracle_is_behind(*l, horizon))
			oracle_drop(l);
		else
			l = &(*l)->older;
}

static struct version *
oracle_add(struct oracle *o, uint64_t g, struct oracle_write *w,
	   enum image_kind kind, bool own_bytes)
{
	struct version *v = calloc(1, sizeof(*v) +
				   (own_bytes ? o->granule_bytes : 0));

	CHECK(v != NULL);
	v->older = o->newest[g];
	v->write = w;
	v->kind = kind;
	if (own_bytes)
		v->bytes = (uint8_t *)(v + 1);
	w->refs++;
	o->newest[g] = v;
	return v;
}

static void
oracle_add_whole(struct oracle *o, uint64_t g, struct oracle_write *w,
		 enum image_kind kind, uint64_t reader)
{
	bool zeros = kind == IMAGE_DATA && w->zeros;

	if (o->newest[g] == NULL)
		oracle_add(o, g, &o->genesis, IMAGE_HOLE, false);
	else
		oracle_prune(o, g, reader);
	oracle_add(o, g, w, kind, zeros);
}

static void
oracle_image(const struct oracle *o, uint64_t g, const struct version *v,
	     uint8_t *out)
{
	if (v->bytes != NULL)
		memcpy(out, v->bytes, o->granule_bytes);
	else if (v->kind == IMAGE_DATA)
		oracle_fill(v->write->id, g * o->granule_bytes,
			    o->granule_bytes, out);
	else
		memset(out, 0, o->granule_bytes);
}

/* On top of each value that the granule may have now. */
static void
oracle_add_partial(struct oracle *o, uint64_t g, struct oracle_write *w,
		   uint64_t offset, uint64_t length, enum image_kind kind,
		   uint64_t reader)
{
	uint64_t skip = offset - g * o->granule_bytes;
	uint64_t horizon;
	struct version *first;

	if (o->newest[g] == NULL)
		oracle_add(o, g, &o->genesis, IMAGE_HOLE, false);
	oracle_prune(o, g, reader);
	horizon = oracle_horizon(o, g, UINT64_MAX, false);
	first = o->newest[g];
	for (struct version *v = first; v != NULL; v = v->older) {
		struct version *n;

		if (oracle_is_behind(v, horizon))
			continue;
		n = oracle_add(o, g, w, v->kind, true);
		n->partial = true;
		oracle_image(o, g, v, n->bytes);
		if (kind == IMAGE_DATA && !w->zeros)
			oracle_fill(w->id, offset, length, n->bytes + skip);
		else
			memset(n->bytes + skip, 0, length);
		n->kind = kind == IMAGE_DATA || v->kind == IMAGE_DATA ?
			IMAGE_DATA : IMAGE_ZERO;
	}
}

static void
oracle_add_range(struct oracle *o, struct oracle_write *w, uint64_t offset,
		 uint64_t end, enum image_kind kind)
{
	uint64_t reader = oracle_oldest_reader(o);

	while (offset < end) {
		uint64_t g = offset / o->granule_bytes;
		uint64_t next = (g + 1) * o->granule_bytes;

		if (next > end)
			next = end;
		if (next - offset == o->granule_bytes)
			oracle_add_whole(o, g, w, kind, reader);
		else
			oracle_add_partial(o, g, w, offset, next - offset,
					   kind, reader);
		offset = next;
	}
}

static bool
oracle_granule_busy(const struct oracle *o, uint64_t g, bool whole)
{
	unsigned count = 0;

	for (const struct version *v = o->newest[g]; v != NULL; v = v->older)
		if (++count > VERSIONS_MAX ||
		    (v->write->done == 0 && (v->partial || !whole)))
			return true;
	return false;
}

bool
oracle_may_begin(const struct oracle *o, enum raid_op op, uint64_t offset,
		 uint64_t length)
{
	uint64_t end = offset + length;

	if (op != RAID_WRITE && op != RAID_DISCARD && op != RAID_ZEROES)
		return true;
	for (uint64_t g = offset / o->granule_bytes;
	     g * o->granule_bytes < end; g++) {
		uint64_t at = g * o->granule_bytes;
		bool whole = offset <= at && at + o->granule_bytes <= end;

		if (oracle_granule_busy(o, g, whole))
			return false;
	}
	return true;
}

static struct oracle_write *
oracle_write_new(struct oracle *o, bool durable_ack)
{
	struct oracle_write *w = calloc(1, sizeof(*w));

	CHECK(w != NULL);
	w->id = o->next_id;
	w->issue = *o->seq;
	w->durable_ack = durable_ack;
	w->refs = 1;
	w->prev = o->pending.prev;
	w->next = &o->pending;
	w->prev->next = w;
	w->next->prev = w;
	return w;
}

/* Whole blocks become holes by a durable record (R22), edges are written. */
static void
oracle_begin_zeroes(struct oracle *o, struct oracle_slot *s)
{
	uint64_t end = s->offset + s->length;
	uint64_t in = (s->offset + ORACLE_BLOCK - 1) / ORACLE_BLOCK *
		      ORACLE_BLOCK;
	uint64_t out = end / ORACLE_BLOCK * ORACLE_BLOCK;
	bool fua = (s->flags & RAID_FUA) != 0;

	if (in >= out)
		in = out = end;
	if (in < out) {
		s->writes[0] = oracle_write_new(o, true);
		oracle_add_range(o, s->writes[0], in, out,
				 s->op == RAID_DISCARD ? IMAGE_HOLE :
							 IMAGE_ZERO);
	}
	if (s->op == RAID_DISCARD)
		return;
	s->writes[1] = oracle_write_new(o, fua);
	oracle_add_range(o, s->writes[1], s->offset, in, IMAGE_ZERO);
	oracle_add_range(o, s->writes[1], out, end, IMAGE_ZERO);
}

/* NO_HOLE: zeros that are data. */
static void
oracle_begin_allocated(struct oracle *o, struct oracle_slot *s)
{
	s->writes[0] = oracle_write_new(o, (s->flags & RAID_FUA) != 0);
	s->writes[0]->zeros = true;
	oracle_add_range(o, s->writes[0], s->offset, s->offset + s->length,
			 IMAGE_DATA);
}

uint64_t
oracle_begin(struct oracle *o, unsigned slot, enum raid_op op, uint32_t flags,
	     uint64_t offset, uint64_t length)
{
	struct oracle_slot *s = &o->slots[slot];

	CHECK(slot < ORACLE_SLOTS_MAX);
	CHECK(!s->used);
	*s = (struct oracle_slot){
		.used = true,
		.op = op,
		.flags = flags,
		.offset = offset,
		.length = length,
		.issue = ++*o->seq,
	};
	if (op == RAID_WRITE) {
		s->writes[0] = oracle_write_new(o, (flags & RAID_FUA) != 0);
		oracle_add_range(o, s->writes[0], offset, offset + length,
				 IMAGE_DATA);
	} else if (op == RAID_ZEROES && (flags & RAID_NO_HOLE) != 0) {
		oracle_begin_allocated(o, s);
	} else if (op == RAID_ZEROES || op == RAID_DISCARD) {
		oracle_begin_zeroes(o, s);
	}
	return o->next_id++;
}

static void
oracle_make_durable(struct oracle_write *w)
{
	w->durable = true;
	w->prev->next = w->next;
	w->next->prev = w->prev;
	w->next = NULL;
	w->prev = NULL;
}

static void
oracle_flushed(struct oracle *o, uint64_t issue)
{
	struct oracle_write *w = o->pending.next;

	while (w != &o->pending) {
		struct oracle_write *next = w->next;

		if (w->ok && !w->maybe && w->done < issue)
			oracle_make_durable(w);
		w = next;
	}
}

static bool
oracle_matches(const struct oracle *o, uint64_t g, const struct version *v,
	       const uint8_t *data, uint64_t skip, uint64_t length)
{
	if (v->bytes != NULL)
		return memcmp(v->bytes + skip, data, length) == 0;
	if (v->kind == IMAGE_DATA)
		return oracle_is_pattern(v->write->id,
					 g * o->granule_bytes + skip, length,
					 data);
	return oracle_is_zero(data, length);
}

static bool
oracle_looks_like(const struct oracle *o, uint64_t g, const struct version *a,
		  const struct version *b)
{
	uint8_t one[GRANULE_MAX], other[GRANULE_MAX];

	oracle_image(o, g, a, one);
	oracle_image(o, g, b, other);
	return memcmp(one, other, o->granule_bytes) == 0;
}

/*
 * A read returned it: which others never will be returned again (I3)?  If it
 * is from before the last crash: all others from before it.  Else: all that
 * were answered, as it was itself, before any reader that goes on began.
 */
static void
oracle_settle(struct oracle *o, uint64_t g, struct version *seen)
{
	/* One that failed in this run is in no journal that is known of. */
	bool doubt = seen->write->maybe && !seen->settled &&
		     seen->write->done <= o->crashed;
	bool alike = false; /* another looks the same: zeros, unwritten */
	uint64_t reader = oracle_oldest_reader(o);
	struct version **l = &o->newest[g];

	if (!doubt && !oracle_is_durable(seen))
		return;
	while (*l != NULL) {
		const struct version *v = *l;
		uint64_t done = v->write->done;
		bool gone = seen->write->done <= o->crashed &&
			    done <= o->crashed;

		if (done < reader && seen->write->done < reader &&
		    !(v->write->maybe && !v->settled))
			gone = true;
		if (v != seen && doubt && oracle_looks_like(o, g, v, seen)) {
			alike = true;
			gone = false;
		}
		if (gone && v != seen && done != 0)
			oracle_drop(l);
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
			mark, oracle_allowed(o, g, v, sent) ? "*" : "",
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
		if (oracle_matches(o, g, v, data, skip, length))
			at += oracle_explain_version(o, g, v, sent, " THIS ",
						     at, (size_t)(end - at));
	for (const struct version *v = o->newest[g]; v != NULL && end - at > 120;
	     v = v->older)
		if (oracle_allowed(o, g, v, sent))
			at += oracle_explain_version(o, g, v, sent, " ", at,
						     (size_t)(end - at));
}

static bool
oracle_check_granule(struct oracle *o, uint64_t g, uint64_t skip,
		     uint64_t length, const uint8_t *data, uint64_t sent)
{
	struct version *v = o->newest[g];

	o->checked++;
	if (v == NULL && oracle_is_zero(data, length))
		return true;
	for (; v != NULL; v = v->older) {
		if (!oracle_matches(o, g, v, data, skip, length) ||
		    !oracle_allowed(o, g, v, sent))
			continue;
		if (!o->peek && length == o->granule_bytes)
			oracle_settle(o, g, v);
		return true;
	}
	oracle_explain(o, g, skip, length, data, sent);
	return false;
}

static bool
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
	return true;
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
		uint64_t horizon = oracle_horizon(o, g, sent, false);
		bool data = o->newest[g] != NULL;

		for (const struct version *v = o->newest[g]; v != NULL;
		     v = v->older) {
			if (oracle_is_behind(v, horizon))
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

static bool
oracle_check_map(struct oracle *o, const struct oracle_slot *s,
		 const uint8_t *map)
{
	uint64_t first = s->offset / ORACLE_BLOCK;
	uint64_t last = (s->offset + s->length - 1) / ORACLE_BLOCK;

	for (uint64_t b = first; b <= last; b++) {
		bool holes, data;
		uint8_t got = map[b - first];

		oracle_block_kind(o, b, s->issue, &holes, &data);
		/* A page that is lost counts as written (R24). */
		if (got > 1 || (got == 1 && holes && !o->lenient) ||
		    (got == 0 && data)) {
			snprintf(o->reason, sizeof(o->reason),
				 "map of block %" PRIu64
				 ": got %u, all holes %d, any data %d",
				 b, got, holes, data);
			return false;
		}
	}
	return true;
}

static void
oracle_end_write(struct oracle_write *w, int res, uint64_t seq)
{
	w->done = seq;
	w->ok = res == 0;
	w->maybe = res != 0;
	if (w->ok && w->durable_ack)
		oracle_make_durable(w);
	oracle_unref(w);
}

bool
oracle_end(struct oracle *o, unsigned slot, int res, const void *buf)
{
	struct oracle_slot *s = &o->slots[slot];
	bool good = true;

	CHECK(s->used);
	++*o->seq;
	if (res == 0 && s->op == RAID_READ)
		good = oracle_check_read(o, s, buf);
	if (res == 0 && s->op == RAID_MAP)
		good = oracle_check_map(o, s, buf);
	if (res == 0 && s->op == RAID_FLUSH)
		oracle_flushed(o, s->issue);
	s->used = false;
	for (unsigned i = 0; i < 2; i++)
		if (s->writes[i] != NULL) {
			oracle_end_write(s->writes[i], res, *o->seq);
			s->writes[i] = NULL;
		}
	return good;
}

void
oracle_crash(struct oracle *o, bool with_power)
{
	uint64_t seq = ++*o->seq;
	struct oracle_write *w = o->pending.next;

	o->crashed = seq;
	while (w != &o->pending) {
		struct oracle_write *next = w->next;
		bool in_flight = w->done == 0;

		if (with_power || in_flight)
			w->maybe = true;
		if (in_flight)
			w->done = seq;
		if (in_flight)
			oracle_unref(w);
		w = next;
	}
	for (unsigned i = 0; i < ORACLE_SLOTS_MAX; i++)
		o->slots[i] = (struct oracle_slot){0};
}

void
oracle_all_durable(struct oracle *o)
{
	oracle_flushed(o, UINT64_MAX);
}

void
oracle_doubt(struct oracle *o)
{
	for (struct oracle_write *w = o->pending.next; w != &o->pending;
	     w = w->next)
		if (w->done != 0)
			w->maybe = true;
}

bool
oracle_in_doubt(const struct oracle *o, uint64_t offset, uint64_t length)
{
	uint64_t g = offset / o->granule_bytes;

	for (; g * o->granule_bytes < offset + length; g++)
		for (const struct version *v = o->newest[g]; v != NULL;
		     v = v->older)
			if (!oracle_is_durable(v))
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
