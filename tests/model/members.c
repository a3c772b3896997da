/* SPDX-License-Identifier: MIT */
/*
 * The model of membership: first states, crashes, starts, what must hold.
 */
#include <string.h>

#include "members.h"

static void
members_begin(struct search *s)
{
	uint8_t all = (uint8_t)((1u << member_count(s)) - 1);
	struct members m = {
		.epochs = 1,
		.marked = all,
		.on = 1,
		.started = 1,
		.in = all,
		.present = all,
	};

	m.epoch[0] = (struct epoch){
		.number = 1,
		.parent = NO_EPOCH,
		.insync = all,
		.in_force = 1,
	};
	search_add(s, &m, "an array of %d sets of %d legs", limits(s)->sets,
		   limits(s)->legs);
}

/* --- going down --- */

/* Epochs that no superblock knows of never were. */
static void
epochs_forget(const struct search *s, struct members *m)
{
	uint8_t to[EPOCHS], count = 0;
	struct members n = *m;

	for (int e = 0; e < m->epochs; e++) {
		bool known = false;

		for (int i = 0; i < member_count(s); i++)
			known |= is_ancestor(m, e, m->carries[i]);
		to[e] = known ? count++ : NO_EPOCH;
	}
	memset(n.epoch, 0, sizeof(n.epoch));
	n.epochs = count;
	for (int e = 0; e < m->epochs; e++) {
		struct epoch row = m->epoch[e];

		if (to[e] == NO_EPOCH)
			continue;
		if (row.parent != NO_EPOCH)
			row.parent = to[row.parent];
		row.base = to[row.base];
		n.epoch[to[e]] = row;
	}
	for (int i = 0; i < member_count(s); i++)
		n.carries[i] = to[m->carries[i]];
	*m = n;
}

static struct members
down(const struct search *s, const struct members *m)
{
	struct members n = *m;

	memset(&n.on, 0, sizeof(n) - offsetof(struct members, on));
	n.starts = m->starts;
	n.fails = m->fails;
	n.forces = m->forces;
	n.replaces = m->replaces;
	n.lies = m->lies;
	epochs_forget(s, &n);
	return n;
}

/* A member goes back to the first epoch, data and all.  Superblocks can tell
 * only if a later one is marked in force on another leg of its set. */
static void
crash_and_lie(struct search *s, const struct members *m)
{
	uint8_t insync = m->epoch[m->newest].insync;

	if (m->newest == 0 || (insync & ~m->marked))
		return;
	for (int i = 0; i < member_count(s); i++)
		if ((insync & bit(i)) && m->carries[i] != m->newest)
			return;
	for (int i = 0; i < member_count(s); i++) {
		struct members n = *m;

		if (!(insync & bit(i)) ||
		    !(insync & set_mask(s, set_of(s, i)) & ~bit(i)))
			continue;
		n.lies++;
		n.carries[i] = 0;
		n.version[i] = 0;
		n = down(s, &n);
		search_add(s, &n, "CRASH, member %d goes back to epoch 1", i);
	}
}

/* The run ends: a write may be in flight in a DIRTY region, and be on some
 * legs; the cache of a leg on its way back is lost, or was not. */
static void
crashes(struct search *s, const struct members *m)
{
	struct members n = down(s, m);
	uint8_t counted = run_counted(s, m);

	search_add(s, &n, "CRASH");
	if (m->back_step && m->version[m->back] != m->back_version &&
	    !(m->broken & bit(m->back))) {
		n.version[m->back] = m->back_version;
		search_add(s, &n, "CRASH, caches are kept");
		n.version[m->back] = m->version[m->back];
	}
	for (int i = 0; i < MEMBERS && limits(s)->rebuild; i++) {
		if (!(counted & bit(i)) || !(m->dirty & bit(set_of(s, i))))
			continue;
		n.odd |= bit(i);
		search_add(s, &n, "CRASH, member %d has a write of its own", i);
		n.odd = m->odd;
	}
	if (m->lies < limits(s)->lies)
		crash_and_lie(s, m);
}

/* --- starts --- */

