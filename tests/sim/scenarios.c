/* SPDX-License-Identifier: MIT */
/*
 * Scenarios: interleavings written out, each after a hole that the review of
 * the design found (H1 to H29).  Those about rebuilding, replacing and taking
 * back a member are not here.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "script.h"

struct chapter {
	const struct scenario *scenarios;
	const unsigned *count;
};

static const struct chapter chapters[] = {
	{crash_scenarios, &crash_scenario_count},
	{member_scenarios, &member_scenario_count},
	{planted_scenarios, &planted_scenario_count},
	{decay_scenarios, &decay_scenario_count},
	{salvage_scenarios, &salvage_scenario_count},
	{lost_scenarios, &lost_scenario_count},
	{slow_scenarios, &slow_scenario_count},
	{review_scenarios, &review_scenario_count},
	{verdict_scenarios, &verdict_scenario_count},
};

unsigned
scenario_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(chapters); i++)
		count += *chapters[i].count;
	return count;
}

static const struct scenario *
scenario_at(unsigned index)
{
	unsigned i = 0;

	while (index >= *chapters[i].count)
		index -= *chapters[i++].count;
	return &chapters[i].scenarios[index];
}

const char *
scenario_name(unsigned index)
{
	return scenario_at(index)->name;
}

const char *
scenario_hole(unsigned index)
{
	return scenario_at(index)->hole;
}

/* Small, quick and without any fault of its own. */
static void
scenario_options(const struct scenario *sc, struct options *o)
{
	*o = (struct options){
		.geometry = {
			.sets = sc->sets,
			.legs = sc->legs,
			.chunk_bytes = 64u << 10,
			.block_bytes = sc->block_bytes != 0 ?
				sc->block_bytes : 512,
			.region_blocks = 16,
		},
		.member_bytes = (sc->member_kib != 0 ?
				 sc->member_kib : 2368) << 10,
		.journal_bytes = 64u << 10,
		.limits = {.sums_max = sc->sums_max != 0 ? sc->sums_max : 256,
			   .dirty_units_max = 64,
			   .lost_max = sc->lost_max,
			   .page_frames_max = sc->member_kib != 0 ? 2 : 0},
		.slots = 4,
		.weights = {[RAID_READ] = 1, [RAID_WRITE] = 4,
			    [RAID_FLUSH] = 1},
		.length_max = 16384,
		.hot_percent = 50,
		.hot_bytes = 65536,
		.hot_spots = 2,
		.fua_percent = 20,
		.block_percent = 50,
		.latency_ns = 100000,
		.gentle = true,
		.check_always = true,
	};
	o->granule_bytes = o->geometry.block_bytes;
	for (unsigned i = 0; i < options_members(o); i++)
		o->sector_bytes[i] = o->geometry.block_bytes;
	/* The first leg of each set may tear what the array promises whole. */
	if (sc->block_bytes == 4096)
		for (unsigned i = 0; i < sc->sets; i++)
			o->sector_bytes[i * sc->legs] = 512;
}

static void
scenario_run_variant(const struct scenario *sc, unsigned variant, bool print)
{
	static struct sim s;
	struct options o;

	scenario_options(sc, &o);
	sim_init(&s, &o, 1000 + variant, print);
	s.scenario = sc->name;
	s.lenient = sc->lenient;
	for (unsigned set = 0; set < sc->sets; set++)
		s.guard[set] = sc->legs - 1;
	sim_create(&s);
	if (!sim_wait_started(&s))
		sim_fail(&s, "scenario", "no start");
	sc->run(&s, variant);
	sim_fini(&s);
}

bool
scenario_run(const char *name, bool print)
{
	for (unsigned i = 0; i < scenario_count(); i++) {
		const struct scenario *sc = scenario_at(i);

		if (strcmp(sc->name, name) != 0)
			continue;
		for (unsigned v = 0; v == 0 || v < sc->variants; v++)
			scenario_run_variant(sc, v, print);
		return true;
	}
	return false;
}
