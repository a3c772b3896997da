/* SPDX-License-Identifier: MIT */
/*
 * Every key is always there; what is not known is null.  Numbers are whole,
 * in bytes and seconds.
 */
#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uuid/uuid.h>

#include "arrays.h"
#include "config.h"
#include "device.h"
#include "health.h"
#include "volume.h"

#define INT(n) json_integer((json_int_t)(n))

static json_t *
uuid_json(const uint8_t uuid[16])
{
	char text[UUID_TEXT_MAX];

	uuid_unparse_lower(uuid, text);
	return json_string(text);
}

json_t *
show_time(uint64_t seconds)
{
	char text[32];
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!seconds || !gmtime_r(&t, &tm))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

json_t *
show_text(const char *text)
{
	return text && text[0] ? json_string(text) : json_null();
}

static const char *
state_word(const struct array *array)
{
	switch (array->state) {
	case ARRAY_WAITING:
		return "waiting";
	case ARRAY_STOPPED:
		return "stopped";
	case ARRAY_STOPPING:
		return "stopping";
	case ARRAY_SERVING:
		break;
	}
	return "serving";
}

/* What a leg of an array that is not served would be. */
static const char *
leg_word(const struct health *h, uint32_t set, uint32_t leg)
{
	const struct assembly *as = h->array->assembly;
	uint32_t i = set * SB_PLACES_MAX + leg;
	uint32_t legs = h->sb.geometry.legs;

	if (h->serving) {
		const struct raid_leg_status *l =
			&h->status.legs[set * legs + leg];

		if (!l->present && l->state != LEG_FAILED)
			return health_out_disk(h, set, leg)
				       ? leg_state_word(LEG_STALE)
				       : "missing";
		return leg_state_word(l->state);
	}
	if (!as || as->place[i] < 0)
		return health_out_disk(h, set, leg)
			       ? assemble_role_word(ROLE_STALE)
			       : "missing";
	return assemble_role_word(as->role[as->place[i]]);
}

/* The disk that fills a place, as far as we know it. */
static void
leg_disk(const struct health *h, uint32_t set, uint32_t leg, json_t *out)
{
	const struct sb_place *place = sb_place_const(&h->sb, set, leg);
	const struct known *k =
		known_find(h->array->home->known, place->member_uuid);
	const struct device *d =
		h->serving ? volume_device(h->array->volume, set, leg) : NULL;

	if (d && d->fd < 0)
		d = NULL;
	json_object_set_new(out, "member_uuid", uuid_json(place->member_uuid));
	json_object_set_new(out, "path",
			    show_text(k   ? k->path
					 : d ? d->path
					     : NULL));
	json_object_set_new(out, "serial",
			    show_text(k   ? k->serial
					 : d ? d->serial
					     : NULL));
	json_object_set_new(out, "model",
			    show_text(k   ? k->model
					 : d ? d->model
					     : NULL));
	json_object_set_new(out, "bytes", d ? INT(d->bytes) : json_null());
	json_object_set_new(out, "sector_bytes",
			    d ? INT(d->sector_bytes) : json_null());
	json_object_set_new(out, "changed", show_time(place->changed_s));
}

static json_t *
leg_json(const struct health *h, uint32_t set, uint32_t leg)
{
	static const struct raid_leg_status none;
	const struct raid_leg_status *l =
		h->serving ? &h->status.legs[set * h->sb.geometry.legs + leg]
			   : &none;
	json_t *out = json_object();
	char name[32];

	snprintf(name, sizeof(name), "%u.%u", set, leg);
	json_object_set_new(out, "leg", json_string(name));
	json_object_set_new(out, "state", json_string(leg_word(h, set, leg)));
	leg_disk(h, set, leg, out);
	json_object_set_new(out, "present", json_boolean(l->present));
	json_object_set_new(out, "read_errors", INT(l->read_errors));
	json_object_set_new(out, "write_errors", INT(l->write_errors));
	json_object_set_new(out, "mismatches", INT(l->mismatches));
	json_object_set_new(out, "repaired", INT(l->repaired));
	json_object_set_new(out, "stale_regions", INT(l->stale_regions));
	json_object_set_new(out, "in_flight", INT(l->in_flight));
	json_object_set_new(out, "slow_reads", INT(l->slow_reads));
	json_object_set_new(out, "abandoned", INT(l->abandoned));
	return out;
}

