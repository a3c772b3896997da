/* SPDX-License-Identifier: MIT */
/*
 * Who is in-sync, and may the array start: raid/assemble.c on a table of
 * epochs.  Each function has the name of the one it stands for; a history is
 * the chain of parents, and always known.
 */
#include "members.h"

struct pool {
	const struct search *s;
	const struct members *m;
	uint8_t present;
	bool later;
};

bool
is_ancestor(const struct members *m, int a, int b)
{
	for (; b != NO_EPOCH; b = m->epoch[b].parent)
		if (a == b)
			return true;
	return false;
}

/* In-sync in any of the epochs from the one in force on, or in all. */
uint8_t
counted_of(const struct members *m, int epoch)
{
	uint8_t mask = 0;

	for (int e = epoch; e != NO_EPOCH; e = m->epoch[e].parent) {
		mask |= m->epoch[e].insync;
		if (e == m->epoch[epoch].base)
			break;
	}
	return mask;
}

uint8_t
kept_of(const struct members *m, int epoch)
{
	uint8_t mask = 0xff;

	for (int e = epoch; e != NO_EPOCH; e = m->epoch[e].parent) {
		mask &= m->epoch[e].insync;
		if (e == m->epoch[epoch].base)
			break;
	}
	return mask;
}

/* sb.in_force_number */
uint8_t
base_of(const struct members *m, int member)
{
	uint8_t e = m->carries[member];

	return m->marked & bit(member) ? e : m->epoch[e].base;
}

static bool
line_holds(const struct pool *p, int member, int epoch)
{
	return is_ancestor(p->m, epoch, p->m->carries[member]);
}

static bool
is_behind(const struct pool *p, int sb, int member)
{
	return line_holds(p, sb, p->m->carries[member]);
}

static bool
table_is_durable(const struct pool *p, int sb)
{
	uint8_t e = p->m->carries[sb];
	uint8_t insync = p->m->epoch[e].insync;

	for (int i = 0; i < MEMBERS; i++) {
		if (!(insync & bit(i)))
			continue;
		if (!(p->present & bit(i)) || !line_holds(p, i, e))
			return false;
	}
	return true;
}

static bool
epoch_came_into_force(const struct pool *p, int epoch)
{
	const struct epoch *rows = p->m->epoch;

	for (int i = 0; i < MEMBERS; i++) {
		if (!(p->present & bit(i)) || !line_holds(p, i, epoch))
			continue;
		if (rows[base_of(p->m, i)].number >= rows[epoch].number ||
		    table_is_durable(p, i))
			return true;
	}
	return false;
}

/* The newest epoch that is in both lines; the one behind it in sb's. */
static int
lines_split(const struct pool *p, int sb, int other, int *first)
{
	int e = p->m->carries[sb];

	*first = NO_EPOCH;
	while (!line_holds(p, other, e)) {
		*first = e;
		e = p->m->epoch[e].parent;
		CHECK(e != NO_EPOCH);
	}
	return e;
}

static bool
line_is_unforced(const struct pool *p, int sb, int split)
{
	for (int e = p->m->carries[sb]; e != split; e = p->m->epoch[e].parent)
		if (p->m->epoch[e].how == MADE_FORCE)
			return false;
	return true;
}

static bool
line_left_by_start(const struct pool *p, int sb, int other)
{
	int first;

	lines_split(p, sb, other, &first);
	return first != NO_EPOCH && p->m->epoch[first].how == MADE_START;
}

static bool
line_voids(const struct pool *p, int sb, int other)
{
	int first;
	int split = lines_split(p, sb, other, &first);

	return line_left_by_start(p, sb, other) &&
	       line_is_unforced(p, other, split) &&
	       epoch_came_into_force(p, first) &&
	       !is_wrong(p->s, WRONG_NO_VOID);
}

/* --- one line --- */

struct line {
	int sb; /* member */
	int epoch;
	bool in_force;
	uint8_t base; /* number */
};

static struct line
line_of(const struct pool *p, int freshest)
{
	const struct members *m = p->m;
	struct line line = {.sb = freshest, .epoch = m->carries[freshest]};

	line.base = m->epoch[base_of(m, freshest)].number;
	for (int i = 0; i < MEMBERS; i++)
		if ((p->present & m->marked & bit(i)) &&
		    m->carries[i] == line.epoch)
			line.in_force = true;
	if (table_is_durable(p, freshest))
		line.in_force = true;
	if (line.in_force)
		line.base = m->epoch[line.epoch].number;
	return line;
}

/* place_is_counted(), of all places */
static uint8_t
line_counted(const struct pool *p, const struct line *line)
{
	if (line->in_force || is_wrong(p->s, WRONG_FRESHEST_COUNTS))
		return p->m->epoch[line->epoch].insync;
	return counted_of(p->m, line->epoch);
}

static uint8_t
line_kept(const struct pool *p, const struct line *line)
{
	if (line->in_force)
		return p->m->epoch[line->epoch].insync;
	return kept_of(p->m, line->epoch);
}

static bool
member_went_back(const struct pool *p, const struct line *line, int member)
{
	return (line_kept(p, line) & bit(member)) &&
	       p->m->epoch[p->m->carries[member]].number < line->base &&
	       !is_wrong(p->s, WRONG_WENT_BACK);
}

