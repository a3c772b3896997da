/* SPDX-License-Identifier: MIT */
/*
 * What rots, what tears, and members that come back from another time: more of
 * what planted bugs (raid/plant.h) showed that no scenario looked at.
 */
#include <errno.h>

#include "check.h"
#include "script.h"

#define BOTH 3u /* members of one set of two */
/* Members of two sets of two: 0.0, 0.1, 1.0, 1.1. */
#define M00 1u
#define M01 2u
#define M10 4u
#define M11 8u

/* Away in an honest crash, or for longer than the history: behind, no fork. */
static void
stale_member_is_no_fork(struct sim *s, unsigned variant)
{
	static struct assembly a;
	unsigned starts = variant == 0 ? 1 : SB_HISTORY + 8;
	struct rule *fail, *hold;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	if (variant == 0) {
		/* The epoch without 0.0 reaches 0.1 only. */
		fail = on(s, 0, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_FAIL);
		fail->res = -EIO;
		for (int i = 0; i < 4; i++)
			hold = on(s, 2 + i / 2, AREA_SUPERBLOCK, IO_WRITE,
				  RULE_SUBMIT, RULE_HOLD);
		client_send(s, RAID_WRITE, RAID_FUA, 0, BLOCK(1));
		EXPECT(s, await_rule(s, hold, 1));
		pass(s, SECONDS(1));
	}
	power_cut(s, FATE_DROP);
	for (unsigned i = 0; i < starts; i++) {
		EXPECT(s, restart(s, M00 | M10 | M11));
		EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
		power_cut(s, FATE_DROP);
	}
	EXPECT(s, sim_assemble(s, M00 | M01 | M10 | M11, false, &a));
	EXPECT(s, a.role[1] == ROLE_STALE);
	EXPECT(s, restart(s, M00 | M01 | M10 | M11));
	sim_read_all(s);
}

/* Each leg was started alone, by force: which is right is for the operator. */
static void
forced_lines_are_a_fork(struct sim *s, unsigned variant)
{
	static struct assembly a;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	for (unsigned i = 0; i < 2; i++) {
		EXPECT(s, restart_forced(s, 1u << (i ^ variant)));
		EXPECT(s, do_write(s, BLOCK(8), BLOCK(1), RAID_FUA) == 0);
		power_cut(s, FATE_DROP);
	}
	EXPECT(s, !sim_assemble(s, BOTH, false, &a));
	EXPECT(s, a.verdict == ASSEMBLE_FORKED);
}

/* A member comes back as it was before an epoch that was in force on it. */
static void
member_went_back_an_epoch(struct sim *s, unsigned variant)
{
	struct disk *d = &s->member[2].disk;
	struct disk old;

	EXPECT(s, do_write(s, 0, BLOCK(16), RAID_FUA) == 0);
	EXPECT(s, do_write(s, BLOCK(16), BLOCK(16), RAID_FUA) == 0);
	EXPECT(s, do_flush(s) == 0);
	disk_copy_media(&old, d);
	EXPECT(s, fail_leg(s, 0, 0) == 0);
	pass(s, SECONDS(1));
	if (variant == 1)
		EXPECT(s, do_write(s, on_set(s, 1), BLOCK(1), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	disk_put_media(d, &old);
	disk_fini(&old);
	EXPECT(s, restart(s, M00 | M01 | M10 | M11));
	EXPECT(s, leg_state(s, 1, 0) != LEG_IN_SYNC);
	sim_read_all(s);
}

/* Power goes while an epoch is written, and tears what every member says. */
static void
epoch_is_torn_everywhere(struct sim *s, unsigned variant)
{
	struct rule *hold[4];

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, fail_leg(s, 0, 0) == 0);
	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	pass(s, SECONDS(1));
	for (int i = 0; i < 4; i++)
		hold[i] = on(s, i < 2 ? 1 : 3, AREA_SUPERBLOCK, IO_WRITE,
			     RULE_SUBMIT, RULE_HOLD);
	EXPECT(s, fail_leg(s, 1, 0) == 0);
	EXPECT(s, await_rule(s, hold[3], 1));
	power_cut(s, variant == 0 ? FATE_TEAR : FATE_DROP);
	EXPECT(s, restart(s, M00 | M01 | M10 | M11));
	EXPECT(s, leg_state(s, 0, 0) != LEG_IN_SYNC);
	sim_read_all(s);
}

/* What a resync decided stands in a record: rot cannot undo it (R16). */
static void
resync_is_recorded(struct sim *s, unsigned variant)
{
	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	for (unsigned i = 0; i < 2 + variant; i++)
		EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	daemon_dies(s);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, disk_flip(&s->member[0].disk, s->layout.data_offset + 9, 1));
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
}

