/* SPDX-License-Identifier: MIT */
/*
 * For each granule a list of versions, newest first.  A version is superseded
 * for a reader when another write was sent after its answer and was answered
 * itself before the read was sent; what no such pair orders may be returned
 * (I4).  What is not durable may be lost, and supersedes nothing for good.
 *
 * The empty list is one version: unwritten, durable, from the beginning.
 */
#include <string.h>

#include "check.h"
#include "pattern.h"
#include "pool.h"
#include "versions.h"

/* Of a granule; then a flush should come. */
#define VERSIONS_MAX 32u

void
oracle_write_unref(struct oracle_write *w)
{
	CHECK(w->refs > 0);
	if (--w->refs > 0)
		return;
	if (w->next != NULL) {
		w->next->prev = w->prev;
		w->prev->next = w->next;
	}
	pool_give(w, sizeof(*w));
}

void
version_drop(const struct oracle *o, struct version **link)
{
	struct version *v = *link;

	*link = v->older;
	oracle_write_unref(v->write);
	pool_give(v->bytes, o->granule_bytes);
	pool_give(v, sizeof(*v));
}

static bool
version_is_firm(const struct version *v)
{
	return v->settled || (v->write->ok && !v->write->maybe);
}

/* The newest was sent last: the first found is the latest. */
uint64_t
versions_horizon(const struct oracle *o, uint64_t g, uint64_t before,
		 bool durable)
{
	for (const struct version *by = o->newest[g]; by != NULL;
	     by = by->older)
		if (version_is_firm(by) && by->write->done < before &&
		    (!durable || version_is_durable(by)))
			return by->write->issue;
	return 0;
}

bool
version_is_allowed(const struct oracle *o, uint64_t g,
		   const struct version *v, uint64_t sent)
{
	/* Nothing was sent after its answer and answered before `sent`. */
	if (v->write->done == 0 || v->write->done >= sent)
		return true;
	return !version_is_behind(v, versions_horizon(o, g, sent, false));
}

uint64_t
versions_oldest_reader(const struct oracle *o)
{
	uint64_t oldest = UINT64_MAX;

	for (uint64_t left = o->slots_used; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (o->slots[i].issue < oldest)
			oldest = o->slots[i].issue;
	}
	return oldest;
}

/* Forget what neither a read nor a crash can bring back. */
static void
versions_prune(struct oracle *o, uint64_t g, uint64_t reader)
{
	uint64_t horizon = versions_horizon(o, g, reader, true);
	struct version **l = &o->newest[g];

	while (*l != NULL)
		if (version_is_behind(*l, horizon))
			version_drop(o, l);
		else
			l = &(*l)->older;
}

static struct version *
version_new(struct oracle *o, uint64_t g, struct oracle_write *w,
	    enum image_kind kind, bool own_bytes)
{
	struct version *v = pool_take(sizeof(*v));

	*v = (struct version){
		.older = o->newest[g],
		.write = w,
		.kind = kind,
		.bytes = own_bytes ? pool_take(o->granule_bytes) : NULL,
	};
	w->refs++;
	o->newest[g] = v;
	return v;
}

static void
versions_add_whole(struct oracle *o, uint64_t g, struct oracle_write *w,
		   enum image_kind kind, uint64_t reader)
{
	bool zeros = kind == IMAGE_DATA && w->zeros;
	struct version *v;

	if (o->newest[g] == NULL)
		version_new(o, g, &o->genesis, IMAGE_HOLE, false);
	else
		versions_prune(o, g, reader);
	v = version_new(o, g, w, kind, zeros);
	if (zeros)
		memset(v->bytes, 0, o->granule_bytes);
}

static void
version_image(const struct oracle *o, uint64_t g, const struct version *v,
	      uint8_t *out)
{
	if (v->bytes != NULL)
		memcpy(out, v->bytes, o->granule_bytes);
	else if (v->kind == IMAGE_DATA)
		pattern_fill(v->write->id, g * o->granule_bytes,
			     o->granule_bytes, out);
	else
		memset(out, 0, o->granule_bytes);
}

