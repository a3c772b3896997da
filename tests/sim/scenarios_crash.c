/* SPDX-License-Identifier: MIT */
/*
 * Writes, journal, pages, checkpoints, and what a crash makes of them.  What
 * a read may return is the oracle's to say; a scenario's part is to bring the
 * engine to the place.
 */
#include <errno.h>

#include "check.h"
#include "script.h"

#define BOTH 3u /* members of one set of two */

static void
work_and_cut_at(struct sim *s, int area, int op, unsigned nth,
		enum rule_when when)
{
	struct rule *r = on(s, RULE_ANY, area, op, when, RULE_CUT);

	r->skip = nth;
	client_run(s, 400);
	if (sim_wait_idle(s))
		s->end = END_CUT;
	sim_carry_out_end(s);
	EXPECT(s, restart(s, BOTH));
	sim_read_all(s);
	EXPECT(s, sim_stop(s));
	sim_check_members(s);
}

static void
page_store_is_torn(struct sim *s, unsigned variant)
{
	work_and_cut_at(s, AREA_SUMS, IO_WRITE, variant,
			variant % 2 == 0 ? RULE_SUBMIT : RULE_LAND);
}

static void
checkpoint_is_cut(struct sim *s, unsigned variant)
{
	work_and_cut_at(s, AREA_MAP, IO_WRITE, variant / 2,
			variant % 2 == 0 ? RULE_SUBMIT : RULE_LAND);
}

static void
cleaning_races_with_writes(struct sim *s, unsigned variant)
{
	s->options.limits.dirty_units_max = 4;
	work_and_cut_at(s, AREA_JOURNAL, IO_WRITE, variant * 3, RULE_LAND);
}

static void
flush_is_cut(struct sim *s, unsigned variant)
{
	work_and_cut_at(s, RULE_ANY, IO_FLUSH, variant,
			variant % 2 == 0 ? RULE_LAND : RULE_DONE);
}