/* role_of(), roles_assign(): here has those that place[] has. */
static uint8_t
line_roles(const struct pool *p, const struct line *line, struct judgement *out)
{
	uint8_t table = p->m->epoch[line->epoch].insync;
	uint8_t here = 0;

	if (is_wrong(p->s, WRONG_USE_FAILED))
		table = 0xff;
	out->insync = 0;
	out->ours = 0;
	for (int i = 0; i < MEMBERS; i++) {
		if (!(p->present & bit(i)))
			continue;
		bool behind = is_behind(p, line->sb, i);

		if (!behind && !line_voids(p, line->sb, i))
			continue; /* a fork */
		out->ours |= bit(i);
		if (!(table & bit(i)))
			here |= bit(i);
		else if (behind && !member_went_back(p, line, i)) {
			here |= bit(i);
			out->insync |= bit(i);
		}
		/* Else in-sync by the table, yet not in truth: as absent. */
	}
	return here;
}

/* line_judge(), set_look() */
static void
line_judge(const struct pool *p, int freshest, struct judgement *out)
{
	struct line line = line_of(p, freshest);
	uint8_t here = line_roles(p, &line, out);
	uint8_t counted = line_counted(p, &line);
	uint8_t kept = is_wrong(p->s, WRONG_NO_KEPT)
			       ? p->m->epoch[line.epoch].insync
			       : line_kept(p, &line);
	bool any_whole = is_wrong(p->s, WRONG_NOT_WHOLE);
	bool all_kept = true, all_insync = true;

	for (int i = 0; i < MEMBERS; i++)
		if ((here & bit(i)) && !is_behind(p, line.sb, i))
			here &= (uint8_t)~bit(i);
	for (int set = 0; set < limits(p->s)->sets; set++) {
		uint8_t mask = set_mask(p->s, set);

		any_whole |= (counted & mask & ~here) == 0;
		all_kept &= (kept & mask & out->insync) != 0;
		all_insync &= (mask & out->insync) != 0;
	}
	out->freshest = (uint8_t)freshest;
	out->can_force = all_insync;
	if (!all_insync)
		out->verdict = JUDGE_MISSING;
	else if (!any_whole || !all_kept)
		out->verdict = JUDGE_WAIT;
	else
		out->verdict = JUDGE_START;
}

/* --- several lines --- */

static bool
is_fresher(const struct pool *p, int a, int b)
{
	const struct members *m = p->m;
	uint8_t ea = m->carries[a], eb = m->carries[b];

	if (m->epoch[ea].number != m->epoch[eb].number)
		return m->epoch[ea].number > m->epoch[eb].number;
	if (ea != eb)
		return (ea > eb) == p->later;
	uint8_t base_a = m->epoch[base_of(m, a)].number;
	uint8_t base_b = m->epoch[base_of(m, b)].number;

	if (base_a != base_b)
		return base_a > base_b;
	return a < b;
}

static bool
line_is_dropped(const struct pool *p, int index)
{
	for (int i = 0; i < MEMBERS; i++) {
		if (!(p->present & bit(i)) || i == index)
			continue;
		if (p->m->carries[i] == p->m->carries[index]) {
			if (is_fresher(p, i, index))
				return true;
		} else if (is_behind(p, i, index) || line_voids(p, i, index)) {
			return true;
		}
	}
	return false;
}

static int
choice_rank(const struct pool *p, uint8_t choice, int top)
{
	int rank = 0;

	for (int i = 0; i < MEMBERS; i++)
		rank += (choice & bit(i)) && line_left_by_start(p, top, i);
	return rank;
}

static int
choice_best(const struct pool *p, uint8_t choice)
{
	int best = -1, best_rank = 0;

	for (int i = 0; i < MEMBERS; i++) {
		if (!(choice & bit(i)))
			continue;
		int rank = choice_rank(p, choice, i);

		if (best >= 0 && rank < best_rank)
			continue;
		if (best < 0 || rank > best_rank || is_fresher(p, i, best))
			best = i;
		best_rank = rank;
	}
	return best;
}

static bool
choice_is_forced(const struct pool *p, uint8_t choice)
{
	for (int i = 0; i < MEMBERS; i++)
		for (int j = 0; j < MEMBERS; j++) {
			int first;

			if (!(choice & bit(i)) || !(choice & bit(j)))
				continue;
			if (!line_is_unforced(p, i,
					      lines_split(p, i, j, &first)))
				return true;
		}
	return false;
}

static int
popcount(uint8_t mask)
{
	return __builtin_popcount(mask);
}

static void
lines_judge(const struct pool *p, uint8_t all, struct judgement *out)
{
	uint8_t starts = 0, forces = 0, choice = all;

	for (int i = 0; i < MEMBERS; i++) {
		struct judgement alone;

		if (!(all & bit(i)))
			continue;
		line_judge(p, i, &alone);
		if (alone.verdict == JUDGE_START)
			starts |= bit(i);
		if (alone.can_force)
			forces |= bit(i);
	}
	if (starts)
		choice = starts;
	else if (forces)
		choice = forces;
	line_judge(p, choice_best(p, choice), out);
	if (!starts && popcount(forces) > 1)
		out->can_force = false;
	if (popcount(starts) > 1 && choice_is_forced(p, starts)) {
		out->verdict = JUDGE_FORKED;
		out->can_force = false;
	}
}

void
judge(const struct search *s, const struct members *m, uint8_t present,
      bool later, struct judgement *out)
{
	struct pool p = {.s = s, .m = m, .present = present, .later = later};
	uint8_t lines = 0;

	for (int i = 0; i < MEMBERS; i++)
		if ((present & bit(i)) && !line_is_dropped(&p, i))
			lines |= bit(i);
	CHECK(lines);
	if (popcount(lines) == 1)
		line_judge(&p, __builtin_ctz(lines), out);
	else
		lines_judge(&p, lines, out);
}
