/* SPDX-License-Identifier: MIT */
/* What disks had wrong, as JSON: doc/protocol.md, "faults". */
#include <stdlib.h>
#include <string.h>

#include "arrays.h"
#include "device.h"
#include "faults.h"
#include "show.h"
#include "volume.h"

#define INT(n) json_integer((json_int_t)(n))

static void
fault_place_json(const struct fault *ft, json_t *out)
{
	bool elsewhere = ft->kind == VERDICT_MISDIRECTED;
	bool back = ft->kind == VERDICT_WENT_BACK;

	json_object_set_new(out, "set_offset",
			    ft->has_place ? INT(ft->set_offset) : json_null());
	json_object_set_new(out, "device_offset",
			    ft->has_place ? INT(ft->device_offset)
					  : json_null());
	json_object_set_new(out, "length",
			    ft->has_place ? INT(ft->length) : json_null());
	json_object_set_new(out, "belongs_to_offset",
			    elsewhere ? INT(ft->belongs_offset) : json_null());
	json_object_set_new(out, "older",
			    back ? json_string(fault_back_word(ft->what))
				 : json_null());
	json_object_set_new(out, "behind",
			    back ? INT(ft->behind) : json_null());
}

static json_t *
fault_json(const struct fault *ft)
{
	json_t *out = json_object();

	json_object_set_new(out, "time", show_time(ft->time_s));
	json_object_set_new(out, "leg",
			    json_sprintf("%u.%u", ft->set, ft->leg));
	json_object_set_new(out, "path", show_text(ft->path));
	json_object_set_new(out, "model", show_text(ft->model));
	json_object_set_new(out, "serial", show_text(ft->serial));
	json_object_set_new(out, "firmware", show_text(ft->firmware));
	json_object_set_new(out, "kind", json_string(verdict_word(ft->kind)));
	json_object_set_new(out, "error",
			    show_text(ft->err ? strerror(-ft->err) : NULL));
	fault_place_json(ft, out);
	json_object_set_new(out, "outcome",
			    json_string(fault_outcome_word(ft->outcome)));
	return out;
}

static json_t *
fault_leg_json(const struct array *array, const struct raid_status *st,
	       uint32_t set, uint32_t leg)
{
	const struct raid_leg_status *l = &st->legs[set * array->legs + leg];
	const struct device *d = volume_device(array->volume, set, leg);
	json_t *out = json_object();

	if (d && d->fd < 0)
		d = NULL;
	json_object_set_new(out, "leg", json_sprintf("%u.%u", set, leg));
	json_object_set_new(out, "path", show_text(d ? d->path : NULL));
	json_object_set_new(out, "model", show_text(d ? d->model : NULL));
	json_object_set_new(out, "serial", show_text(d ? d->serial : NULL));
	json_object_set_new(out, "firmware", show_text(d ? d->firmware : NULL));
	for (enum raid_verdict k = 0; k < VERDICT_COUNT; k++)
		json_object_set_new(out, verdict_word(k), INT(l->verdicts[k]));
	json_object_set_new(out, "write-error", INT(l->write_errors));
	json_object_set_new(out, "repaired", INT(l->repaired));
	json_object_set_new(out, "budget_used", INT(l->budget_used));
	json_object_set_new(out, "budget", INT(l->budget));
	return out;
}

static json_t *
fault_legs_json(const struct array *array)
{
	struct raid_status *st = calloc(1, sizeof(*st));
	json_t *out = json_array();

	if (!st || !array->volume) {
		free(st);
		return out;
	}
	volume_status(array->volume, st);
	for (uint32_t set = 0; set < array->sets; set++)
		for (uint32_t leg = 0; leg < array->legs; leg++)
			json_array_append_new(
				out, fault_leg_json(array, st, set, leg));
	free(st);
	return out;
}

json_t *
show_faults(const struct array *array)
{
	const struct faults *f = &array->faults;
	json_t *list = json_array();
	json_t *out = json_object();

	for (uint32_t i = 0; i < faults_kept(f); i++)
		json_array_append_new(list, fault_json(faults_at(f, i)));
	json_object_set_new(out, "name", json_string(array->name));
	json_object_set_new(out, "legs", fault_legs_json(array));
	json_object_set_new(out, "faults_ever", INT(f->count));
	json_object_set_new(out, "faults_dropped",
			    INT(f->count - faults_kept(f)));
	json_object_set_new(out, "faults", list);
	return out;
}
