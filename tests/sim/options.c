/* SPDX-License-Identifier: MIT */
/*
 * "Swarm": each seed leaves some things out altogether, so that what they
 * hide shows up.
 */
#include <inttypes.h>
#include <string.h>

#include "options.h"
#include "rng.h"

const char *
fault_word(enum fault fault)
{
	static const char *const words[FAULT_COUNT] = {
#define X(name, word) [FAULT_##name] = word,
		FAULTS(X)
#undef X
	};

	return words[fault];
}

static void
options_draw_array(struct options *o, struct rng *r)
{
	struct geometry *g = &o->geometry;
	unsigned sectors = (unsigned)RNG_PICK(r, 0, 0, 0, 1, 1, 2);

	g->sets = (uint32_t)RNG_PICK(r, 1, 1, 1, 2, 2, 2, 3, 4);
	g->legs = (uint32_t)RNG_PICK(r, 2, 2, 2, 3);
	g->chunk_bytes = (uint32_t)RNG_PICK(r, 16u << 10, 32u << 10,
					    64u << 10);
	g->region_blocks = (uint32_t)RNG_PICK(r, 16, 32, 64);
	g->block_bytes = sectors == 0 ? 512 : 4096;
	o->granule_bytes = sectors == 1 ? 4096 : 512;
	for (unsigned i = 0; i < options_members(o); i++) {
		o->sector_bytes[i] = sectors == 2 ?
			(uint32_t)RNG_PICK(r, 512, 4096) : g->block_bytes;
		o->write_through[i] = rng_percent(r, 15);
	}
	o->journal_bytes = RNG_PICK(r, 64u << 10, 64u << 10, 128u << 10,
				    256u << 10);
	/* Small ones: requests meet, and all of it is read in the end. */
	o->member_bytes = RNG_PICK(r, 1344u << 10, 1344u << 10, 1472u << 10,
				   1472u << 10, 1600u << 10, 1856u << 10,
				   2368u << 10, 4160u << 10);
}

/* The defaults are those of a server: rarely, for they cost a start dearly. */
static void
options_draw_limits(struct options *o, struct rng *r)
{
	uint32_t least = 2 * o->geometry.region_blocks;
	bool small = o->journal_bytes <= 64u << 10;

	o->limits = (struct raid_limits){
		.parts_max = (uint32_t)RNG_PICK(r, 4, 8, 32, 64),
		.dirty_units_max = (uint32_t)RNG_PICK(r, 4, 8, 32, 64),
		.sums_max = (uint32_t)RNG_PICK(r, 64, 128, 256, 1024),
		.page_frames_max = (uint32_t)RNG_PICK(r, 2, 4, 16, 64),
		.read_error_budget = (uint32_t)RNG_PICK(r, 2, 20, 1000, 0),
	};
	if (o->limits.sums_max < least)
		o->limits.sums_max = least;
	/* What a checkpoint may owe must fit twice into the ring. */
	if (small && o->limits.sums_max > 256)
		o->limits.sums_max = 256;
	if (!small && rng_percent(r, 2))
		o->limits = (struct raid_limits){0};
}

static void
options_draw_client(struct options *o, struct rng *r)
{
	static const unsigned usual[] = {30, 45, 8, 5, 5, 3};

	o->slots = (unsigned)RNG_PICK(r, 1, 2, 4, 8, 16, 32);
	for (unsigned i = 0; i <= RAID_MAP; i++)
		o->weights[i] = rng_percent(r, 20) && i != RAID_WRITE ?
			0 : usual[i] * (unsigned)rng_between(r, 1, 3);
	o->length_max = RNG_PICK(r, 4096, 8192, 65536, 262144, 1048576);
	o->hot_percent = (unsigned)RNG_PICK(r, 0, 50, 90, 100);
	o->hot_bytes = RNG_PICK(r, 4096, 16384, 65536);
	o->hot_spots = (unsigned)RNG_PICK(r, 1, 2, 8);
	o->fua_percent = (unsigned)RNG_PICK(r, 0, 20, 50, 100);
	o->block_percent = (unsigned)RNG_PICK(r, 0, 50, 90, 100);
	o->byte_percent = (unsigned)RNG_PICK(r, 0, 0, 5, 30);
	o->nested_percent = (unsigned)RNG_PICK(r, 0, 50, 100);
	o->think_ns = RNG_PICK(r, 0, 0, 10000, 1000000, 200000000);
}

