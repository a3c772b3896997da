/* SPDX-License-Identifier: MIT */
/*
 * Random lives of an array: writes, legs that fail, evictions, promotions,
 * crashes between any two superblock writes, starts with any of the members.
 * Whenever the array is down, every choice of members is put to assemble():
 *
 *  - an array that may start has, in each leg it calls in-sync, all that was
 *    ever acknowledged;
 *  - it may start whenever the rule says so, reckoned here from what really
 *    happened: from parents, not from numbers and lists.
 *
 * The engine is played by the shortest program that keeps R2 and R13.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "assemble.h"
#include "check.h"
#include "support.h"

#define EPOCHS_MAX 110
#define LEGS_MAX 6
#define NONE (-1)

struct epoch {
	int parent;
	int base; /* in force when it was made */
	unsigned in_sync;
	enum sb_how how;
	struct sb sb;
};

static struct walk {
	uint32_t sets, legs;
	unsigned count; /* of members */
	uint64_t random;
	int epochs_max;
	unsigned fails_left;

	struct epoch epochs[EPOCHS_MAX];
	int epoch_count;

	/* The members' disks. */
	struct sb disks[LEGS_MAX];
	int carries[LEGS_MAX];
	unsigned marked;
	unsigned version[LEGS_MAX];
	unsigned acked[LEGS_MAX]; /* of a set */

	/* The run. */
	bool running;
	int in_force, pending;
	unsigned present, broken, written;
	int promoted;
} w;

static unsigned starts_seen, waits_seen, forks_seen;

static unsigned
random_below(unsigned n)
{
	return (unsigned)(support_random(&w.random) % n);
}

static unsigned
set_mask(uint32_t set)
{
	return ((1u << w.legs) - 1) << set * w.legs;
}

static bool
each_set_has(unsigned mask)
{
	for (uint32_t set = 0; set < w.sets; set++)
		if ((mask & set_mask(set)) == 0)
			return false;
	return true;
}

static bool
is_ancestor(int a, int b)
{
	for (; b != NONE; b = w.epochs[b].parent)
		if (a == b)
			return true;
	return false;
}

/* In-sync in any, or in all, of the epochs from a down to b. */
static unsigned
in_sync_ever(int a, int b)
{
	unsigned mask = 0;

	for (; b != NONE; b = w.epochs[b].parent) {
		mask |= w.epochs[b].in_sync;
		if (a == b)
			break;
	}
	return mask;
}

static unsigned
in_sync_always(int a, int b)
{
	unsigned mask = ~0u;

	for (; b != NONE; b = w.epochs[b].parent) {
		mask &= w.epochs[b].in_sync;
		if (a == b)
			break;
	}
	return mask;
}

static struct sb_place *
place_at(struct sb *sb, unsigned member)
{
	return sb_place(sb, member / w.legs, member % w.legs);
}

static void
sb_mark(struct sb *sb)
{
	sb->in_force_number = sb->history[0].number;
	sb->in_force_nonce = sb->history[0].nonce;
}

static int
epoch_add(int parent, unsigned in_sync, enum sb_how how, int base)
{
	int index = w.epoch_count++;
	struct epoch *e = &w.epochs[index];
	struct sb *sb = &e->sb;

	e->parent = parent;
	e->base = base;
	e->in_sync = in_sync;
	e->how = how;
	*sb = w.epochs[parent].sb;
	sb->in_force_number = w.epochs[base].sb.history[0].number;
	sb->in_force_nonce = w.epochs[base].sb.history[0].nonce;
	memmove(&sb->history[1], &sb->history[0],
		SB_HISTORY * sizeof(sb->history[0]));
	sb->history[0] = (struct sb_epoch){
		.number = sb->history[1].number + 1,
		.nonce = support_random(&w.random),
		.in_force_number = sb->in_force_number,
		.how = how,
	};
	for (unsigned i = 0; i < w.count; i++) {
		struct sb_place *p = place_at(sb, i);

		p->counted = in_sync_ever(base, index) >> i & 1;
		p->kept = in_sync_always(base, index) >> i & 1;
		if (in_sync >> i & 1) {
			p->state = LEG_IN_SYNC;
			p->last_in_sync = sb->history[0].number;
		} else if (p->state == LEG_IN_SYNC) {
			p->state = how == HOW_START ? LEG_STALE : LEG_FAILED;
		}
	}
	return index;
}