/* On top of each value that the granule may have now. */
static void
versions_add_partial(struct oracle *o, uint64_t g, struct oracle_write *w,
		     uint64_t offset, uint64_t length, enum image_kind kind,
		     uint64_t reader)
{
	uint64_t skip = offset - g * o->granule_bytes;
	uint64_t horizon;
	struct version *first;

	if (o->newest[g] == NULL)
		version_new(o, g, &o->genesis, IMAGE_HOLE, false);
	versions_prune(o, g, reader);
	horizon = versions_horizon(o, g, UINT64_MAX, false);
	first = o->newest[g];
	for (struct version *v = first; v != NULL; v = v->older) {
		struct version *n;

		if (version_is_behind(v, horizon))
			continue;
		n = version_new(o, g, w, v->kind, true);
		n->partial = true;
		version_image(o, g, v, n->bytes);
		if (kind == IMAGE_DATA && !w->zeros)
			pattern_fill(w->id, offset, length, n->bytes + skip);
		else
			memset(n->bytes + skip, 0, length);
		n->kind = kind == IMAGE_DATA || v->kind == IMAGE_DATA ?
			IMAGE_DATA : IMAGE_ZERO;
	}
}

void
versions_add(struct oracle *o, struct oracle_write *w, uint64_t offset,
	     uint64_t end, enum image_kind kind)
{
	uint64_t reader = versions_oldest_reader(o);

	while (offset < end) {
		uint64_t g = offset / o->granule_bytes;
		uint64_t next = (g + 1) * o->granule_bytes;

		if (next > end)
			next = end;
		if (next - offset == o->granule_bytes)
			versions_add_whole(o, g, w, kind, reader);
		else
			versions_add_partial(o, g, w, offset, next - offset,
					     kind, reader);
		offset = next;
	}
}

bool
versions_are_busy(const struct oracle *o, uint64_t g, bool whole)
{
	unsigned count = 0;

	for (const struct version *v = o->newest[g]; v != NULL; v = v->older)
		if (++count > VERSIONS_MAX ||
		    (v->write->done == 0 && (v->partial || !whole)))
			return true;
	return false;
}

bool
versions_are_untold(const struct oracle *o, uint64_t g, uint64_t sent)
{
	if (!o->weak || oracle_is_unsure(o, g * o->granule_bytes, sent))
		return false;
	for (const struct version *v = o->newest[g]; v != NULL; v = v->older)
		if (v->write->done == 0 || v->write->done > o->power_lost)
			return false;
	return o->power_lost != 0;
}

/* As if it had been written just after the power cut, before all requests. */
void
versions_tell(struct oracle *o, uint64_t g, const uint8_t *bytes)
{
	struct oracle_write *w = pool_take(sizeof(*w));
	bool zeros = pattern_is_zero(bytes, o->granule_bytes);

	while (o->newest[g] != NULL)
		version_drop(o, &o->newest[g]);
	*w = (struct oracle_write){
		.issue = o->power_lost + 1,
		.done = o->power_lost + 1,
		.ok = true,
	};
	memcpy(version_new(o, g, w, zeros ? IMAGE_ZERO : IMAGE_DATA,
			   true)->bytes, bytes, o->granule_bytes);
}

bool
version_matches(const struct oracle *o, uint64_t g, const struct version *v,
		const uint8_t *data, uint64_t skip, uint64_t length)
{
	if (v->bytes != NULL)
		return memcmp(v->bytes + skip, data, length) == 0;
	if (v->kind == IMAGE_DATA)
		return pattern_is(v->write->id, g * o->granule_bytes + skip,
				  length, data);
	return pattern_is_zero(data, length);
}

bool
versions_look_alike(const struct oracle *o, uint64_t g,
		    const struct version *a, const struct version *b)
{
	uint8_t one[GRANULE_MAX];

	version_image(o, g, a, one);
	return version_matches(o, g, b, one, 0, o->granule_bytes);
}