/* A set that cannot record a resync leaves it, and is at rest. */
static void
write_stopped_set_rests(struct sim *s, unsigned variant)
{
	struct rule *fail, *reads;

	EXPECT(s, fail_leg(s, 0, 1) == 0);
	pass(s, SECONDS(1));
	s->guard[0] = 0;
	for (unsigned i = 0; i < 12; i++)
		EXPECT(s, do_write(s, BLOCK(16 * i), BLOCK(1), RAID_FUA) == 0);
	for (unsigned i = 0; i < 24; i++)
		EXPECT(s, do_write(s, BLOCK(16 * (i % 12)), BLOCK(1), 0) == 0);
	daemon_dies(s);
	fail = on(s, 0, AREA_JOURNAL, IO_WRITE, RULE_SUBMIT, RULE_FAIL);
	fail->res = -EIO;
	fail->skip = 1 + variant; /* the start's own comes first */
	EXPECT(s, restart(s, 1));
	EXPECT(s, await_rule(s, fail, 1));
	reads = on(s, 0, AREA_DATA, IO_READ, RULE_SUBMIT, RULE_COUNT);
	pass(s, SECONDS(60));
	EXPECT(s, reads->hits < 100);
}

/* The last leg failed a write and has it in its cache all the same.  What is
 * read then is durable (R16), and no older sum is said after it (R3). */
static void
failed_write_is_decided_for_good(struct sim *s, unsigned variant)
{
	struct rule *r, *flushes;

	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	EXPECT(s, fail_leg(s, 0, 1) == 0);
	pass(s, SECONDS(1));
	s->guard[0] = 0;
	for (unsigned i = 0; i < variant; i++)
		EXPECT(s, do_write(s, 0, BLOCK(1), 0) == 0);
	r = on(s, 0, AREA_DATA, IO_WRITE, RULE_LAND, RULE_FAIL);
	r->res = -EIO;
	flushes = on(s, 0, RULE_ANY, IO_FLUSH, RULE_SUBMIT, RULE_COUNT);
	EXPECT(s, do_write(s, 0, BLOCK(1), 0) == -EIO);
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
	EXPECT(s, flushes->hits > 0);
	if (variant == 2)
		EXPECT(s, do_flush(s) == 0);
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, 1));
	EXPECT(s, do_read(s, 0, BLOCK(2)) == 0);
}

/* A read that was given up lands when its request was answered, and the buffer
 * would be in use again: for what is written next (H11). */
static void
late_read_spoils_nothing(struct sim *s, unsigned variant)
{
	struct rule *read[2], *write;
	struct slot *slot;

	EXPECT(s, do_write(s, 0, BLOCK(1 + variant), RAID_FUA) == 0);
	for (int i = 0; i < 2; i++)
		read[i] = on(s, i, AREA_DATA, IO_READ, RULE_SUBMIT, RULE_HOLD);
	slot = client_send(s, RAID_READ, 0, 0, BLOCK(1 + variant));
	pass(s, SECONDS(1));
	/* The first is given up; the second, held too, then has the answer. */
	rule_release(s, read[0]->held != NULL &&
		     (read[1]->held == NULL ||
		      read[0]->held->id > read[1]->held->id) ? read[0] :
							       read[1]);
	EXPECT(s, await(s, slot) == 0);
	write = on(s, 0, AREA_DATA, IO_WRITE, RULE_SUBMIT, RULE_HOLD);
	slot = client_send(s, RAID_WRITE, RAID_FUA, 0, BLOCK(1 + variant));
	EXPECT(s, await_rule(s, write, 1));
	rule_release(s, read[0]);
	rule_release(s, read[1]);
	pass(s, SECONDS(1) / 100);
	rule_release(s, write);
	EXPECT(s, await(s, slot) == 0);
	EXPECT(s, do_read(s, 0, BLOCK(1 + variant)) == 0);
}