static void
disk_write(unsigned member, int epoch)
{
	w.disks[member] = w.epochs[epoch].sb;
	support_seat(&w.disks[member], member / w.legs, member % w.legs);
	w.carries[member] = epoch;
	w.marked &= ~(1u << member);
}

static void
walk_begin(uint32_t sets, uint32_t legs, uint64_t seed, int epochs_max)
{
	memset(&w, 0, sizeof(w));
	w.sets = sets;
	w.legs = legs;
	w.count = sets * legs;
	w.random = seed * 0x9e3779b97f4a7c15ull | 1;
	w.epochs_max = epochs_max;
	w.fails_left = 2 + random_below(3);
	support_sb(&w.epochs[0].sb, sets, legs);
	w.epochs[0].parent = NONE;
	w.epochs[0].in_sync = (1u << w.count) - 1;
	w.epochs[0].how = HOW_CREATE;
	w.epoch_count = 1;
	for (unsigned i = 0; i < w.count; i++)
		disk_write(i, 0);
	w.running = true;
	w.pending = NONE;
	w.promoted = NONE;
	w.present = (1u << w.count) - 1;
}

/*
 * The rule, from what really happened.  Returns whether these members may
 * start, -1 for lines that R14's exception does not tell apart.
 */
static bool
branch_came_into_force(unsigned here, int first)
{
	unsigned durable = 0;

	for (unsigned i = 0; i < w.count; i++) {
		int e = w.carries[i];

		if (!(here >> i & 1) || !is_ancestor(first, e))
			continue;
		durable |= 1u << i;
		if (is_ancestor(first, w.epochs[e].base) ||
		    (w.marked >> i & 1))
			return true;
	}
	return (w.epochs[first].in_sync & ~durable) == 0;
}

static bool
line_beats(unsigned here, int line)
{
	for (unsigned i = 0; i < w.count; i++) {
		int e = line, first = NONE;

		if (!(here >> i & 1) || is_ancestor(w.carries[i], line))
			continue;
		for (; e != NONE && !is_ancestor(e, w.carries[i]);
		     e = w.epochs[e].parent)
			first = e;
		if (first == NONE || w.epochs[first].how != HOW_START ||
		    !branch_came_into_force(here, first))
			return false;
	}
	return true;
}

static int
line_pick(unsigned here)
{
	int newest = NONE;

	for (unsigned i = 0; i < w.count; i++)
		if ((here >> i & 1) && line_beats(here, w.carries[i]) &&
		    (newest == NONE || is_ancestor(newest, w.carries[i])))
			newest = w.carries[i];
	return newest;
}

static int
rule_says(unsigned here, unsigned *in_sync)
{
	int newest = line_pick(here);
	unsigned use = 0, carry = 0, counted, kept;
	int base;

	if (newest == NONE)
		return -1;
	for (unsigned i = 0; i < w.count; i++) {
		if (!(here >> i & 1))
			continue;
		if (is_ancestor(w.carries[i], newest))
			use |= 1u << i;
		if (w.carries[i] == newest)
			carry |= 1u << i;
	}
	*in_sync = use & w.epochs[newest].in_sync;
	if (!each_set_has(*in_sync))
		return 0;
	base = w.epochs[newest].base;
	if ((carry & w.marked) != 0 ||
	    (w.epochs[newest].in_sync & ~carry) == 0)
		base = newest;
	counted = in_sync_ever(base, newest);
	kept = in_sync_always(base, newest);
	if (!each_set_has(*in_sync & kept))
		return 0;
	for (uint32_t set = 0; set < w.sets; set++)
		if ((counted & set_mask(set) & ~use) == 0)
			return 1;
	return 0;
}