static void
options_draw_runs(struct options *o, struct rng *r)
{
	o->runs = (unsigned)rng_between(r, 1, 8);
	o->calm_requests = 50;
	o->requests_per_run = (unsigned)RNG_PICK(r, 50, 300, 1500, 6000);
	o->stop_percent = (unsigned)RNG_PICK(r, 0, 20, 50);
	o->cut_percent = (unsigned)RNG_PICK(r, 0, 50, 70, 100);
	o->cut_in_start_percent = (unsigned)RNG_PICK(r, 0, 10, 40);
	o->rule_percent = (unsigned)RNG_PICK(r, 0, 50, 100);
	o->absent_percent = (unsigned)RNG_PICK(r, 0, 0, 20, 50);
	o->force_percent = (unsigned)RNG_PICK(r, 0, 0, 0, 30);
	o->branch_percent = (unsigned)RNG_PICK(r, 0, 0, 30);
	o->latency_ns = RNG_PICK(r, 10000, 100000, 5000000);
	o->tail_percent = (unsigned)RNG_PICK(r, 0, 1, 10);
}

void
options_be_gentle(struct options *o)
{
	o->gentle = true;
	o->unbounded = false;
	o->lies = LIES_NONE;
	o->absent_percent = 0;
	o->force_percent = 0;
	o->branch_percent = 0;
}

unsigned
options_members(const struct options *o)
{
	return o->geometry.sets * o->geometry.legs;
}

/* What each kind may be; by far not every seed has each. */
static const uint32_t options_rates[FAULT_COUNT][4] = {
	[FAULT_READ_ERROR] = {0, 0, 500, 10000},
	[FAULT_WRITE_ERROR] = {0, 0, 100, 2000},
	[FAULT_FLUSH_ERROR] = {0, 0, 1000, 20000},
	[FAULT_DISCARD_ERROR] = {0, 200000, 200000, 200000},
	[FAULT_STALL] = {0, 0, 0, 100},
	[FAULT_MISREAD] = {0, 0, 0, 2000},
	[FAULT_LOST_WRITE] = {0, 0, 0, 2000},
	[FAULT_MISDIRECTED] = {0, 0, 0, 2000},
	[FAULT_ROT] = {0, 1, 10, 10},
	[FAULT_BAD_SECTOR] = {0, 1, 5, 5},
	[FAULT_STUCK_SECTOR] = {0, 0, 0, 1},
	[FAULT_VANISH] = {0, 0, 1, 1},
	[FAULT_OPERATOR] = {0, 0, 1, 1},
	[FAULT_STALE] = {0, 0, 1, 3},
	[FAULT_REVERT] = {0, 0, 0, 2},
	[FAULT_END_LOST] = {0, 0, 0, 30},
	[FAULT_CABLES] = {0, 0, 50, 100},
	[FAULT_FOREIGN] = {0, 0, 0, 50},
};

static void
options_draw_lies(struct options *o, struct rng *r)
{
	unsigned draw = (unsigned)rng_below(r, 100);

	if (draw < 8) {
		o->lies = LIES_SOME;
		o->unbounded = false;
	} else if (draw < 12) {
		/* Nothing else, to see what that alone may do. */
		o->lies = LIES_ALL;
		memset(o->rate, 0, sizeof(o->rate));
		o->unbounded = false;
		o->byte_percent = 0;
		o->absent_percent = o->branch_percent = o->force_percent = 0;
	}
}