/* That a member will not discard is no fault of it. */
static void
discard_may_be_refused(struct sim *s, unsigned variant)
{
	struct rule *r;

	EXPECT(s, do_write(s, 0, BLOCK(16), RAID_FUA) == 0);
	r = on(s, (int)variant, AREA_DATA, IO_DISCARD, RULE_SUBMIT, RULE_FAIL);
	r->res = -EOPNOTSUPP;
	EXPECT(s, do_discard(s, 0, BLOCK(16)) == 0);
	EXPECT(s, r->hits == 1);
	pass(s, SECONDS(1));
	EXPECT(s, leg_state(s, 0, variant) == LEG_IN_SYNC);
	sim_read_all(s);
}

/* Power tears what is being written, on both legs. */
static void
writes_are_torn(struct sim *s, unsigned variant)
{
	static const int areas[] = {AREA_JOURNAL, AREA_MAP, AREA_SUMS};
	struct rule *r = on(s, RULE_ANY, areas[variant % 3], IO_WRITE,
			    RULE_SUBMIT, RULE_CUT);

	r->skip = variant % 3 == 2 ? variant / 3 : variant;
	s->cut_fate = FATE_TEAR;
	s->options.fua_percent = 50;
	/* Records, and a map, of more than a sector. */
	s->client.slot_count = 24;
	client_run(s, 600);
	if (sim_wait_idle(s))
		s->end = END_CUT;
	sim_carry_out_end(s);
	EXPECT(s, restart(s, BOTH));
	sim_read_all(s);
	EXPECT(s, sim_stop(s));
	sim_check_members(s);
}

/* Entries of the map rot on a leg, in both copies: the other leg's count. */
static void
map_of_a_leg_rots(struct sim *s, unsigned variant)
{
	struct disk *d = &s->member[variant].disk;

	/* Each region has a page then, more sums than may go without. */
	for (unsigned i = 0; i < 128; i++)
		EXPECT(s, do_write(s, i % 64 * BLOCK(4), BLOCK(4), RAID_FUA) ==
		       0);
	EXPECT(s, sim_stop(s));
	for (unsigned i = 0; i < 12; i++)
		EXPECT(s, disk_flip(d, s->layout.map_offset[i % 2] + BLOCK(1) +
				    64 + i / 2 * 8 + 5, 1));
	EXPECT(s, restart(s, BOTH));
	sim_read_all(s);
}

/* A leg that lost its map lacks all that is written (R18, R19). */
static void
damaged_leg_is_wholly_stale(struct sim *s, unsigned variant)
{
	static struct raid_status st;

	for (unsigned i = 0; i < 6; i++)
		EXPECT(s, do_write(s, BLOCK(16 * i), BLOCK(1), RAID_FUA) == 0);
	pass(s, SECONDS(60)); /* all is CLEAN */
	power_cut(s, FATE_DROP);
	for (unsigned copy = 0; copy < 2; copy++)
		EXPECT(s, disk_flip(&s->member[0].disk,
				    s->layout.map_offset[copy] + 70, 1));
	for (unsigned i = 0; i < variant + 1; i++) {
		EXPECT(s, restart(s, M00 | M01 | M10 | M11));
		EXPECT(s, leg_state(s, 0, 0) != LEG_IN_SYNC);
		EXPECT(s, sim_wait_idle(s));
		raid_status(s->raid, &st);
		EXPECT(s, st.legs[0].stale_regions >= 3);
		EXPECT(s, sim_stop(s));
	}
}

/* The front of a member is overwritten: what its end says still counts. */
static void
front_of_a_member_is_wiped(struct sim *s, unsigned variant)
{
	static const uint8_t zeros[SB_BYTES];
	struct disk *d = &s->member[1].disk;

	EXPECT(s, do_write(s, 0, BLOCK(4), RAID_FUA) == 0);
	EXPECT(s, fail_leg(s, 0, 0) == 0);
	EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), RAID_FUA) == 0);
	if (variant == 0)
		EXPECT(s, sim_stop(s));
	else
		power_cut(s, FATE_DROP);
	for (unsigned slot = 0; slot < SB_SLOTS; slot++)
		disk_write(d, sb_offset(d->bytes, variant / 2, slot), SB_BYTES,
			   zeros, true);
	EXPECT(s, restart(s, BOTH));
	EXPECT(s, leg_state(s, 0, 0) == LEG_FAILED);
	sim_read_all(s);
}

