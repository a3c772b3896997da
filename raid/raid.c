/* SPDX-License-Identifier: MIT */
/*
 * The array object: memory, the turn, start and stop, what the operator asks.
 */
#include "raid.h"

#include <errno.h>
#include <string.h>

#include "set.h"

#define PARTS_DEFAULT       512u
#define DIRTY_UNITS_DEFAULT 65536u
#define SUMS_DEFAULT        (512u << 10) /* of the array */
#define PAGE_FRAMES_DEFAULT (32u << 10)  /* of the array: 128 MiB */
#define LOST_DEFAULT        1024u
#define READ_ERRORS_DEFAULT 20u
#define IO_DEADLINE_NS_DEFAULT 8000000000ull
#define SLOW_READ_NS_DEFAULT 50000000ull
/* The pool for replay is that many times what may be in use: what stood
 * before a checkpoint, what it said again, what came meanwhile. */
#define SUMS_POOL 8u
#define DECAY_NS  (3600ull * 1000000000)
#define TICK_NS   500000000ull

/* Bytes of a record for one unit, or one sum on its own. */
#define OWED_BYTES 24u

/* All that memory depends on. */
struct sizes {
	uint32_t legs;
	uint32_t members;
	uint32_t sets;
	uint32_t parts;
	uint32_t ops;
	uint32_t spares;
	uint32_t units;
	uint32_t unit_pool;
	uint32_t sums;
	uint32_t sum_pool;
	uint32_t frames;
	uint32_t lost;
	uint64_t regions;
	uint64_t ring_blocks;
	uint64_t reserve;
	uint64_t zeros_bytes;
};

static uint64_t
sizes_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
sizes_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * What a checkpoint may have to append again is kept free: so the ring
 * bounds units and sums (R20).  The pools are never smaller than by default:
 * a replay must fit that ran under larger limits.
 */
static void
sizes_of_ring(struct sizes *z, const struct raid_config *cfg,
	      const struct geometry *g)
{
	const struct raid_limits *lim = &cfg->limits;
	uint64_t owed = z->ring_blocks * 4096 / 8 / OWED_BYTES;
	uint64_t blocks = z->regions * g->region_blocks;
	uint64_t units_most = sizes_min(owed / 3, blocks / UNIT_BLOCKS);
	uint64_t sums_most =
		sizes_min(owed / 3 * 2, blocks * 4 + 4 * g->region_blocks);
	uint64_t units = lim->dirty_units_max ? lim->dirty_units_max
					      : DIRTY_UNITS_DEFAULT;
	uint64_t sums = lim->sums_max ? lim->sums_max : SUMS_DEFAULT / g->sets;

	z->units = (uint32_t)sizes_min(units, units_most);
	z->sums = (uint32_t)sizes_min(sums, sums_most);
	z->unit_pool = (uint32_t)sizes_min(
		sizes_max(units, DIRTY_UNITS_DEFAULT), units_most);
	z->sum_pool =
		SUMS_POOL *
		(uint32_t)sizes_min(sizes_max(sums, SUMS_DEFAULT / g->sets),
				    sums_most);
	z->lost = (uint32_t)sizes_min(
		lim->lost_max ? lim->lost_max : LOST_DEFAULT, owed / 16);
	z->reserve = ((uint64_t)z->unit_pool + z->sums +
		      LOST_KINDS * (uint64_t)z->lost + 1) *
			     OWED_BYTES / (RECORD_PAYLOAD_BYTES - 32) +
		     3;
}

static uint32_t
sizes_of_ops(const struct sizes *z)
{
	uint32_t set_ops = z->legs * (2 + 1 + 2 * CK_BATCH + 8 + STORE_MAX +
				      SETTLE_MAX * (UNIT_BLOCKS + 2) + 1) +
			   SETTLE_MAX + STORE_MAX + 1;

	return z->parts * (z->legs + 2) + z->sets * set_ops + z->members * 5 +
	       RECALL_READS;
}

