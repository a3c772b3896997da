/* SPDX-License-Identifier: MIT */
#include "health.h"

#include <string.h>

#include "arrays.h"
#include "volume.h"

void
health_look(const struct array *array, struct health *out)
{
	const struct sb *sb;

	memset(out, 0, sizeof(*out));
	out->array = array;
	out->serving = array->volume != NULL;
	sb = array_superblock(array);
	out->have_sb = sb != NULL;
	if (sb)
		out->sb = *sb;
	if (out->serving) {
		volume_status(array->volume, &out->status);
		out->connections = volume_connections(array->volume);
	}
	out->attached =
		attach_read(array->home->config, array->name, &out->attachment);
}

uint32_t
health_present(const struct health *h, uint32_t set)
{
	const struct assembly *as = h->array->assembly;
	uint32_t count = 0;

	for (uint32_t leg = 0; leg < h->sb.geometry.legs; leg++) {
		uint32_t i = set * SB_PLACES_MAX + leg;
		int member = as->place[i];

		count += member >= 0 && as->role[member] == ROLE_IN_SYNC;
	}
	return count;
}

static enum raid_health
set_health(const struct health *h, uint32_t set)
{
	uint32_t present;

	if (h->serving)
		return h->status.sets[set].health;
	present = health_present(h, set);
	if (!present)
		return HEALTH_FAILED;
	return present < h->sb.geometry.legs ? HEALTH_DEGRADED : HEALTH_OPTIMAL;
}

static const char *
word_of(enum raid_health health)
{
	switch (health) {
	case HEALTH_OPTIMAL:
		return "optimal";
	case HEALTH_DEGRADED:
		return "degraded";
	case HEALTH_FAILED:
		break;
	}
	return "failed";
}

const char *
health_set_word(const struct health *h, uint32_t set)
{
	if (!h->serving && !h->array->assembly)
		return "unknown";
	return word_of(set_health(h, set));
}

const char *
health_word(const struct health *h)
{
	enum raid_health worst = HEALTH_OPTIMAL;

	if (!h->have_sb || (!h->serving && !h->array->assembly))
		return "unknown";
	for (uint32_t set = 0; set < h->sb.geometry.sets; set++)
		if (set_health(h, set) > worst)
			worst = set_health(h, set);
	return word_of(worst);
}

const char *
health_activity(const struct health *h)
{
	for (uint32_t set = 0; h->serving && set < h->sb.geometry.sets; set++)
		if (h->status.sets[set].resync_units)
			return "resync";
	return "idle";
}

const struct candidate *
health_out_disk(const struct health *h, uint32_t set, uint32_t leg)
{
	const struct assembly *as = h->array->assembly;
	const struct sb_place *place = sb_place_const(&h->sb, set, leg);

	for (const struct candidate *c = h->array->found; c && as;
	     c = c->next) {
		if (c->res || c->index < 0 || c->sb.set != set ||
		    c->sb.leg != leg ||
		    memcmp(c->sb.member_uuid, place->member_uuid,
			   sizeof(place->member_uuid)))
			continue;
		if (as->role[c->index] == ROLE_FAILED ||
		    as->role[c->index] == ROLE_STALE)
			return c;
	}
	return NULL;
}