/* A write waits for room that only time may bring; a stop does not spin. */
static void
stop_while_one_waits_for_room(struct sim *s, uint64_t bytes)
{
	struct slot *slot;
	uint64_t at = 0;

	while (at < bytes && do_write(s, at, BLOCK(1), RAID_FUA) == 0)
		at += BLOCK(2);
	EXPECT(s, at < bytes);
	pass(s, SECONDS(20)); /* all that can be CLEAN is */
	slot = client_send(s, RAID_WRITE, 0, at, BLOCK(4));
	pass(s, SECONDS(1) / 10);
	EXPECT(s, slot->busy);
	s->options.latency_fixed = true; /* looking on takes no time */
	EXPECT(s, sim_stop(s));
	EXPECT(s, restart(s, BOTH));
}

/* Pages of sums rot on all legs: what they held is lost, never unwritten, and
 * what is written after may not change that (R24). */
static void
pages_rot_on_all_legs(struct sim *s, unsigned variant)
{
	uint64_t offset, length;
	uint64_t bytes = s->oracle.granules * s->oracle.granule_bytes;
	struct rule *reads;

	s->oracle.lenient = true; /* a hole may be called written */
	client_run(s, 600);
	EXPECT(s, sim_wait_idle(s));
	EXPECT(s, sim_stop(s));
	sim_area_range(s, AREA_SUMS, &offset, &length);
	for (unsigned leg = 0; leg < 2; leg++)
		for (uint64_t i = 0; i < length / BLOCK(1) &&
		     i < DISK_FLIPS_MAX; i++)
			EXPECT(s, disk_flip(&s->member[leg].disk,
					    offset + BLOCK(i) + i % 16 * 4, 2));
	EXPECT(s, restart(s, BOTH));
	if (variant == 1) {
		for (uint64_t at = 0; at < bytes; at += BLOCK(2))
			(void)do_write(s, at, BLOCK(1), RAID_FUA);
		reads = on(s, RULE_ANY, AREA_SUMS, IO_READ, RULE_SUBMIT,
			   RULE_COUNT);
		pass(s, SECONDS(60));
		EXPECT(s, reads->hits < 10000);
	}
	if (variant == 2)
		stop_while_one_waits_for_room(s, bytes);
	sim_read_all(s);
	EXPECT(s, s->notes[NOTE_PAGE_LOST] > 0);
}

/* The pages of the last leg cannot be read when blocks that they call
 * unwritten are written, nor when that is decided after a crash: what lies on
 * the disk there was never anybody's (R24). */
static void
lost_page_is_no_evidence(struct sim *s, unsigned variant)
{
	struct rule *r;

	s->oracle.lenient = true;
	EXPECT(s, fail_leg(s, 0, 1) == 0);
	pass(s, SECONDS(1));
	s->guard[0] = 0;
	for (unsigned i = 0; i < 16; i++)
		EXPECT(s, do_write(s, BLOCK(16 * i), BLOCK(8), RAID_FUA) == 0);
	EXPECT(s, sim_stop(s));
	EXPECT(s, restart(s, 1));
	r = on(s, 0, AREA_SUMS, IO_READ, RULE_LAND, RULE_FAIL);
	r->res = -EIO;
	r->again = true;
	for (unsigned i = 0; i < 4; i++)
		(void)do_write(s, BLOCK(16 * i + 12), BLOCK(1 + variant % 2), 0);
	EXPECT(s, s->notes[NOTE_PAGE_LOST] > 0);
	power_cut(s, FATE_DROP);
	r = on(s, 0, AREA_SUMS, IO_READ, RULE_LAND, RULE_FAIL);
	r->res = -EIO;
	r->again = true;
	r->armed = variant < 2;
	EXPECT(s, restart(s, 1));
	for (unsigned i = 0; i < 4; i++)
		for (unsigned b = 12; b < 14; b++)
			(void)do_read(s, BLOCK(16 * i + b), BLOCK(1));
	EXPECT(s, s->notes[NOTE_UNVERIFIED] == 0);
}