/* v1 to an unwritten block, v2 on top in flight; kill, or power cut. */
static void
first_write_is_overwritten(struct sim *s, unsigned variant)
{
	bool cut = (variant & 1) != 0;
	uint32_t flags = cut ? RAID_FUA : 0;
	struct rule *r[2];

	EXPECT(s, do_write(s, 0, BLOCK(1), flags) == 0);
	for (int i = 0; i < 2; i++)
		r[i] = on(s, i, AREA_DATA, IO_WRITE, RULE_LAND, RULE_HOLD);
	client_send(s, RAID_WRITE, flags, 0, BLOCK(1));
	EXPECT(s, await_rule(s, r[0], 1) && await_rule(s, r[1], 1));
	if (cut)
		power_cut(s, (variant & 2) != 0 ? FATE_DROP : FATE_KEEP);
	else
		daemon_dies(s);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

/* The record of a first write may not be durable before its data is. */
static void
first_write_data_before_record(struct sim *s, unsigned variant)
{
	struct rule *held = on(s, (int)variant, AREA_DATA, IO_WRITE,
			       RULE_SUBMIT, RULE_HOLD);
	struct rule *records = on(s, RULE_ANY, AREA_JOURNAL, IO_WRITE,
				  RULE_SUBMIT, RULE_COUNT);

	client_send(s, RAID_WRITE, RAID_FUA, 0, BLOCK(1));
	EXPECT(s, await_rule(s, held, 1));
	pass(s, SECONDS(1) / 100);
	EXPECT(s, records->hits == 0);
	power_cut(s, FATE_KEEP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
}

/* R1: to a written block of a CLEAN unit, DIRTY goes first. */
static void
dirty_is_durable_before_data(struct sim *s, unsigned variant)
{
	struct rule *held, *data;

	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	EXPECT(s, do_flush(s) == 0);
	pass(s, SECONDS(60));
	held = on(s, (int)variant, AREA_JOURNAL, IO_WRITE, RULE_SUBMIT,
		  RULE_HOLD);
	data = on(s, RULE_ANY, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_COUNT);
	client_send(s, RAID_WRITE, RAID_FUA, 0, BLOCK(1));
	EXPECT(s, await_rule(s, held, 1));
	pass(s, SECONDS(1) / 100);
	EXPECT(s, data->hits == 0);
	power_cut(s, FATE_KEEP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

static void
read_after_kill_stays(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	daemon_dies(s);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
	/* One leg keeps its cache, the other does not. */
	disk_power_cut(&s->member[variant].disk, FATE_DROP);
	power_cut(s, FATE_KEEP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
	EXPECT(s, do_flush(s) == 0);
}

/* An append on one leg only; more are made; that leg is gone. */
static void
append_reaches_one_leg(struct sim *s, unsigned variant)
{
	unsigned behind = variant & 1;
	struct rule *r;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	r = on(s, (int)behind, AREA_JOURNAL, IO_WRITE, RULE_SUBMIT, RULE_HOLD);
	client_send(s, RAID_WRITE, RAID_FUA, BLOCK(8), BLOCK(1));
	EXPECT(s, await_rule(s, r, 1));
	pass(s, SECONDS(1) / 100);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, 15));
	EXPECT(s, do_write(s, BLOCK(2), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, BLOCK(9), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, leg_state(s, 0, 0) == LEG_IN_SYNC);
	EXPECT(s, leg_state(s, 0, 1) == LEG_IN_SYNC);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, 15u & ~(1u << !behind)));
	sim_read_all(s);
}

static void
discard_then_write_again(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(16), RAID_FUA) == 0);
	pass(s, SECONDS(30));
	EXPECT(s, do_discard(s, 0, BLOCK(16)) == 0);
	EXPECT(s, do_read(s, 0, BLOCK(16)) == 0);
	EXPECT(s, do_write(s, BLOCK(3), BLOCK(1), RAID_FUA) == 0);
	if (variant == 1) {
		client_run(s, 300);
		EXPECT(s, sim_wait_idle(s));
	}
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, BOTH));
	sim_read_all(s);
}