/* I16: what is acknowledged is on each leg that is called in-sync. */
static void
check_start(struct search *s, const struct members *m, uint8_t present,
	    uint8_t insync)
{
	for (int i = 0; i < member_count(s); i++) {
		uint8_t b = bit(i);
		int set = set_of(s, i);

		if (!(insync & b))
			continue;
		if (m->version[i] < m->acked[set])
			search_violated(s, "I16",
					"a start with %x uses member %d, which "
					"has %d of %d writes",
					present, i, m->version[i],
					m->acked[set]);
		if ((m->odd & b) && !(m->dirty & bit(set)))
			search_violated(s, "I11",
					"a start with %x uses member %d, which "
					"differs where all is CLEAN",
					present, i);
		if (m->bare & b)
			search_violated(s, "I11",
					"a start with %x uses member %d, which "
					"has no ring and map",
					present, i);
	}
}

/* By force: what the members have is what there is from now on. */
static void
force_accepts(const struct search *s, struct members *n, uint8_t insync)
{
	for (int set = 0; set < limits(s)->sets; set++) {
		uint8_t most = 0;

		for (int i = 0; i < member_count(s); i++)
			if ((insync & set_mask(s, set) & bit(i)) &&
			    n->version[i] > most)
				most = n->version[i];
		n->acked[set] = most;
	}
	for (int i = 0; i < member_count(s); i++)
		if (insync & bit(i))
			n->version[i] = n->acked[set_of(s, i)];
}

/* start_set_has_kept_leg() */
static bool
start_is_kept(const struct search *s, const struct members *m,
	      const struct judgement *j)
{
	uint8_t e = m->carries[j->freshest];
	uint8_t kept = m->marked & bit(j->freshest) ? m->epoch[e].insync
						    : kept_of(m, e);

	if (is_wrong(s, WRONG_NO_KEPT))
		return true;
	for (int set = 0; set < limits(s)->sets; set++)
		if (!(kept & j->insync & set_mask(s, set)))
			return false;
	return true;
}

/* Force made two lines: each lacks what was acknowledged on the other, and
 * who forced accepted that. */
static bool
is_beside_force(const struct search *s, const struct members *m, int epoch)
{
	bool forced = false, apart = false;

	for (int e = 0; e < m->epochs; e++)
		forced |= m->epoch[e].how == MADE_FORCE;
	for (int i = 0; i < member_count(s); i++)
		apart |= !is_ancestor(m, epoch, m->carries[i]) &&
			 !is_ancestor(m, m->carries[i], epoch);
	return forced && apart;
}

static void
start(struct search *s, const struct members *m, uint8_t present,
      const struct judgement *j, bool force)
{
	struct members n = *m;
	uint8_t top = m->carries[j->freshest];

	if (!start_is_kept(s, m, j))
		return;
	if (force || is_beside_force(s, m, top))
		force_accepts(s, &n, j->insync);
	else
		check_start(s, m, present, j->insync);
	if (m->starts == limits(s)->starts || m->epochs == limits(s)->epochs)
		return;
	n.starts++;
	n.forces += force;
	n.on = 1;
	n.in = j->insync;
	n.present = j->ours;
	/* replay_end(): DIRTY is stale for who is not here; resync. */
	for (int i = 0; i < member_count(s); i++) {
		if (!(m->dirty & bit(set_of(s, i))))
			continue;
		if (j->insync & bit(i))
			n.odd &= (uint8_t)~bit(i);
		else if (!is_wrong(s, WRONG_START_NOT_STALE))
			n.stale |= bit(i);
	}
	n.in_force = base_of(m, j->freshest);
	n.newest = epoch_new(&n, top, j->insync, n.in_force,
			     force ? MADE_FORCE : MADE_START);
	n.round = ROUND_EPOCH;
	search_add(s, &n, "start%s with %x on epoch %d: epoch %d, in-sync %x",
		   force ? " by force" : "", present, m->epoch[top].number,
		   n.epoch[n.newest].number, j->insync);
}

/* R14's exception: it left the line before a start that came into force. */
static bool
is_void(const struct members *m, int member, int line)
{
	int first = NO_EPOCH;

	for (int e = line; !is_ancestor(m, e, m->carries[member]);
	     e = m->epoch[e].parent)
		first = e;
	return first != NO_EPOCH && m->epoch[first].how == MADE_START &&
	       m->epoch[first].in_force;
}

/* Nobody's force, nobody's lie: with all members here it starts, and only
 * those are forks that R14 calls so. */
