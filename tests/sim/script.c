/* SPDX-License-Identifier: MIT */
#include "script.h"

#include "check.h"

static bool
script_answered(struct sim *s, void *arg)
{
	(void)s;
	return !((struct slot *)arg)->busy;
}

int
await(struct sim *s, struct slot *slot)
{
	if (!sim_run_until(s, script_answered, slot, SIM_ANSWER_NS))
		sim_fail(s, "scenario", "the run ended before an answer");
	return slot->res;
}

static int
script_do(struct sim *s, enum raid_op op, uint32_t flags, uint64_t offset,
	  uint64_t length)
{
	return await(s, client_send(s, op, flags, offset, length));
}

int
do_write(struct sim *s, uint64_t offset, uint64_t length, uint32_t flags)
{
	return script_do(s, RAID_WRITE, flags, offset, length);
}

int
do_read(struct sim *s, uint64_t offset, uint64_t length)
{
	return script_do(s, RAID_READ, 0, offset, length);
}

int
do_flush(struct sim *s)
{
	return script_do(s, RAID_FLUSH, 0, 0, 0);
}

int
do_discard(struct sim *s, uint64_t offset, uint64_t length)
{
	return script_do(s, RAID_DISCARD, 0, offset, length);
}

int
do_zeroes(struct sim *s, uint64_t offset, uint64_t length, uint32_t flags)
{
	return script_do(s, RAID_ZEROES, flags, offset, length);
}

void
pass(struct sim *s, uint64_t ns)
{
	if (!sim_pass_time(s, ns))
		sim_fail(s, "scenario", "the run ended while time passed");
}

struct script_rule {
	const struct rule *rule;
	uint64_t hits;
	uint64_t until;
};

static bool
script_rule_met(struct sim *s, void *arg)
{
	const struct script_rule *w = arg;

	return w->rule->hits >= w->hits || s->now_ns > w->until ||
	       (queue_next_ns(&s->queue) == UINT64_MAX &&
		raid_deadline(s->raid) == UINT64_MAX);
}

bool
await_rule(struct sim *s, const struct rule *r, uint64_t hits)
{
	struct script_rule w = {r, hits, s->now_ns + SECONDS(60)};

	sim_run_until(s, script_rule_met, &w, SECONDS(1000));
	return r->hits >= hits;
}

struct rule *
on(struct sim *s, int member, int area, int op, enum rule_when when,
   enum rule_act act)
{
	struct rule rule = {
		.op = op,
		.member = member,
		.area = area,
		.when = when,
		.act = act,
		.again = act == RULE_COUNT,
	};
	struct rule *r = rule_arm(s, &rule);

	CHECK(r != NULL);
	return r;
}

void
power_cut(struct sim *s, enum disk_fate fate)
{
	s->cut_fate = fate;
	s->end = END_CUT;
	sim_carry_out_end(s);
}

void
daemon_dies(struct sim *s)
{
	s->end = END_CRASH;
	sim_carry_out_end(s);
}

static bool
script_restart(struct sim *s, uint32_t members, bool force)
{
	static struct assembly a;

	if (!sim_assemble(s, members, force, &a))
		return false;
	sim_start(s, &a, members, force);
	return sim_wait_started(s);
}

bool
restart(struct sim *s, uint32_t members)
{
	return script_restart(s, members, false);
}

bool
restart_forced(struct sim *s, uint32_t members)
{
	return script_restart(s, members, true);
}

bool
restart_salvage(struct sim *s, uint32_t members)
{
	return sim_start_rescue(s, members, false) && sim_wait_started(s);
}

bool
restart_recover(struct sim *s, uint32_t members)
{
	return sim_start_rescue(s, members, true) && sim_wait_started(s);
}

int
fail_leg(struct sim *s, unsigned set, unsigned leg)
{
	int res = raid_member_fail(s->raid, set, leg);

	s->called = true;
	return res;
}

enum sb_leg_state
leg_state(struct sim *s, unsigned set, unsigned leg)
{
	return sb_place_const(raid_superblock(s->raid), set, leg)->state;
}

uint64_t
on_set(const struct sim *s, unsigned set)
{
	return layout_array_offset(&s->options.geometry, set, 0);
}
