/* SPDX-License-Identifier: MIT */
/*
 * What is lost, for who has to restore it: where it lies on the array's
 * device.  An extent of a set is chunks of the device; those side by side
 * there are one range.
 */
#include <stdlib.h>

#include "arrays.h"
#include "health.h"
#include "show.h"
#include "volume.h"

/* More are counted, not told. */
#define EXTENTS_MAX 4096u
#define RANGES_MAX  16384u

#define INT(n)      json_integer((json_int_t)(n))

struct lost_list {
	struct volume *v;
	uint32_t set;
	uint32_t count;
	struct raid_lost extents[EXTENTS_MAX];
	uint32_t ranges; /* told so far */
	bool more;
};

static json_t *
range_json(uint64_t offset, uint64_t length)
{
	return json_pack("{s:I,s:I}", "offset", (json_int_t)offset, "length",
			 (json_int_t)length);
}

static json_t *
lost_ranges(struct lost_list *list, const struct geometry *g,
	    const struct raid_lost *lost)
{
	json_t *out = json_array();
	uint64_t at = lost->offset;
	uint64_t end = lost->offset + lost->length;
	uint64_t first = 0;
	uint64_t length = 0;

	for (; at < end && list->ranges < RANGES_MAX;) {
		uint64_t next = (at / g->chunk_bytes + 1) * g->chunk_bytes;
		uint64_t on = layout_array_offset(g, list->set, at);

		if (next > end)
			next = end;
		if (length && first + length != on) {
			json_array_append_new(out, range_json(first, length));
			list->ranges++;
			length = 0;
		}
		if (!length)
			first = on;
		length += next - at;
		at = next;
	}
	if (length)
		json_array_append_new(out, range_json(first, length));
	list->ranges++;
	list->more |= at < end;
	return out;
}

static json_t *
lost_json(struct lost_list *list, const struct geometry *g,
	  const struct raid_lost *lost)
{
	json_t *out = json_object();

	json_object_set_new(out, "set", INT(list->set));
	json_object_set_new(out, "offset", INT(lost->offset));
	json_object_set_new(out, "length", INT(lost->length));
	json_object_set_new(out, "what",
			    json_string(lost->page ? "sums" : "data"));
	json_object_set_new(out, "since", show_time(lost->since_s));
	json_object_set_new(out, "device_ranges", lost_ranges(list, g, lost));
	return out;
}

static void
lost_run(struct raid *r, void *arg)
{
	struct lost_list *list = arg;

	list->count = raid_lost(r, list->set, list->extents, EXTENTS_MAX);
}

json_t *
show_lost(const struct array *array)
{
	struct lost_list *list = calloc(1, sizeof(*list));
	struct health *h = calloc(1, sizeof(*h));
	json_t *extents = json_array();
	uint64_t bytes = 0;
	json_t *out;

	if (!list || !h) {
		free(list);
		free(h);
		json_decref(extents);
		return NULL;
	}
	health_look(array, h);
	list->v = array->volume;
	for (; list->set < h->sb.geometry.sets; list->set++) {
		volume_call(list->v, lost_run, list);
		list->more |= h->status.sets[list->set].lost_more ||
			      list->count == EXTENTS_MAX;
		for (uint32_t i = 0; i < list->count; i++) {
			bytes += list->extents[i].length;
			if (list->ranges >= RANGES_MAX) {
				list->more = true;
				continue;
			}
			json_array_append_new(extents,
					      lost_json(list, &h->sb.geometry,
							&list->extents[i]));
		}
	}
	out = json_pack("{s:s,s:s?,s:I,s:b,s:o}", "name", array->name, "device",
			h->attached && h->attachment.device[0]
				? h->attachment.device
				: NULL,
			"lost_bytes", (json_int_t)bytes, "more", list->more,
			"extents", extents);
	free(list);
	free(h);
	return out;
}
