/* SPDX-License-Identifier: MIT */
/*
 * A run: epochs and their superblocks (raid/meta.c), legs that fail
 * (raid/leg.c), what is answered (raid/fan.c).
 *
 *   leg_fail()            leg_fail, step "is failing"
 *   meta_compose()        compose
 *   meta_write_done()     superblock_writes
 *   meta_round_done()     round_done
 *   meta_in_force()       in_force
 *   fan_is_decided()      answers
 */
#include "members.h"

uint8_t
epoch_new(struct members *m, int parent, uint8_t insync, uint8_t base,
	  enum how how)
{
	CHECK(m->epochs < EPOCHS);
	m->epoch[m->epochs] = (struct epoch){
		.number = (uint8_t)(m->epoch[parent].number + 1),
		.parent = (uint8_t)parent,
		.insync = insync,
		.base = base,
		.how = (uint8_t)how,
	};
	return m->epochs++;
}

/* leg_is_expendable(): another, in-sync in all epochs since the one in force,
 * is left. */
bool
is_expendable(const struct search *s, const struct members *m, int member)
{
	uint8_t kept = kept_of(m, m->newest) & m->in;

	if (is_wrong(s, WRONG_NO_KEPT))
		kept = m->in;
	return (kept & set_mask(s, set_of(s, member)) & ~bit(member)) != 0;
}

/* Planted: one that failed was not so bad after all (H20). */
static bool
take_back(const struct search *s, struct members *m, int member)
{
	uint8_t others = m->failing & (uint8_t)~m->broken &
			 set_mask(s, set_of(s, member));

	if (!is_wrong(s, WRONG_EVICTION_BACK) || !others)
		return false;
	m->in |= others;
	m->failing &= (uint8_t)~others;
	return true;
}

/* True: it is FAILING.  False: it is the last of its set. */
static bool
leg_fail(const struct search *s, struct members *m, int member)
{
	if (!(m->in & bit(member)))
		return true;
	if (!is_expendable(s, m, member) && !take_back(s, m, member))
		return false;
	m->in &= (uint8_t)~bit(member);
	m->failing |= bit(member);
	m->wanted = 1;
	if ((m->dirty & bit(set_of(s, member))) &&
	    !is_wrong(s, WRONG_LEFT_NOT_STALE))
		m->stale |= bit(member);
	if (m->back_step && m->back == member)
		back_lost(s, m);
	return true;
}

/* --- epochs --- */

/* meta_compose(): a child of the newest epoch submitted. */
static void
compose(struct search *s, const struct members *m)
{
	struct members n = *m;
	int parent = n.newest;
	uint8_t insync = m->epoch[n.newest].insync & n.in;
	enum how how = MADE_CHANGE;

	if (m->round || !m->wanted || m->stuck || !m->started ||
	    m->epochs == limits(s)->epochs)
		return;
	if (is_wrong(s, WRONG_SIBLING))
		parent = n.in_force;
	if (is_wrong(s, WRONG_EVICTION_BACK))
		insync = m->epoch[n.in_force].insync & n.in;
	if (n.back_step == BACK_PROMOTED)
		insync |= bit(n.back);
	n.wanted = 0;
	n.newest = epoch_new(&n, parent, insync, n.in_force, how);
	n.round = ROUND_EPOCH;
	search_add(s, &n, "epoch %d is submitted, in-sync %x",
		   n.epoch[n.newest].number, insync);
}

/* Those that the round writes to. */
static uint8_t
round_members(const struct members *m)
{
	uint8_t back = m->back_step == BACK_PROMOTED ? bit(m->back) : 0;

	return m->epoch[m->newest].insync &
	       (m->in | m->failing | m->written | m->failed | back);
}

/* The leg that the epoch under way promotes. */
static uint8_t
round_target(const struct members *m)
{
	uint8_t parent = m->epoch[m->newest].parent;

	if (m->round != ROUND_EPOCH || parent == NO_EPOCH)
		return 0;
	return m->epoch[m->newest].insync & (uint8_t)~m->epoch[parent].insync;
}