static json_t *
set_json(const struct health *h, uint32_t set)
{
	static const struct raid_set_status none;
	const struct raid_set_status *s =
		h->serving ? &h->status.sets[set] : &none;
	json_t *legs = json_array();
	json_t *out = json_object();

	for (uint32_t leg = 0; leg < h->sb.geometry.legs; leg++)
		json_array_append_new(legs, leg_json(h, set, leg));
	json_object_set_new(out, "set", INT(set));
	json_object_set_new(out, "health",
			    json_string(health_set_word(h, set)));
	json_object_set_new(out, "in_sync", INT(s->in_sync));
	json_object_set_new(out, "write_stopped",
			    json_boolean(s->write_stopped));
	json_object_set_new(out, "dirty_units", INT(s->dirty_units));
	json_object_set_new(out, "resync_units", INT(s->resync_units));
	json_object_set_new(out, "written_bytes", INT(s->written_bytes));
	json_object_set_new(out, "discards_left_bytes",
			    INT(s->discards_left_bytes));
	json_object_set_new(out, "sums_pending", INT(s->sums_pending));
	json_object_set_new(out, "journal_used_bytes",
			    INT(s->journal_used_bytes));
	json_object_set_new(out, "journal_bytes", INT(s->journal_bytes));
	json_object_set_new(out, "lost_blocks", INT(s->lost_blocks));
	json_object_set_new(out, "lost_regions", INT(s->lost_regions));
	json_object_set_new(out, "lost_more", json_boolean(s->lost_more));
	json_object_set_new(out, "lost_reads", INT(s->lost_reads));
	json_object_set_new(out, "unverified_blocks",
			    INT(s->unverified_blocks));
	json_object_set_new(out, "legs", legs);
	return out;
}

static json_t *
counters_json(const struct raid_counters *c)
{
	return json_pack(
		"{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
		"reads", (json_int_t)c->reads, "read_bytes",
		(json_int_t)c->read_bytes, "writes", (json_int_t)c->writes,
		"write_bytes", (json_int_t)c->write_bytes, "flushes",
		(json_int_t)c->flushes, "discards", (json_int_t)c->discards,
		"appends", (json_int_t)c->appends, "append_blocks",
		(json_int_t)c->append_blocks, "checkpoints",
		(json_int_t)c->checkpoints, "page_stores",
		(json_int_t)c->page_stores, "page_loads",
		(json_int_t)c->page_loads, "leg_flushes",
		(json_int_t)c->leg_flushes, "errors", (json_int_t)c->errors);
}

/* Disks that say they are of this array and are not legs of it now. */
static json_t *
others_json(const struct array *array)
{
	json_t *out = json_array();

	for (const struct candidate *c = array->found; c; c = c->next) {
		const char *role =
			c->res || c->index < 0 || !array->assembly
				? "unusable"
				: assemble_role_word(
					  array->assembly->role[c->index]);
		json_t *one = json_object();
		char leg[32];

		snprintf(leg, sizeof(leg), "%u.%u", c->sb.set, c->sb.leg);
		json_object_set_new(one, "path", json_string(c->path));
		json_object_set_new(one, "serial",
				    show_text(c->identity.serial));
		json_object_set_new(one, "member_uuid",
				    uuid_json(c->sb.member_uuid));
		json_object_set_new(one, "leg", json_string(leg));
		json_object_set_new(one, "role", json_string(role));
		json_object_set_new(one, "epoch", INT(c->sb.history[0].number));
		json_object_set_new(one, "damaged_copies", INT(c->bad_copies));
		json_object_set_new(
			one, "trouble",
			c->res ? json_string(candidate_trouble(c->res))
			       : json_null());
		json_array_append_new(out, one);
	}
	return out;
}

static json_t *
size_json(const struct health *h)
{
	return h->have_sb
		       ? INT(layout_array_bytes(&h->sb.geometry, &h->sb.layout))
		       : json_null();
}

static json_t *
device_json(const struct health *h)
{
	return show_text(h->attached ? h->attachment.device : NULL);
}