static bool
start_is_allowed(unsigned here, struct assembly *a, unsigned *in_sync,
		 unsigned *freshest)
{
	const struct sb *list[LEGS_MAX] = {NULL};
	unsigned from[LEGS_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < w.count; i++)
		if (here >> i & 1) {
			from[count] = i;
			list[count++] = &w.disks[i];
		}
	assemble(list, count, a);
	*in_sync = 0;
	for (unsigned i = 0; i < count; i++)
		if (a->role[i] == ROLE_IN_SYNC)
			*in_sync |= 1u << from[i];
	*freshest = from[a->freshest];
	return a->verdict == ASSEMBLE_START;
}

static void
choice_check(unsigned here, bool with_rule)
{
	struct assembly a;
	unsigned in_sync, freshest, by_rule = 0;
	bool starts = start_is_allowed(here, &a, &in_sync, &freshest);
	int rule = rule_says(here, &by_rule);

	cr_assert_neq(a.verdict, ASSEMBLE_FORKED, "nobody used force");
	if (starts)
		for (unsigned i = 0; i < w.count; i++)
			cr_assert(!(in_sync >> i & 1) ||
				  w.version[i] >= w.acked[i / w.legs]);
	starts_seen += starts;
	waits_seen += !starts;
	forks_seen += rule < 0;
	if (!with_rule || rule < 0)
		return;
	cr_assert_eq(starts, rule == 1);
	if (starts)
		cr_assert_eq(in_sync, by_rule);
}

static void
step_down(bool with_rule)
{
	unsigned all = (1u << w.count) - 1;
	unsigned in_sync, freshest;
	struct assembly a;

	for (unsigned here = 1; here <= all; here++)
		choice_check(here, with_rule);
	if (w.epoch_count == w.epochs_max)
		return;
	for (int tries = 0; tries < 100; tries++) {
		unsigned here = 1 + random_below(all);
		int top;

		if (!start_is_allowed(here, &a, &in_sync, &freshest))
			continue;
		top = w.carries[freshest];
		w.running = true;
		w.in_force = a.in_force ? top : w.epochs[top].base;
		w.pending = epoch_add(top, in_sync, HOW_START, w.in_force);
		w.present = here;
		w.broken = 0;
		w.written = 0;
		w.promoted = NONE;
		return;
	}
	cr_assert_fail("nobody can start it");
}

static unsigned
working(void)
{
	return w.present & ~w.broken;
}

/* Is the start's own epoch in force yet? */
static bool
may_acknowledge(void)
{
	for (int e = w.pending; e != NONE && e != w.in_force;
	     e = w.epochs[e].parent)
		if (w.epochs[e].how == HOW_START)
			return false;
	return true;
}

static void
step_write(void)
{
	uint32_t set = random_below(w.sets);
	unsigned counted = w.epochs[w.in_force].in_sync;

	if (w.pending != NONE)
		counted = in_sync_ever(w.in_force, w.pending);
	counted &= set_mask(set);
	if (!may_acknowledge() || (counted & ~working()) != 0)
		return;
	w.acked[set]++;
	for (unsigned i = 0; i < w.count; i++)
		if (counted >> i & 1)
			w.version[i] = w.acked[set];
}

static void
epoch_propose(int parent, unsigned in_sync)
{
	if (w.epoch_count == w.epochs_max)
		return;
	w.pending = epoch_add(parent, in_sync, HOW_CHANGE, w.in_force);
	w.written = 0;
}

