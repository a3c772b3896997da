/* SPDX-License-Identifier: MIT */
/*
 * What the daemon does before the engine serves: reads superblocks, lets
 * assemble() decide, starts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "pool.h"
#include "sim.h"

static void
sim_started_done(struct raid *r, int res, void *arg)
{
	struct sim *s = arg;
	struct raid_status st;

	if (r != s->raid)
		sim_fail(s, "seam", "start's answer names another array");
	if (s->started)
		sim_fail(s, "seam", "start was answered twice");
	s->started = true;
	s->io_at_progress = s->io_count;
	s->start_res = res;
	raid_status(r, &st);
	trace_add(&s->trace, s->now_ns, TRACE_STARTED, NULL,
		  (uint64_t)(int64_t)res, st.epoch, 0, 0);
	if (res == 0 && !s->salvage)
		oracle_all_durable(&s->oracle);
}

static void
sim_init_engine(struct sim *s, const struct raid_config *cfg)
{
	size_t bytes = raid_bytes(cfg);
	int res;

	s->raid_memory = pool_take_shared(bytes);
	/* In buffers is what an earlier engine left: if it matters, the hash
	 * of the trace tells (I34). */
	memset(s->raid_memory, 0, raid_zeroed_bytes(cfg));
	s->started = false;
	s->stopped = false;
	s->end = END_NOT;
	res = raid_init(&s->raid, cfg, &s->io, s->raid_memory, bytes);
	if (res != 0)
		sim_fail(s, "init", "raid_init: %d", res);
	raid_start(s->raid, sim_started_done, s);
	s->called = true;
}

static void
sim_fill_leg(const struct sim *s, unsigned i, struct raid_leg_config *leg)
{
	const struct sim_member *m = &s->member[i];

	*leg = (struct raid_leg_config){
		.present = m->present,
		.sector_bytes = m->disk.sector_bytes,
		.write_through = m->disk.write_through,
		.bytes = m->disk.bytes,
	};
	memcpy(leg->member_uuid, m->uuid, sizeof(m->uuid));
}

static void
sim_fill_superblock(struct sim *s, struct sb *sb)
{
	struct rng r;

	*sb = (struct sb){
		.name = "sim",
		.created_s = 1,
		.geometry = s->options.geometry,
		.layout = s->layout,
	};
	rng_init(&r, s->seed, "array-uuid", 0);
	for (unsigned k = 0; k < sizeof(sb->array_uuid); k++)
		sb->array_uuid[k] = (uint8_t)rng_u64(&r);
	for (unsigned i = 0; i < s->members; i++)
		memcpy(sb_place(sb, i / s->options.geometry.legs,
				i % s->options.geometry.legs)->member_uuid,
		       s->member[i].uuid, 16);
	sb_create(sb, rng_u64(&s->engine));
}

void
sim_create(struct sim *s)
{
	struct raid_leg_config legs[SIM_LEGS_MAX];
	struct sb *sb = malloc(sizeof(*sb));
	struct raid_config cfg = {
		.sb = sb,
		.create = true,
		.legs = legs,
		.limits = s->options.limits,
		.wall_s = 1000000000 + s->now_ns / 1000000000,
	};

	CHECK(sb != NULL);
	sim_fill_superblock(s, sb);
	for (unsigned i = 0; i < s->members; i++) {
		s->member[i].present = true;
		sim_fill_leg(s, i, &legs[i]);
	}
	trace_add(&s->trace, s->now_ns, TRACE_CREATE, NULL, 0, 0, 0, 0);
	watch_start(s, sb, true);
	sim_init_engine(s, &cfg);
	free(sb);
}

/* What the daemon finds on a member: the newest of four copies. */
struct found {
	struct sb_copy copies[4];
	int chosen;
};

static void
sim_scan(struct sim *s, unsigned member, struct found *f)
{
	struct disk *d = &s->member[member].disk;
	static uint8_t buf[SB_BYTES];
	int res;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t offset = sb_offset(d->bytes, i / 2, i % 2);

		f->copies[i].res = -EIO;
		if (!d->vanished && disk_read(d, offset, SB_BYTES, buf))
			f->copies[i].res = sb_decode(buf, offset,
						     &f->copies[i].sb);
	}
	f->chosen = sb_choose(f->copies, &res);
}

static struct found sim_found[SIM_LEGS_MAX];
/* Of the last sim_assemble(), by member. */
static enum assemble_role sim_role[SIM_LEGS_MAX];