static int
sizes_compute(struct sizes *z, const struct raid_config *cfg)
{
	const struct geometry *g = &cfg->sb->geometry;
	const struct raid_limits *lim = &cfg->limits;
	uint64_t frames;

	*z = (struct sizes){
		.legs = g->legs,
		.sets = g->sets,
		.members = g->sets * g->legs,
		.parts = lim->parts_max ? lim->parts_max : PARTS_DEFAULT,
		.regions = layout_regions(g, &cfg->sb->layout),
		.ring_blocks = cfg->sb->layout.journal_bytes / 4096,
		.zeros_bytes =
			g->chunk_bytes > SB_BYTES ? g->chunk_bytes : SB_BYTES,
	};
	sizes_of_ring(z, cfg, g);
	frames = lim->page_frames_max ? lim->page_frames_max
				      : PAGE_FRAMES_DEFAULT / g->sets;
	if (frames < STORE_MAX + SETTLE_MAX + 12)
		frames = STORE_MAX + SETTLE_MAX + 12;
	z->frames = (uint32_t)sizes_min(frames, z->regions + STORE_MAX + 16);
	/* As many again may have been given up, and not be back (R10). */
	z->ops = 2 * sizes_of_ops(z);
	/* Blocks to read into when a leg that was given up has another: a page
	 * and a part of a block for each part, a page for each of ours. */
	z->spares = 2 * z->parts + z->sets * (STORE_MAX + SETTLE_MAX + 1);
	if (z->parts < 4 ||
	    z->units < 2 * (g->chunk_bytes / UNIT_BLOCKS / BLOCK_BYTES + 1) ||
	    z->sums < 2 * (g->chunk_bytes / BLOCK_BYTES) ||
	    z->sums < 2 * UNIT_BLOCKS || z->sums < 2 * g->region_blocks ||
	    z->reserve + 4 > z->ring_blocks / 2)
		return -EINVAL;
	return 0;
}

static void
set_carve(struct set *set, struct arena *a, const struct sizes *z)
{
	ARENA_TAKE(a, set, map, z->regions, 64);
	ARENA_TAKE(a, set, map_dirty, map_blocks(z->regions), 64);
	ARENA_TAKE(a, set, map_crcs, 2 * map_blocks(z->regions), 64);
	ARENA_TAKE(a, set, resync_in, z->regions, 64);
	sums_carve(set ? &set->sums : NULL, a, z->sum_pool, z->regions);
	units_carve(set ? &set->units : NULL, a, z->unit_pool);
	lost_carve(set, a, z->lost);
	pages_carve(set, a, z->frames);
	ARENA_TAKE(a, set ? &set->pages : NULL, index, z->regions, 64);
	journal_carve(set, a);
	checkpoint_carve(set, a);
	store_carve(set, a);
	heal_carve(set, a);
	settler_carve(set, a);
	start_carve(set, a);
}

/* base NULL: only measures. */
static struct raid *
raid_carve(struct arena *a, const struct sizes *z)
{
	struct raid *r = arena_take(a, sizeof(struct raid), 64);

	ARENA_TAKE(a, r, legs, z->members, 64);
	ARENA_TAKE(a, r, sets, z->sets, 64);
	ARENA_TAKE(a, r, ops, z->ops, 64);
	ARENA_TAKE(a, r, parts, z->parts, 64);
	ARENA_TAKE_BUFFERS(a, r, bounces, z->parts);
	ARENA_TAKE_BUFFERS(a, r, spare_bufs, z->spares);
	ARENA_TAKE_BUFFERS(a, r, probe_buf, 1);
	ARENA_TAKE(a, r, spares, z->spares, 64);
	ARENA_TAKE(a, r, zeros, z->zeros_bytes, 4096);
	meta_carve(r, a, z->members);
	recall_carve(r, a);
	for (uint32_t i = 0; i < z->sets; i++)
		set_carve(a->base ? &r->sets[i] : NULL, a, z);
	return r;
}