/* Nothing is under way: mark, evict or promote this leg. */
static void
step_settled(unsigned i)
{
	unsigned in_sync = w.epochs[w.in_force].in_sync;
	unsigned others = in_sync & set_mask(i / w.legs) & working();
	bool works = working() >> i & 1;

	if (in_sync >> i & 1) {
		if (works && w.carries[i] == w.in_force) {
			sb_mark(&w.disks[i]);
			w.marked |= 1u << i;
		} else if (!works && others != 0) {
			epoch_propose(w.in_force, in_sync & ~(1u << i));
		}
	} else if (works && others != 0 && random_below(4) == 0) {
		w.version[i] = w.acked[i / w.legs];
		w.promoted = (int)i;
		epoch_propose(w.in_force, in_sync | 1u << i);
		if (w.pending == NONE)
			w.promoted = NONE;
	}
}

/* A superblock write of the pending epoch, or its child without this leg. */
static void
step_pending(unsigned i)
{
	unsigned in_sync = w.epochs[w.pending].in_sync;
	unsigned left = in_sync & ~(1u << i);

	if ((in_sync & ~w.written) == 0) {
		w.in_force = w.pending;
		w.pending = NONE;
		w.promoted = NONE;
		return;
	}
	if (!(in_sync >> i & 1) || (w.written >> i & 1))
		return;
	if (working() >> i & 1) {
		/* The sources before the target (R13). */
		if (w.promoted == (int)i && (left & ~w.written) != 0)
			return;
		disk_write(i, w.pending);
		w.written |= 1u << i;
		return;
	}
	if (!each_set_has(left & in_sync_always(w.in_force, w.pending)))
		return;
	if (w.promoted == (int)i)
		w.promoted = NONE;
	epoch_propose(w.pending, left);
}

static void
step_up(void)
{
	unsigned i = random_below(w.count);
	unsigned dice = random_below(100);

	if (dice < 6) {
		w.running = false;
		w.pending = NONE;
	} else if (dice < 9) {
		if (w.fails_left > 0 && (working() >> i & 1)) {
			w.broken |= 1u << i;
			w.fails_left--;
		}
	} else if (dice < 30) {
		step_write();
	} else if (w.pending == NONE) {
		step_settled(i);
	} else {
		step_pending(i);
	}
}

static void
walk(uint32_t sets, uint32_t legs, uint64_t seed, int epochs_max,
     int steps)
{
	walk_begin(sets, legs, seed, epochs_max);
	for (int i = 0; i < steps; i++) {
		if (w.running)
			step_up();
		else
			step_down(epochs_max <= (int)SB_HISTORY);
	}
}

static void
walks(uint32_t sets, uint32_t legs, unsigned count)
{
	starts_seen = waits_seen = forks_seen = 0;
	for (uint64_t seed = 1; seed <= count; seed++)
		walk(sets, legs, seed, 4 + (int)(seed % 28), 150);
	/* A walk that never meets what it looks for shows nothing. */
	cr_assert_gt(starts_seen, count);
	cr_assert_gt(waits_seen, count);
	cr_log_info("%ux%u: %u starts, %u waits, %u forks", sets, legs,
		    starts_seen, waits_seen, forks_seen);
}

Test(assemble_walk, one_set_of_two_never_starts_without_what_it_promised)
{
	walks(1, 2, 2000);
}

Test(assemble_walk, one_set_of_three_never_starts_without_what_it_promised)
{
	walks(1, 3, 1500);
}

Test(assemble_walk, two_sets_of_two_never_start_without_what_they_promised)
{
	walks(2, 2, 1500);
	cr_assert_gt(forks_seen, 0);
}

Test(assemble_walk, two_sets_of_three_never_start_without_what_they_promised)
{
	walks(2, 3, 300);
}

Test(assemble_walk, three_sets_of_two_never_start_without_what_they_promised)
{
	walks(3, 2, 300);
}

Test(assemble_walk, a_history_longer_than_its_list_is_as_safe)
{
	for (uint64_t seed = 1; seed <= 100; seed++)
		walk(2, 2, seed, EPOCHS_MAX, 1200);
}