/* A sum that waits for an append may not follow the "unwritten" record. */
static void
zeroes_pass_a_waiting_sum(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	EXPECT(s, do_zeroes(s, 0, BLOCK(1), 0) == 0);
	EXPECT(s, do_write(s, BLOCK(20), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_flush(s) == 0);
	if (variant == 0)
		power_cut(s, FATE_KEEP);
	else
		daemon_dies(s);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

/* The members' own discard may not erase what is written after. */
static void
late_discard_erases_nothing(struct sim *s, unsigned variant)
{
	struct rule *held;
	struct slot *discard, *write;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	held = on(s, (int)variant, AREA_DATA, IO_DISCARD, RULE_SUBMIT,
		  RULE_HOLD);
	discard = client_send(s, RAID_DISCARD, 0, 0, BLOCK(4));
	if (!await_rule(s, held, 1))
		return; /* no advice is given: nothing to be late */
	write = client_send(s, RAID_WRITE, RAID_FUA, BLOCK(1), BLOCK(1));
	pass(s, SECONDS(1) / 10);
	rule_release(s, held);
	EXPECT(s, await(s, discard) == 0);
	EXPECT(s, await(s, write) == 0);
	EXPECT(s, do_read(s, 0, BLOCK(4)) == 0);
}

/* A discard's turn comes when its blocks are written again. */
static void
waiting_discard_erases_nothing(struct sim *s, unsigned variant)
{
	struct rule *held;

	EXPECT(s, do_write(s, 0, BLOCK(16), RAID_FUA) == 0);
	held = on(s, (int)variant, AREA_DATA, IO_DISCARD, RULE_SUBMIT,
		  RULE_HOLD);
	EXPECT(s, do_discard(s, 0, BLOCK(2)) == 0);
	EXPECT(s, await_rule(s, held, 1));
	EXPECT(s, do_discard(s, BLOCK(4), BLOCK(8)) == 0);
	EXPECT(s, do_write(s, BLOCK(6), BLOCK(1), RAID_FUA) == 0);
	rule_release(s, held);
	pass(s, SECONDS(1));
	sim_read_all(s);
}

static void
small_write_to_unwritten(struct sim *s, unsigned variant)
{
	uint64_t at = 512 * (uint64_t)variant + (variant > 3 ? 77 : 0);

	EXPECT(s, do_write(s, at, 512, RAID_FUA) == 0);
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
}

/* Two in one block compute their sums one after the other (R9). */
static void
small_writes_share_a_block(struct sim *s, unsigned variant)
{
	struct slot *slots[8];

	if (variant == 1)
		EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	for (unsigned i = 0; i < 8; i++)
		slots[i] = client_send(s, RAID_WRITE, i % 2 ? RAID_FUA : 0,
				       i * 512, 512);
	for (unsigned i = 0; i < 8; i++)
		EXPECT(s, await(s, slots[i]) == 0);
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
	EXPECT(s, do_flush(s) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

/* A ring that is always full makes room without waiting for clients. */
static void
full_ring_goes_on(struct sim *s, unsigned variant)
{
	s->options.weights[RAID_READ] = variant;
	s->options.weights[RAID_FLUSH] = variant;
	s->options.weights[RAID_DISCARD] = variant;
	client_run(s, 3000);
	EXPECT(s, sim_wait_idle(s));
	sim_read_all(s);
	EXPECT(s, sim_stop(s));
	sim_check_members(s);
	EXPECT(s, restart(s, BOTH));
	sim_read_all(s);
}

/* A sum waits for a ride, is taken into a page, and is superseded before the
 * page's record is composed: it must not ride behind the newer one. */
static void
page_passes_a_waiting_sum(struct sim *s, unsigned variant)
{
	struct rule *append, *page;
	struct slot *older, *many, *newer;

	for (unsigned i = 0; i < 20; i++)
		EXPECT(s, do_write(s, BLOCK(i), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	append = on(s, 0, AREA_JOURNAL, IO_WRITE, RULE_LAND, RULE_HOLD);
	older = client_send(s, RAID_WRITE, RAID_FUA, BLOCK(40), BLOCK(1));
	EXPECT(s, await_rule(s, append, 1));
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	page = on(s, 1, AREA_SUMS, IO_WRITE, RULE_LAND, RULE_HOLD);
	many = client_send(s, RAID_WRITE, 0, BLOCK(64), BLOCK(16));
	EXPECT(s, await_rule(s, page, 1));
	newer = client_send(s, RAID_WRITE, RAID_FUA, 0, BLOCK(1));
	pass(s, SECONDS(1));
	rule_release(s, page);
	pass(s, SECONDS(1));
	rule_release(s, append);
	EXPECT(s, await(s, newer) == 0);
	EXPECT(s, await(s, older) == 0 && await(s, many) == 0);
	if (variant == 1)
		pass(s, SECONDS(30));
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
	EXPECT(s, s->notes[NOTE_UNVERIFIED] == 0);
}

/* A new checkpoint on one leg only, and that leg is gone. */
static void
checkpoint_on_one_leg(struct sim *s, unsigned variant)
{
	unsigned lacking = variant & 1;
	struct rule *r = on(s, (int)lacking, AREA_MAP, IO_WRITE, RULE_SUBMIT,
			    RULE_HOLD);

	r->skip = variant / 2;
	s->options.fua_percent = 100;
	client_run(s, 1000);
	await_rule(s, r, 1);
	pass(s, SECONDS(1));
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, 15u & ~(1u << !lacking)));
	sim_read_all(s);
}

/* Crash after crash, each when a checkpoint has said again all it owes and its
 * header is on no leg (variants 0, 1) or on one only. */
static void
checkpoints_never_end(struct sim *s, unsigned variant)
{
	s->options.length_max = 65536;
	s->options.fua_percent = 100;
	for (unsigned i = 0; i < 12; i++) {
		struct rule *r = on(s, (int)(i % 2), AREA_MAP, IO_WRITE,
				    RULE_SUBMIT, RULE_HOLD);

		r->skip = variant / 2;
		client_run(s, 400);
		await_rule(s, r, 1);
		pass(s, SECONDS(1));
		if (variant % 2 == 0)
			daemon_dies(s);
		else
			power_cut(s, FATE_DRAW);
		rules_clear(s);
		EXPECT(s, restart(s, BOTH));
	}
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	sim_read_all(s);
}

/* The newest map header is on one leg only, and a start cannot read it, or the
 * block behind it; the next one can. */
static void
map_header_unread(struct sim *s, unsigned variant)
{
	int has = (int)(variant & 1);
	struct rule *r;

	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	r = on(s, !has, AREA_MAP, IO_WRITE, RULE_SUBMIT, RULE_HOLD);
	r->offset = s->layout.map_offset[1];
	r->bytes = BLOCK_BYTES;
	r = on(s, has, AREA_MAP, IO_WRITE, RULE_DONE, RULE_CUT);
	r->offset = s->layout.map_offset[1];
	r->bytes = BLOCK_BYTES;
	s->cut_fate = FATE_DROP;
	EXPECT(s, !sim_stop(s));
	sim_carry_out_end(s);
	r = on(s, has, AREA_MAP, IO_READ, RULE_LAND, RULE_FAIL);
	r->offset = s->layout.map_offset[1] + variant / 4 * BLOCK_BYTES;
	r->bytes = BLOCK_BYTES;
	r->res = -EIO;
	r->again = (variant & 2) != 0; /* or the first try only */
	/* No checkpoint is to take its place. */
	on(s, RULE_ANY, AREA_MAP, IO_WRITE, RULE_SUBMIT, RULE_HOLD);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
	/* The leg that has it still has all that it stands on. */
	EXPECT(s, leg_state(s, 0, 0) == LEG_IN_SYNC);
	EXPECT(s, leg_state(s, 0, 1) == LEG_IN_SYNC);
}

/* A flush asked for while one is under way is not covered by that one. */
static void
flushes_do_not_merge_backwards(struct sim *s, unsigned variant)
{
	struct rule *held;
	struct slot *first, *second;

	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	held = on(s, (int)variant, RULE_ANY, IO_FLUSH, RULE_LAND, RULE_HOLD);
	first = client_send(s, RAID_FLUSH, 0, 0, 0);
	EXPECT(s, await_rule(s, held, 1));
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), 0) == 0);
	second = client_send(s, RAID_FLUSH, 0, 0, 0);
	pass(s, SECONDS(1) / 10);
	rule_release(s, held);
	EXPECT(s, await(s, first) == 0);
	EXPECT(s, await(s, second) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
}

/* Torn on a leg of small sectors, whole on the other. */
static void
large_sectors_decide(struct sim *s, unsigned variant)
{
	struct rule *r[2];

	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	for (int i = 0; i < 2; i++)
		r[i] = on(s, i, AREA_DATA, IO_WRITE,
			  i == 0 ? RULE_SUBMIT : RULE_LAND, RULE_HOLD);
	client_send(s, RAID_WRITE, 0, 0, BLOCK(1));
	EXPECT(s, await_rule(s, r[0], 1) && await_rule(s, r[1], 1));
	r[0]->held->fate = FATE_TEAR;
	power_cut(s, variant == 0 ? FATE_KEEP : FATE_DROP);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(1)) == 0);
}