/* A promotion is durable on the sources before the target (R13). */
static bool
must_wait(const struct search *s, const struct members *m, int member)
{
	uint8_t left = round_members(m) & (uint8_t)~m->written;
	uint8_t target = round_target(m);

	if (is_wrong(s, WRONG_TARGET_FIRST))
		return !(target & bit(member)) &&
		       (left & target & (uint8_t)~m->failed);
	return (target & bit(member)) && (left & (uint8_t)~target);
}

static void
superblock_writes(struct search *s, const struct members *m)
{
	uint8_t left = round_members(m) & (uint8_t) ~(m->written | m->failed);

	for (int i = 0; i < MEMBERS; i++) {
		struct members n = *m;
		bool late = must_wait(s, m, i);

		if (!m->round || !(left & bit(i)))
			continue;
		if (late && (left & ~bit(i)))
			continue;
		/* A source failed: the target's is not sent. */
		if ((m->broken & bit(i)) || late) {
			n.failed |= bit(i);
			search_add(s, &n, "member %d fails its superblock", i);
			continue;
		}
		n.written |= bit(i);
		if (m->round == ROUND_MARK) {
			n.marked |= bit(i);
		} else {
			n.carries[i] = n.newest;
			n.marked &= (uint8_t)~bit(i);
			if (is_wrong(s, WRONG_MARK_EARLY))
				n.marked |= bit(i);
		}
		search_add(s, &n, "member %d has epoch %d%s", i,
			   m->epoch[m->newest].number,
			   m->round == ROUND_MARK ? ", marked in force" : "");
	}
}

/* I15: of two epochs in force one comes after the other, but for force. */
static void
check_siblings(struct search *s, const struct members *m)
{
	for (int a = 0; a < m->epochs; a++) {
		bool forced = false;

		if (!m->epoch[a].in_force || is_ancestor(m, a, m->in_force) ||
		    is_ancestor(m, m->in_force, a))
			continue;
		for (int e = a; !is_ancestor(m, e, m->in_force);
		     e = m->epoch[e].parent)
			forced |= m->epoch[e].how == MADE_FORCE;
		for (int e = m->in_force; !is_ancestor(m, e, a);
		     e = m->epoch[e].parent)
			forced |= m->epoch[e].how == MADE_FORCE;
		if (!forced)
			search_violated(s, "I15",
					"epochs %d and %d, siblings, were "
					"both in force",
					m->epoch[a].number,
					m->epoch[m->in_force].number);
	}
}

/* meta_in_force() */
static void
in_force(struct search *s, struct members *n)
{
	uint8_t insync = n->epoch[n->newest].insync;

	n->in_force = n->newest;
	n->epoch[n->newest].in_force = 1;
	n->failing &= insync;
	n->started = 1;
	n->round = n->wanted ? ROUND_NONE : ROUND_MARK;
	n->written = n->failed = 0;
	if (n->back_step == BACK_PROMOTED && (insync & bit(n->back))) {
		n->in |= bit(n->back);
		n->back_step = BACK_NONE;
		n->back = n->back_version = 0;
	}
	check_siblings(s, n);
	search_add(s, n, "epoch %d is in force", n->epoch[n->newest].number);
}

/* meta_round_done() */
static void
round_done(struct search *s, const struct members *m)
{
	struct members n = *m;
	bool marking = m->round == ROUND_MARK;

	if (!m->round || (round_members(m) & ~(m->written | m->failed)))
		return;
	n.round = ROUND_NONE;
	n.written = n.failed = 0;
	for (int i = 0; i < MEMBERS; i++) {
		if (!(m->failed & bit(i)))
			continue;
		if (!leg_fail(s, &n, i) && !is_wrong(s, WRONG_STUCK_COUNTS))
			n.stuck = 1;
		n.wanted = 1;
	}
	if (n.stuck) {
		n.wanted = 0;
		search_add(s, &n, "no epoch can come into force any more");
	} else if ((m->failed == 0 || is_wrong(s, WRONG_STUCK_COUNTS)) &&
		   !marking) {
		in_force(s, &n);
	} else if (m->failed || marking) {
		search_add(s, &n, "the round ends");
	}
}