/* A block of the ring, or all of them, rots on both legs of an array that was
 * stopped clean.  It does not start, or nothing is missing. */
static void
journal_rots_on_all_legs(struct sim *s, unsigned variant)
{
	uint64_t offset, length;
	bool refused;

	sim_area_range(s, AREA_JOURNAL, &offset, &length);
	for (unsigned i = 0; i < 40; i++)
		EXPECT(s, do_write(s, BLOCK(i), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, sim_stop(s));
	for (unsigned i = 0; i < length / 4096; i++)
		for (unsigned m = 0; m < 2; m++)
			if (variant == 0 || variant == i + 1)
				EXPECT(s, disk_flip(&s->member[m].disk,
						    offset + i * 4096 + 100,
						    3));
	refused = !restart(s, BOTH);
	EXPECT(s, variant != 0 || refused);
	if (!refused)
		sim_read_all(s);
}

/* Both legs' newest map header (one of the two variants) makes no sense at one
 * start, and is as good as new at the next. */
static void
map_header_comes_back(struct sim *s, unsigned variant)
{
	uint64_t offset, length, head;

	sim_area_range(s, AREA_MAP, &offset, &length);
	head = offset + (variant & 1) * length / 2;
	for (unsigned i = 0; i < 40; i++)
		EXPECT(s, do_write(s, BLOCK(i), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, sim_stop(s));
	for (unsigned i = 0; i < 2; i++)
		EXPECT(s, disk_flip(&s->member[i].disk, head + 20, 3));
	EXPECT(s, restart(s, BOTH));
	/* No more: the next checkpoint would write over it. */
	for (unsigned i = 0; i < variant / 2; i++)
		EXPECT(s, do_write(s, BLOCK(i), BLOCK(1), RAID_FUA) == 0);
	power_cut(s, FATE_DROP);
	for (unsigned i = 0; i < 2; i++)
		disk_flip(&s->member[i].disk, head + 20, 3);
	EXPECT(s, restart(s, BOTH));
	sim_read_all(s);
}

/* A checkpoint's header reaches one leg; then a crash comes at once again, and
 * the leg without it is gone; or it comes late, and the other one is. */
static void
header_on_one_leg(struct sim *s, unsigned variant)
{
	unsigned lacking = variant & 1, gone = lacking;
	struct rule *r = on(s, (int)lacking, AREA_MAP, IO_WRITE, RULE_SUBMIT,
			    RULE_HOLD);

	r->offset = s->layout.map_offset[0] + s->layout.map_bytes *
		    (variant >> 1 & 1);
	r->bytes = BLOCK(1);
	s->options.fua_percent = 30;
	client_run(s, 1000);
	EXPECT(s, await_rule(s, r, 1));
	pass(s, SECONDS(1));
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, M00 | M01 | M10 | M11));
	if (variant & 4)
		EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	if (variant & 8) {
		/* The next one does not reach it either; the ring fills. */
		r = on(s, (int)lacking, AREA_MAP, IO_WRITE, RULE_SUBMIT,
		       RULE_HOLD);
		s->options.fua_percent = 100;
		client_run(s, 1000);
		EXPECT(s, await_rule(s, r, 1));
		pass(s, SECONDS(1));
		gone = !lacking;
	}
	power_cut(s, FATE_DROP);
	EXPECT(s, restart(s, 15u & ~(1u << gone)));
	sim_read_all(s);
}

/* A block of the map is acknowledged and lost, on the leg that the next start
 * looks at first; its header is not. */
static void
map_block_is_lost(struct sim *s, unsigned variant)
{
	struct rule *r[2];

	for (unsigned i = 0; i < 40; i++)
		EXPECT(s, do_write(s, BLOCK(3 * i), BLOCK(1), RAID_FUA) == 0);
	if (variant % 2 == 1)
		EXPECT(s, sim_stop(s) && restart(s, 3));
	for (unsigned copy = 0; copy < 2; copy++) {
		r[copy] = on(s, (int)(variant / 2), AREA_MAP, IO_WRITE,
			     RULE_SUBMIT, RULE_DROP);
		r[copy]->offset = s->layout.map_offset[copy] + ORACLE_BLOCK;
		r[copy]->bytes = ORACLE_BLOCK;
		r[copy]->again = true;
	}
	s->options.fua_percent = 100;
	client_run(s, 1500);
	EXPECT(s, sim_wait_idle(s));
	EXPECT(s, r[0]->hits > 0 && r[1]->hits > 0);
	EXPECT(s, sim_stop(s));
	EXPECT(s, restart(s, 3));
	sim_read_all(s);
}