const struct scenario crash_scenarios[] = {
	{.name = "page-store-is-torn", .run = page_store_is_torn,
	 .hole = "H1: a page of sums is lost while it is stored",
	 .variants = 12, .sets = 1, .legs = 2, .sums_max = 64},
	{.name = "first-write-is-overwritten",
	 .run = first_write_is_overwritten,
	 .hole = "H2: zeros for acknowledged data",
	 .variants = 4, .sets = 1, .legs = 2},
	{.name = "first-write-data-before-record",
	 .run = first_write_data_before_record,
	 .hole = "H2: a record without its data returns old bytes",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "dirty-is-durable-before-data",
	 .run = dirty_is_durable_before_data,
	 .hole = "I12: legs differ in a unit called CLEAN",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "append-reaches-one-leg", .run = append_reaches_one_leg,
	 .hole = "H4: a gap in a journal hides what follows",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "read-after-kill-stays", .run = read_after_kill_stays,
	 .hole = "H7: a value read out of caches goes back",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "discard-then-write-again", .run = discard_then_write_again,
	 .hole = "H13: an old page brings discarded blocks back",
	 .variants = 2, .sets = 1, .legs = 2, .sums_max = 64},
	{.name = "zeroes-pass-a-waiting-sum",
	 .run = zeroes_pass_a_waiting_sum,
	 .hole = "H14a: a sum journaled after \"unwritten\"",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "waiting-discard-erases-nothing",
	 .run = waiting_discard_erases_nothing,
	 .hole = "H14: a discard that waited erases what was written since",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "late-discard-erases-nothing",
	 .run = late_discard_erases_nothing,
	 .hole = "H14c: a discard in flight erases the next write",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "page-passes-a-waiting-sum",
	 .run = page_passes_a_waiting_sum,
	 .hole = "R3: a page in the journal, then a sum older than it",
	 .variants = 2, .sets = 1, .legs = 2, .sums_max = 64},
	{.name = "small-write-to-unwritten", .run = small_write_to_unwritten,
	 .hole = "H15: seven sectors of garbage under a sum of zeros",
	 .variants = 8, .sets = 1, .legs = 2},
	{.name = "small-writes-share-a-block",
	 .run = small_writes_share_a_block,
	 .hole = "H15: two sums of the same old rest",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "checkpoint-on-one-leg", .run = checkpoint_on_one_leg,
	 .hole = "H16a: ring space freed too early",
	 .variants = 8, .sets = 2, .legs = 2, .sums_max = 128},
	{.name = "checkpoint-is-cut", .run = checkpoint_is_cut,
	 .hole = "H16a: a checkpoint half written",
	 .variants = 12, .sets = 1, .legs = 2, .sums_max = 128},
	{.name = "checkpoints-never-end", .run = checkpoints_never_end,
	 .hole = "R20: crashes in checkpoints use up the ring",
	 .variants = 8, .sets = 1, .legs = 2, .sums_max = 192},
	{.name = "map-header-unread", .run = map_header_unread,
	 .hole = "R24: a header that cannot be read counts as not there",
	 .variants = 8, .sets = 1, .legs = 2},
	{.name = "full-ring-goes-on", .run = full_ring_goes_on,
	 .hole = "H16c: no room to make room",
	 .variants = 2, .sets = 1, .legs = 2, .sums_max = 64},
	{.name = "cleaning-races-with-writes",
	 .run = cleaning_races_with_writes,
	 .hole = "H17: CLEAN for a unit that is being written",
	 .variants = 24, .sets = 1, .legs = 2},
	{.name = "flushes-do-not-merge-backwards",
	 .run = flushes_do_not_merge_backwards,
	 .hole = "H18: a flush joins one under way",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "flush-is-cut", .run = flush_is_cut,
	 .hole = "R3: power fails between the flushes of legs",
	 .variants = 12, .sets = 1, .legs = 2},
	{.name = "large-sectors-decide", .run = large_sectors_decide,
	 .hole = "H23: a block torn on a leg of small sectors",
	 .variants = 2, .sets = 1, .legs = 2, .block_bytes = 4096},
};

const unsigned crash_scenario_count = ARRAY_SIZE(crash_scenarios);