/* --- legs, answers --- */

uint8_t
run_counted(const struct search *s, const struct members *m)
{
	uint8_t counted = m->in | m->failing;

	if (m->back_step >= BACK_COUNTED && !is_wrong(s, WRONG_NO_JOINT))
		counted |= bit(m->back);
	return counted;
}

/* fan_is_decided(): a write that all counted legs have.  A leg on its way
 * back gets it too, into its cache, or else its region is stale. */
static void
answers(struct search *s, const struct members *m)
{
	uint8_t counted = run_counted(s, m);

	for (int set = 0; set < limits(s)->sets; set++) {
		uint8_t legs = counted & set_mask(s, set);
		struct members n = *m;

		if ((!m->started && !is_wrong(s, WRONG_START_ANSWERS)) ||
		    m->acked[set] == limits(s)->writes)
			continue;
		if (is_wrong(s, WRONG_ANSWER_EARLY))
			legs &= (uint8_t)~m->failing;
		if ((legs & (m->broken | m->failing)) || !legs)
			continue;
		n.acked[set]++;
		n.dirty |= bit(set);
		for (int i = 0; i < MEMBERS; i++)
			if (legs & bit(i))
				n.version[i] = n.acked[set];
		/* R18: the record of a unit that was not DIRTY says who does
		 * not take part. */
		if (!(m->dirty & bit(set)))
			n.stale |= (uint8_t)(set_mask(s, set) & ~legs);
		if (m->back_step && set_of(s, m->back) == set) {
			n.back_version = n.acked[set];
			if (m->back_step > BACK_COPYING &&
			    !(m->stale & bit(m->back)))
				n.stale &= (uint8_t)~bit(m->back);
			if (m->broken & bit(m->back))
				n.stale |= bit(m->back);
		}
		search_add(s, &n, "a write to set %d is answered by %x", set,
			   legs);
	}
}

/* R5: CLEAN.  A leg on its way back is flushed too. */
static void
cleans(struct search *s, const struct members *m)
{
	for (int set = 0; set < limits(s)->sets; set++) {
		struct members n = *m;
		uint8_t mask = set_mask(s, set);

		if (!(m->dirty & bit(set)) || !limits(s)->rebuild ||
		    !m->started || (m->in & mask & m->broken) ||
		    (m->failing & mask))
			continue;
		n.dirty &= (uint8_t)~bit(set);
		if (m->back_step && set_of(s, m->back) == set &&
		    !(m->stale & bit(m->back)) &&
		    !is_wrong(s, WRONG_CLEAN_NO_BACK)) {
			if (m->broken & bit(m->back))
				n.stale |= bit(m->back);
			else
				n.version[m->back] = m->back_version;
		}
		search_add(s, &n, "the region of set %d is CLEAN", set);
	}
}

void
run_steps(struct search *s, const struct members *m)
{
	uint8_t known = m->in | (m->back_step ? bit(m->back) : 0);

	compose(s, m);
	superblock_writes(s, m);
	round_done(s, m);
	answers(s, m);
	cleans(s, m);
	for (int i = 0; i < MEMBERS; i++) {
		struct members n = *m;

		if ((known & bit(i)) && !(m->broken & bit(i)) &&
		    m->fails < limits(s)->fails) {
			n.broken |= bit(i);
			n.fails++;
			search_add(s, &n, "member %d breaks", i);
		}
		n = *m;
		if (!(m->in & bit(i)) || !m->started)
			continue;
		if ((m->broken & bit(i)) && leg_fail(s, &n, i))
			search_add(s, &n, "member %d is failing", i);
		n = *m;
		if (!(m->broken & bit(i)) && m->fails < limits(s)->fails &&
		    leg_fail(s, &n, i)) {
			n.fails++;
			search_add(s, &n, "member %d fails a write", i);
		}
	}
}