bool
sim_assemble(struct sim *s, uint32_t mask, bool force, struct assembly *out)
{
	const struct sb *sbs[SIM_LEGS_MAX + 1];
	unsigned index[SIM_LEGS_MAX + 1], count = 0;

	for (unsigned i = 0; i < s->members; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		sim_scan(s, i, &sim_found[i]);
		if (sim_found[i].chosen < 0)
			continue;
		index[count] = i;
		sbs[count++] = &sim_found[i].copies[sim_found[i].chosen].sb;
	}
	if (count == 0)
		return false;
	faults_offer(s, sbs, index, &count);
	assemble(sbs, count, out);
	for (unsigned k = 0; k < count; k++)
		if (index[k] < SIM_LEGS_MAX)
			sim_role[index[k]] = out->role[k];
	for (unsigned p = 0; p < SB_SETS_MAX * SB_PLACES_MAX; p++)
		if (out->place[p] >= 0)
			out->place[p] = (int)index[out->place[p]];
	out->freshest = index[out->freshest];
	for (unsigned p = 0; p < SB_SETS_MAX * SB_PLACES_MAX; p++)
		if (out->place[p] == (int)FAULTS_STRANGER)
			sim_fail(s, "R14", "a stranger in place %u", p);
	if (out->freshest == FAULTS_STRANGER)
		sim_fail(s, "R14", "a stranger is the freshest");
	trace_add(&s->trace, s->now_ns, TRACE_ASSEMBLE, NULL, out->verdict,
		  mask, out->freshest, 0);
	return out->verdict == ASSEMBLE_START || (force && out->can_force);
}

bool
sim_found_in_sync(const struct sim *s, const struct assembly *a, unsigned set,
		  unsigned leg)
{
	const struct found *f = &sim_found[a->freshest];

	(void)s;
	return sb_place_const(&f->copies[f->chosen].sb, set, leg)->state ==
	       LEG_IN_SYNC;
}

static void
sim_fill_legs(struct sim *s, const struct assembly *a, uint32_t mask,
	      struct raid_leg_config *legs)
{
	unsigned per = s->options.geometry.legs;

	for (unsigned i = 0; i < s->members; i++) {
		int at = a->place[i / per * SB_PLACES_MAX + i % per];
		const struct found *f = &sim_found[i];

		s->member[i].present = at >= 0;
		sim_fill_leg(s, i, &legs[i]);
		if (at < 0)
			continue;
		if (at != (int)i || (mask >> i & 1) == 0)
			sim_fail(s, "R14", "member %d in place %u", at, i);
		legs[i].sb_sequence = f->copies[f->chosen].sb.sequence;
		/* It may have lost its newest superblocks. */
		if (s->member[i].tainted)
			s->member[i].sb_sequence = legs[i].sb_sequence;
		legs[i].sb_slot = (uint8_t)(f->chosen % 2);
	}
}

/* What a salvage takes beside: members that went back in time. */
static void
sim_fill_behind(struct sim *s, uint32_t mask, struct raid_leg_config *legs)
{
	for (unsigned i = 0; i < s->members; i++) {
		const struct found *f = &sim_found[i];

		if (s->member[i].present || (mask >> i & 1) == 0 ||
		    f->chosen < 0 || sim_role[i] != ROLE_STALE)
			continue;
		s->member[i].present = true;
		sim_fill_leg(s, i, &legs[i]);
		legs[i].sb_sequence = f->copies[f->chosen].sb.sequence;
		s->member[i].sb_sequence = legs[i].sb_sequence;
		legs[i].sb_slot = (uint8_t)(f->chosen % 2);
		legs[i].behind_epoch =
			f->copies[f->chosen].sb.history[0].number;
	}
}

static void
sim_start_as(struct sim *s, const struct assembly *a, uint32_t mask,
	     struct raid_config *cfg)
{
	struct raid_leg_config legs[SIM_LEGS_MAX];
	const struct found *f = &sim_found[a->freshest];

	cfg->sb = &f->copies[f->chosen].sb;
	cfg->legs = legs;
	cfg->limits = s->options.limits;
	cfg->wall_s = 1000000000 + s->now_ns / 1000000000;
	s->salvage = cfg->salvage;
	s->recover = cfg->recover;
	sim_fill_legs(s, a, mask, legs);
	if (cfg->salvage || cfg->recover)
		sim_fill_behind(s, mask, legs);
	watch_start(s, cfg->sb, false);
	trace_add(&s->trace, s->now_ns, TRACE_START, NULL,
		  cfg->sb->history[0].number, mask, cfg->force, 0);
	sim_init_engine(s, cfg);
}

void
sim_start(struct sim *s, const struct assembly *a, uint32_t mask, bool force)
{
	struct raid_config cfg = {.force = force};

	sim_start_as(s, a, mask, &cfg);
}

bool
sim_start_rescue(struct sim *s, uint32_t mask, bool recover)
{
	static struct assembly a;
	struct raid_config cfg = {.salvage = !recover, .recover = recover};

	memset(&a, 0, sizeof(a));
	a.freshest = UINT32_MAX;
	(void)sim_assemble(s, mask, true, &a);
	if (a.freshest == UINT32_MAX)
		return false;
	sim_start_as(s, &a, mask, &cfg);
	return true;
}