size_t
raid_bytes(const struct raid_config *cfg)
{
	struct arena a = {0};
	struct sizes z;

	if (sizes_compute(&z, cfg) < 0)
		return 0;
	(void)raid_carve(&a, &z);
	return ((a.used + 4095) & ~(size_t)4095) + a.buffers;
}

size_t
raid_zeroed_bytes(const struct raid_config *cfg)
{
	struct arena a = {0};
	struct sizes z;

	if (sizes_compute(&z, cfg) < 0)
		return 0;
	(void)raid_carve(&a, &z);
	return a.used;
}

static void
leg_init(struct raid *r, struct set *set, uint32_t i,
	 const struct raid_leg_config *cfg)
{
	struct leg *leg = &set->legs[i];
	const struct sb_place *p = sb_place_const(&r->sb, set->index, i);

	leg->raid = r;
	leg->set = set;
	leg->index = (uint8_t)i;
	leg->bit = (uint8_t)(1u << i);
	leg->member = (uint16_t)(set->index * r->sb.geometry.legs + i);
	list_init(&leg->ops);
	leg->present = cfg->present;
	leg->sector_bytes = cfg->sector_bytes;
	leg->write_through = cfg->write_through;
	leg->bytes = cfg->bytes;
	leg->sb_sequence = cfg->sb_sequence;
	leg->sb_slot = cfg->sb_slot;
	leg->behind_epoch = cfg->behind_epoch;
	leg_set_run(leg, cfg->present && (p->state == LEG_IN_SYNC ||
					  raid_rescues(r) ||
					  PLANTED(STALE_LEG_USED))
				 ? RUN_IN
				 : RUN_OUT);
	if (cfg->present && cfg->sector_bytes > set->sector_bytes)
		set->sector_bytes = cfg->sector_bytes;
}

static void
set_init(struct raid *r, uint32_t index, const struct raid_config *cfg,
	 const struct sizes *z)
{
	struct set *set = &r->sets[index];
	const struct geometry *g = &r->sb.geometry;

	set->raid = r;
	set->index = index;
	set->legs = &r->legs[index * g->legs];
	set->name.set = index;
	memcpy(set->name.array_uuid, r->sb.array_uuid, 16);
	set->sum_base = sum_base(r->sb.array_uuid, index);
	set->regions = z->regions;
	set->blocks = z->regions * g->region_blocks;
	while ((1u << set->region_shift) < g->region_blocks)
		set->region_shift++;
	set->sector_bytes = 512;
	for (uint32_t i = 0; i < g->legs; i++)
		leg_init(r, set, i, &cfg->legs[index * g->legs + i]);
	/* At a start nothing is known of the older copy, and the newer ones
	 * may differ by a checkpoint. */
	memset(set->map_dirty, r->create ? 2 : 3, map_blocks(z->regions));
	list_init(&set->fans);
	list_init(&set->starved);
	list_init(&set->starved_units);
	sums_init(&set->sums, z->sums, z->sum_pool, set->region_shift);
	units_init(&set->units, z->units, z->unit_pool);
	/* Their regions' sums go into no page meanwhile. */
	set->units.open_max = (uint32_t)sizes_min(
		z->units / 4, z->sums / 2 / g->region_blocks);
	lost_init(set, z->lost);
	pages_init(set, z->frames);
	ranges_init(&set->ranges);
	journal_init(set, z->ring_blocks, z->reserve);
	checkpoint_init(set);
	flush_init(set);
	cleaner_init(set);
	store_init(set);
	settler_init(set);
}

static void
pools_init(struct raid *r, const struct sizes *z)
{
	op_pool_init(r, z->ops, z->spares);
	list_init(&r->parts_free);
	for (uint32_t i = 0; i < z->parts; i++) {
		r->parts[i].bounce = r->bounces + (size_t)i * BLOCK_BYTES;
		list_append(&r->parts_free, &r->parts[i].link);
	}
}