static void
show_shape(const struct health *h, json_t *out)
{
	const struct geometry *g = &h->sb.geometry;
	json_t *sets = json_array();

	for (uint32_t set = 0; h->have_sb && set < g->sets; set++)
		json_array_append_new(sets, set_json(h, set));
	json_object_set_new(out, "size_bytes", size_json(h));
	json_object_set_new(out, "block_bytes", INT(g->block_bytes));
	json_object_set_new(out, "chunk_bytes", INT(g->chunk_bytes));
	json_object_set_new(out, "legs_per_set", INT(g->legs));
	json_object_set_new(out, "created", show_time(h->sb.created_s));
	json_object_set_new(
		out, "epoch",
		INT(h->serving ? h->status.epoch : h->sb.history[0].number));
	json_object_set_new(out, "epoch_in_force",
			    INT(h->serving ? h->status.epoch_in_force
					   : h->sb.in_force_number));
	json_object_set_new(out, "sets", sets);
}

/* Bytes of sets that are being made to agree again. */
static json_t *
progress_json(const struct health *h)
{
	json_t *out = json_array();

	for (uint32_t set = 0; h->serving && set < h->sb.geometry.sets; set++) {
		uint64_t units = h->status.sets[set].resync_units;

		if (!units)
			continue;
		json_array_append_new(
			out, json_pack("{s:s,s:i,s:I}", "job", "resync", "set",
				       (int)set, "remaining_bytes",
				       (json_int_t)(units * UNIT_BLOCKS *
						    BLOCK_BYTES)));
	}
	return out;
}

/* What any list of arrays begins with. */
static json_t *
summary_json(const struct array *array, const struct health *h)
{
	json_t *out = json_object();

	json_object_set_new(out, "name", json_string(array->name));
	json_object_set_new(out, "uuid", uuid_json(array->uuid));
	json_object_set_new(out, "state", json_string(state_word(array)));
	json_object_set_new(out, "health", json_string(health_word(h)));
	json_object_set_new(out, "activity", json_string(health_activity(h)));
	return out;
}

json_t *
show_brief(const struct array *array)
{
	struct health *h = calloc(1, sizeof(*h));
	json_t *out;

	if (!h)
		return NULL;
	health_look(array, h);
	out = summary_json(array, h);
	json_object_set_new(out, "size_bytes", size_json(h));
	json_object_set_new(out, "device", device_json(h));
	free(h);
	return out;
}

json_t *
show_array(const struct array *array)
{
	struct health *h = calloc(1, sizeof(*h));
	json_t *out;

	if (!h)
		return NULL;
	health_look(array, h);
	out = summary_json(array, h);
	json_object_set_new(out, "mode",
			    json_string(!h->serving         ? "stopped"
					: h->status.salvage ? "read-only"
							    : "read-write"));
	show_shape(h, out);
	json_object_set_new(out, "export", show_export(array));
	json_object_set_new(out, "device", device_json(h));
	json_object_set_new(out, "connections", INT(h->connections));
	json_object_set_new(out, "requests", INT(h->status.requests));
	json_object_set_new(out, "sums_cache_bytes",
			    INT(array->volume ? array->sums_cache_bytes : 0));
	json_object_set_new(out, "counters",
			    counters_json(&h->status.counters));
	json_object_set_new(out, "progress", progress_json(h));
	json_object_set_new(out, "problems", health_problems(h));
	json_object_set_new(out, "other_disks", others_json(array));
	free(h);
	return out;
}

json_t *
show_strays(const struct arrays *a)
{
	json_t *out = json_array();

	for (const struct candidate *c = a->strays; c; c = c->next)
		json_array_append_new(
			out,
			json_pack("{s:s,s:o,s:s}", "path", c->path, "serial",
				  show_text(c->identity.serial), "trouble",
				  candidate_trouble(c->res)));
	return out;
}

json_t *
show_export(const struct array *array)
{
	const struct config *c = array->home->config;
	char dir[512];

	attach_dir(c, array->name, dir, sizeof(dir));
	return json_pack("{s:s,s:s,s:o,s:b,s:b,s:s}", "nbd_socket",
			 c->nbd_socket, "name", array->name, "nbd_tcp",
			 show_text(c->nbd_tcp), "nbd_write_through",
			 c->nbd_write_through, "nbd_tcp_write_through",
			 c->nbd_tcp_write_through, "attach_dir", dir);
}