static void
options_draw_faults(struct options *o, uint64_t seed)
{
	struct rng r;

	rng_init(&r, seed, "faults", 0);
	o->gentle = rng_percent(&r, 30);
	if (o->gentle)
		return;
	o->unbounded = rng_percent(&r, 15);
	o->fault_every_ns = o->latency_ns * RNG_PICK(&r, 0, 3, 30, 300, 3000);
	for (unsigned f = 0; f < FAULT_COUNT; f++) {
		struct rng own;

		rng_init(&own, seed, fault_word((enum fault)f), 0);
		o->rate[f] = options_rates[f][rng_below(&own, 4)];
	}
	options_draw_lies(o, &r);
	if (!o->unbounded)
		return;
	/* Nothing tells of these on a last leg; nor what is best, of what is
	 * left of another time. */
	o->rate[FAULT_LOST_WRITE] = o->rate[FAULT_MISDIRECTED] = 0;
	o->rate[FAULT_MISREAD] = o->rate[FAULT_STALE] = 0;
	o->rate[FAULT_REVERT] = 0;
	o->force_percent = 0;
}

void
options_draw(struct options *o, uint64_t seed)
{
	struct rng r;

	*o = (struct options){0};
	rng_init(&r, seed, "options", 0);
	options_draw_array(o, &r);
	options_draw_limits(o, &r);
	options_draw_client(o, &r);
	options_draw_runs(o, &r);
	options_draw_faults(o, seed);
	o->check_always = rng_percent(&r, 3);
}

void
options_print(const struct options *o, FILE *out)
{
	fprintf(out, "array: sets %u legs %u chunk %u block %u region %u"
		" member %" PRIu64 " journal %" PRIu64 " granule %u\n",
		o->geometry.sets, o->geometry.legs, o->geometry.chunk_bytes,
		o->geometry.block_bytes, o->geometry.region_blocks,
		o->member_bytes, o->journal_bytes, o->granule_bytes);
	fprintf(out, "members:");
	for (unsigned i = 0; i < options_members(o); i++)
		fprintf(out, " %u%s", o->sector_bytes[i],
			o->write_through[i] ? " write-through" : "");
	fprintf(out, "\nlimits: parts %u dirty %u sums %u frames %u budget %u\n",
		o->limits.parts_max, o->limits.dirty_units_max,
		o->limits.sums_max, o->limits.page_frames_max,
		o->limits.read_error_budget);
	fprintf(out, "client: slots %u read %u write %u flush %u discard %u"
		" zeroes %u map %u length %" PRIu64 " hot %u%% of %" PRIu64
		" fua %u%% block %u%% byte %u%%\n",
		o->slots, o->weights[RAID_READ], o->weights[RAID_WRITE],
		o->weights[RAID_FLUSH], o->weights[RAID_DISCARD],
		o->weights[RAID_ZEROES], o->weights[RAID_MAP], o->length_max,
		o->hot_percent, o->hot_bytes, o->fua_percent,
		o->block_percent, o->byte_percent);
	fprintf(out, "runs: %u of %u stop %u%% cut %u%% in-start %u%% rule %u%%"
		" absent %u%% force %u%% branch %u%%\n",
		o->runs, o->requests_per_run, o->stop_percent, o->cut_percent,
		o->cut_in_start_percent, o->rule_percent, o->absent_percent,
		o->force_percent, o->branch_percent);
	fprintf(out, "faults: every %" PRIu64 " ns", o->fault_every_ns);
	for (unsigned f = 0; f < FAULT_COUNT; f++)
		if (o->rate[f] != 0)
			fprintf(out, " %s %u", fault_word((enum fault)f),
				o->rate[f]);
	fprintf(out, "%s%s%s%s\n", o->gentle ? " gentle" : "",
		o->unbounded ? " unbounded" : "",
		o->lies == LIES_SOME ? " some lie" : "",
		o->lies == LIES_ALL ? " all lie" : "");
}