const struct scenario decay_scenarios[] = {
	{.name = "map-block-is-lost", .run = map_block_is_lost,
	 .hole = "R11: a map of another time says what is written",
	 .variants = 4, .sets = 1, .legs = 2, .sums_max = 64},
	{.name = "stale-member-is-no-fork", .run = stale_member_is_no_fork,
	 .hole = "H26, H29: a leg that was away is called a fork",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "forced-lines-are-a-fork", .run = forced_lines_are_a_fork,
	 .hole = "R14: of two lines made by force one is taken",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "member-went-back-an-epoch",
	 .run = member_went_back_an_epoch,
	 .hole = "H21: a leg from before the epoch in force is in-sync",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "epoch-is-torn-everywhere", .run = epoch_is_torn_everywhere,
	 .hole = "R13: the epoch in force goes with one that is written",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "resync-is-recorded", .run = resync_is_recorded,
	 .hole = "R16: what was decided is to be decided again",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "write-stopped-set-rests", .run = write_stopped_set_rests,
	 .hole = "R16: a resync that cannot be recorded is begun for ever",
	 .variants = 3, .sets = 1, .legs = 2, .lenient = true},
	{.name = "failed-write-is-decided-for-good",
	 .run = failed_write_is_decided_for_good,
	 .hole = "R16: what was read of a failed write goes back",
	 .variants = 3, .sets = 1, .legs = 2, .lenient = true},
	{.name = "late-read-spoils-nothing", .run = late_read_spoils_nothing,
	 .hole = "H11: a late read lands in a buffer in use", .variants = 2,
	 .sets = 1, .legs = 2},
	{.name = "discard-may-be-refused", .run = discard_may_be_refused,
	 .hole = "R22: a leg evicted for a discard", .variants = 2,
	 .sets = 1, .legs = 2},
	{.name = "writes-are-torn", .run = writes_are_torn,
	 .hole = "R19, H16: a torn record, map or page is taken for whole",
	 .variants = 60, .sets = 1, .legs = 2, .sums_max = 64,
	 .member_kib = 6144},
	{.name = "map-of-a-leg-rots", .run = map_of_a_leg_rots,
	 .hole = "R24: entries of the map that rotted are believed",
	 .variants = 2, .sets = 1, .legs = 2, .sums_max = 64},
	{.name = "damaged-leg-is-wholly-stale",
	 .run = damaged_leg_is_wholly_stale,
	 .hole = "R18: what a leg lost with its map is not known",
	 .variants = 2, .sets = 2, .legs = 2},
	{.name = "front-of-a-member-is-wiped",
	 .run = front_of_a_member_is_wiped,
	 .hole = "R13: an epoch at one end of a member only",
	 .variants = 4, .sets = 1, .legs = 2},
	{.name = "pages-rot-on-all-legs", .run = pages_rot_on_all_legs,
	 .hole = "R24: what a lost page held reads as unwritten",
	 .variants = 3, .sets = 1, .legs = 2, .sums_max = 64, .lenient = true},
	{.name = "lost-page-is-no-evidence", .run = lost_page_is_no_evidence,
	 .hole = "R24: noise is taken for what a lost page said of a block",
	 .variants = 4, .sets = 1, .legs = 2, .sums_max = 64, .lenient = true},
	{.name = "journal-rots-on-all-legs", .run = journal_rots_on_all_legs,
	 .hole = "H9: a journal that is damaged on all legs reads as short",
	 .variants = 17, .sets = 1, .legs = 2, .lenient = true},
	{.name = "map-header-comes-back", .run = map_header_comes_back,
	 .hole = "R20: a header that made no sense is the newest again",
	 .variants = 6, .sets = 1, .legs = 2},
	{.name = "header-on-one-leg", .run = header_on_one_leg,
	 .hole = "R20: what a header on one leg needs is gone",
	 .variants = 32, .sets = 2, .legs = 2, .sums_max = 64},
};

const unsigned decay_scenario_count = ARRAY_SIZE(decay_scenarios);