int
raid_init(struct raid **out, const struct raid_config *cfg, struct io *io,
	  void *mem, size_t len)
{
	struct arena a = {.base = mem, .size = len & ~(size_t)4095};
	struct sizes z;
	int res = sizes_compute(&z, cfg);

	if (res < 0)
		return res;
	if (cfg->bare && !cfg->create)
		return -EINVAL;
	if (len < raid_bytes(cfg))
		return -ENOMEM;
	struct raid *r = raid_carve(&a, &z);

	r->io = io;
	r->sb = *cfg->sb;
	r->limits = cfg->limits;
	if (r->limits.read_error_budget == 0)
		r->limits.read_error_budget = READ_ERRORS_DEFAULT;
	if (r->limits.io_deadline_ns == 0)
		r->limits.io_deadline_ns = IO_DEADLINE_NS_DEFAULT;
	if (r->limits.slow_read_ns == 0)
		r->limits.slow_read_ns = SLOW_READ_NS_DEFAULT;
	r->create = cfg->create;
	r->force = cfg->force || cfg->recover;
	r->salvage = cfg->salvage;
	r->recover = cfg->recover;
	r->bare = cfg->bare;
	r->wall_s = cfg->wall_s;
	r->now = io->ops->now(io);
	r->init_ns = r->now;
	r->decay_ns = r->now + DECAY_NS;
	r->bytes = layout_array_bytes(&r->sb.geometry, &r->sb.layout);
	r->leg_count = z.members;
	list_init(&r->ready);
	pools_init(r, &z);
	for (uint32_t i = 0; i < z.sets; i++)
		set_init(r, i, cfg, &z);
	*out = r;
	return 0;
}

void
raid_start(struct raid *r, raid_event_f *done, void *arg)
{
	CHECK(r->phase == PHASE_INIT);
	r->phase = PHASE_STARTING;
	r->start_done = done;
	r->start_arg = arg;
	start_begin(r);
}

void
raid_stop(struct raid *r, raid_event_f *done, void *arg)
{
	CHECK(r->phase == PHASE_SERVING);
	r->phase = PHASE_STOPPING;
	r->stop_done = done;
	r->stop_arg = arg;
}

/* Nothing is written, or a checkpoint and nothing else (salvage.c). */
static void
set_tick_quiet(struct set *set)
{
	if (set->start != SET_SERVING && set->start != SET_RECUT)
		return;
	settler_tick(set);
	if (set->raid->salvage)
		return;
	checkpoint_tick(set);
	journal_tick(set);
	flush_tick(set);
}

static void
set_tick(struct set *set)
{
	flush_tick(set);
	if (set->start == SET_RECUT || set->raid->salvage) {
		set_tick_quiet(set);
		return;
	}
	if (set->start != SET_SERVING)
		return;
	if (part_is_wakeable(set))
		part_wake_starved(set);
	settler_tick(set);
	cleaner_tick(set);
	heal_tick(set);
	store_tick(set);
	trim_tick(set);
	lost_tick(set);
	checkpoint_tick(set);
	journal_tick(set);
	flush_tick(set);
}

/* Is there something a further pass would do now? */
static bool
set_is_restless(const struct set *set)
{
	const struct journal *j = &set->journal;

	/* never: a pass ends with flush_tick, and what follows asks for none. */
	if (!set->flusher.running && !list_empty(&set->flusher.waiting))
		return true;
	if (set->raid->salvage)
		return false;
	if (set->start != SET_SERVING && set->start != SET_RECUT)
		return false;
	if (set->checkpoint.state == CK_MAP && set->checkpoint.block_at == 0)
		return true;
	if (set->checkpoint.state == CK_IDLE && !set->write_stopped &&
	    (set->checkpoint.wanted || set->checkpoint.whole > 0))
		return true;
	if (part_is_wakeable(set))
		return true;
	if (j->appending)
		return false;
	if (set->write_stopped) /* what waits is to be told */
		return !list_empty(&j->jobs);
	return !j->blocked && !list_empty(&j->jobs);
}

