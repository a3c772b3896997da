/* SPDX-License-Identifier: MIT */
/*
 * A leg that comes back: rebuild (R18) and promotion (R23), one at a time.
 */
#include "members.h"

/* It is out again; its cache may have gone to disk, or not. */
void
back_lost(const struct search *s, struct members *m)
{
	if (m->version[m->back] != m->back_version ||
	    (m->dirty & bit(set_of(s, m->back))))
		m->stale |= bit(m->back);
	m->back_step = BACK_NONE;
	m->back = 0;
	m->back_version = 0;
}

static void
back_begins(struct search *s, const struct members *m)
{
	uint8_t insync = m->epoch[m->newest].insync;

	for (int i = 0; i < MEMBERS; i++) {
		struct members n = *m;

		if (!(m->present & bit(i)) || (m->broken & bit(i)) ||
		    ((m->in | m->failing | insync) & bit(i)))
			continue;
		n.back = (uint8_t)i;
		n.back_step = BACK_COPYING;
		n.back_version = m->version[i];
		n.bare |= bit(i);
		search_add(s, &n, "member %d comes back", i);
		if (m->replaces == limits(s)->replaces)
			continue;
		/* A new one in its place; its marks first (R18). */
		n.replaces++;
		n.version[i] = n.back_version = 0;
		n.odd |= bit(i);
		if (!is_wrong(s, WRONG_EPOCH_THEN_MARKS))
			n.stale |= bit(i);
		search_add(s, &n, "a new member takes place %d", i);
	}
}

/* What is stale is copied, flushed, and recorded as not stale. */
static void
back_copies(struct search *s, const struct members *m)
{
	struct members n = *m;
	uint8_t b = bit(m->back);

	if (m->stale & b) {
		n.version[m->back] = m->acked[set_of(s, m->back)];
		n.back_version = n.version[m->back];
		n.odd &= (uint8_t)~b;
		n.stale &= (uint8_t)~b;
	}
	n.back_step = BACK_COPIED;
	search_add(s, &n, "member %d: the region is not stale", m->back);
}

/* Counted, what is in flight waited for, flushed; then the epoch (R23). */
static void
back_promotes(struct search *s, const struct members *m)
{
	struct members n = *m;

	if (m->back_step == BACK_COUNTED) {
		if (!is_wrong(s, WRONG_NO_LAST_FLUSH))
			n.version[m->back] = m->back_version;
		n.back_step = BACK_PROMOTED;
		if (!is_wrong(s, WRONG_NO_JOINT))
			n.in |= bit(m->back);
		n.wanted = 1;
		search_add(s, &n, "member %d is to be promoted", m->back);
		return;
	}
	n.back_step++;
	if (n.back_step == BACK_META && !is_wrong(s, WRONG_NO_RING))
		n.bare &= (uint8_t)~bit(m->back);
	search_add(s, &n, "member %d %s", m->back,
		   n.back_step == BACK_META ? "has ring and map"
					    : "is counted");
}

void
back_steps(struct search *s, const struct members *m)
{
	uint8_t b = bit(m->back);
	struct members n = *m;

	if (!limits(s)->rebuild || !m->started || m->stuck)
		return;
	if (m->back_step == BACK_NONE) {
		back_begins(s, m);
		return;
	}
	if (m->back_step == BACK_PROMOTED)
		return; /* it fails like any other leg that is in */
	if (m->broken & b) {
		back_lost(s, &n);
		search_add(s, &n, "member %d is out again", m->back);
		return;
	}
	if (m->back_step == BACK_COPYING) {
		back_copies(s, m);
	} else if (m->stale & b) {
		n.back_step = BACK_COPYING;
		search_add(s, &n, "member %d is stale again", m->back);
	} else if (m->round == ROUND_NONE && !m->wanted) {
		back_promotes(s, m);
	}
}