static void
check_waits(struct search *s, const struct members *m, uint8_t present,
	    const struct judgement *j)
{
	uint8_t all = (uint8_t)((1u << member_count(s)) - 1);

	if (present != all || m->forces || m->lies)
		return;
	if (j->verdict != JUDGE_START || !start_is_kept(s, m, j))
		search_violated(s, "I30",
				"all members are here, and it does not start");
	for (int i = 0; i < member_count(s); i++)
		if (!(j->ours & bit(i)) &&
		    is_void(m, i, m->carries[j->freshest]))
			search_violated(s, "I30", "member %d is no fork", i);
}

static void
starts(struct search *s, const struct members *m)
{
	for (unsigned present = 1; present < 1u << member_count(s); present++) {
		for (int later = 0; later < 2; later++) {
			struct judgement j;
			uint8_t p = (uint8_t)present;

			judge(s, m, p, later, &j);
			check_waits(s, m, p, &j);
			if (limits(s)->code && later)
				compare(s, m, p, &j);
			if (j.verdict == JUDGE_START) {
				start(s, m, p, &j, false);
			} else if (j.can_force &&
				   m->forces < limits(s)->forces) {
				start(s, m, p, &j, true);
			}
		}
	}
}

static void
members_step(struct search *s, const void *state)
{
	const struct members *m = state;

	if (!m->on) {
		starts(s, m);
		return;
	}
	run_steps(s, m);
	back_steps(s, m);
	crashes(s, m);
}

/* --- equals: legs of a set exchanged, sets exchanged --- */

static uint8_t
permute_mask(uint8_t mask, const uint8_t to[MEMBERS])
{
	uint8_t out = 0;

	for (int i = 0; i < MEMBERS; i++)
		if (mask & bit(i))
			out |= bit(to[i]);
	return out;
}

static struct members
permuted(const struct members *m, const uint8_t to[MEMBERS], bool swap_sets)
{
	struct members n = *m;

	for (int e = 0; e < m->epochs; e++)
		n.epoch[e].insync = permute_mask(m->epoch[e].insync, to);
	for (int i = 0; i < MEMBERS; i++) {
		n.carries[to[i]] = m->carries[i];
		n.version[to[i]] = m->version[i];
	}
	if (m->back_step)
		n.back = to[m->back];
	uint8_t *masks[] = {&n.marked,  &n.odd,    &n.stale, &n.bare,
			    &n.written, &n.failed, &n.in,    &n.failing,
			    &n.broken,  &n.present};

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++)
		*masks[i] = permute_mask(*masks[i], to);
	if (swap_sets) {
		n.acked[0] = m->acked[1];
		n.acked[1] = m->acked[0];
		n.dirty = (uint8_t)((m->dirty & 1) << 1 | m->dirty >> 1);
	}
	return n;
}

static void
members_canon(const struct search *s, void *state)
{
	static const uint8_t two[][MEMBERS] = {{0, 1, 2, 3}, {1, 0, 2, 3}};
	static const uint8_t three[][MEMBERS] = {
		{0, 1, 2, 3}, {0, 2, 1, 3}, {1, 0, 2, 3},
		{1, 2, 0, 3}, {2, 0, 1, 3}, {2, 1, 0, 3},
	};
	static const uint8_t pairs[][MEMBERS] = {
		{0, 1, 2, 3}, {1, 0, 2, 3}, {0, 1, 3, 2}, {1, 0, 3, 2},
		{2, 3, 0, 1}, {3, 2, 0, 1}, {2, 3, 1, 0}, {3, 2, 1, 0},
	};
	const uint8_t(*to)[MEMBERS] = limits(s)->sets == 2   ? pairs
				      : limits(s)->legs == 3 ? three
							     : two;
	int count = limits(s)->sets == 2 ? 8 : limits(s)->legs == 3 ? 6 : 2;
	struct members first;

	memcpy(&first, state, sizeof(first));
	for (int i = 1; i < count; i++) {
		struct members n =
			permuted(&first, to[i], i >= 4 && count == 8);

		if (memcmp(&n, state, sizeof(n)) < 0)
			memcpy(state, &n, sizeof(n));
	}
}

const struct search_model members_model = {
	.bytes = sizeof(struct members),
	.begin = members_begin,
	.step = members_step,
	.canon = members_canon,
};