static bool
raid_is_restless(const struct raid *r)
{
	if (!list_empty(&r->ready))
		return true;
	if (r->queue_head && !list_empty(&r->parts_free))
		return true;
	if (r->epoch_begun && (r->meta.wanted || r->meta.marks > 0) &&
	    r->meta.state == META_IDLE)
		return true;
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++)
		if (set_is_restless(&r->sets[i]))
			return true;
	return false;
}

static void
raid_decay(struct raid *r)
{
	if (r->now < r->decay_ns)
		return;
	r->decay_ns = r->now + DECAY_NS;
	for (uint32_t i = 0; i < r->leg_count; i++)
		r->legs[i].budget_used /= 2;
}

static void
raid_pass(struct raid *r)
{
	fan_run_ready(&r->ready);
	request_tick(r);
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++)
		set_tick(&r->sets[i]);
	if (r->epoch_begun)
		meta_tick(r);
	if (r->phase == PHASE_SERVING)
		recall_tick(r);
	if (r->phase == PHASE_STARTING)
		start_tick(r);
	else if (r->phase == PHASE_STOPPING)
		stop_tick(r);
}

void
raid_tick(struct raid *r)
{
	r->now = r->io->ops->now(r->io);
	raid_decay(r);
	op_tick(r);
	do {
		raid_pass(r);
	} while (r->phase != PHASE_STOPPED && raid_is_restless(r));
	if (r->phase == PHASE_STOPPED && r->start_failed && r->ops_busy == 0) {
		int res = r->start_failed;

		r->start_failed = 0;
		r->start_done(r, res, r->start_arg);
	}
}

/* A request waits until pages of sums are tried again (store.c): to look at
 * it all the time would keep a processor busy. */
static bool
raid_waits_for_time(const struct raid *r)
{
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++)
		if (!list_empty(&r->sets[i].starved) &&
		    r->sets[i].storer.next_ns > r->now &&
		    !PLANTED(STOP_SPINS))
			return true;
	return false;
}

uint64_t
raid_deadline(const struct raid *r)
{
	if (r->phase == PHASE_STOPPED)
		return UINT64_MAX;
	/* While it starts or stops, what no I/O brings, ticks bring. */
	if (raid_is_restless(r) ||
	    (r->phase != PHASE_SERVING && r->ops_busy == 0 &&
	     !raid_waits_for_time(r)))
		return 0;
	uint64_t due_ns = op_deadline(r);

	for (uint32_t i = 0; i < r->sb.geometry.sets; i++) {
		if (trim_deadline(&r->sets[i]) < due_ns)
			due_ns = trim_deadline(&r->sets[i]);
		if ((r->sets[i].units.used > r->sets[i].units.resync ||
		     !list_empty(&r->sets[i].starved)) &&
		    due_ns > r->now + TICK_NS)
			due_ns = r->now + TICK_NS;
	}
	return due_ns;
}

uint32_t
raid_abandoned(const struct raid *r)
{
	return r->zombies;
}

uint64_t
raid_size(const struct raid *r)
{
	return r->bytes;
}

const struct sb *
raid_superblock(const struct raid *r)
{
	return &r->sb;
}

int
raid_member_fail(struct raid *r, uint32_t set, uint32_t leg)
{
	if (set >= r->sb.geometry.sets || leg >= r->sb.geometry.legs)
		return -ENOENT;
	struct leg *l = &r->sets[set].legs[leg];

	if (r->salvage)
		return -EROFS;
	if (l->run != RUN_IN)
		return -EALREADY;
	return leg_fail(l, CAUSE_OPERATOR, 0) ? 0 : -EBUSY;
}

void
raid_check(const struct raid *r)
{
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++) {
		const struct set *set = &r->sets[i];

		sums_check(&set->sums);
		units_check(&set->units);
		lost_check(set);
		CHECK((set->in_mask & (uint8_t)~set->counted_mask) == 0);
		CHECK(set->journal.used <= set->journal.ring_blocks);
	}
}
