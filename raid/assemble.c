/* SPDX-License-Identifier: MIT */
/*
 * Which members make the array, and may it start (R13-R15)?
 *
 * Lines of epochs are told apart first (R14), then one is judged (R15).
 *
 * R15 asks whether members that are absent could be in an epoch in force that
 * nobody here has heard of.  They could not, if in one set all counted legs
 * are here: every later epoch would have kept one of them, and would be
 * durable on it.
 */
#include "assemble.h"

#include <string.h>

#include "check.h"
#include "line.h"
#include "plant.h"

static const char *const role_words[] = {
	[ROLE_IN_SYNC] = "in-sync",   [ROLE_STALE] = "stale",
	[ROLE_FAILED] = "failed",     [ROLE_FORK] = "fork",
	[ROLE_REPLACED] = "replaced", [ROLE_DOUBLE] = "double",
	[ROLE_FOREIGN] = "foreign",
};

const char *
assemble_role_word(enum assemble_role role)
{
	CHECK(role < ARRAY_SIZE(role_words));
	return role_words[role];
}

/*
 * A member in-sync in the line's newest epoch may carry an older one: it
 * missed a superblock write.  Not so if the older one is from before the
 * epoch in force, which was durable on it: then it went back in time.
 */
static bool
member_went_back(const struct line *line, const struct sb *member)
{
	const struct sb_place *place = place_of(line->sb, member);

	return place_is_kept(line, place) && !PLANTED(OLD_MEMBER_TRUSTED) &&
	       member->history[0].number < line->base;
}

static bool
member_is_in_sync(const struct pool *p, const struct line *line,
		  const struct sb *member)
{
	return place_of(line->sb, member)->state == LEG_IN_SYNC &&
	       line_holds(p, line->sb, &member->history[0]) &&
	       !member_went_back(line, member);
}

static enum assemble_role
role_of(const struct pool *p, const struct line *line, const struct sb *member)
{
	const struct sb_place *place = place_of(line->sb, member);

	bool ours = line_is_behind(p, line->sb, member) ||
		    line_voids(p, line->sb, member);
	bool named = uuid_is_equal(place->member_uuid, member->member_uuid);

	/* Replaced so long ago that nothing else is known of it. */
	if (!named && line_find(p, line->sb, member->history[0].number) == NULL)
		return ROLE_REPLACED;
	if (!ours)
		return ROLE_FORK;
	if (!named)
		return ROLE_REPLACED;
	if (place->state == LEG_FAILED)
		return ROLE_FAILED;
	return member_is_in_sync(p, line, member) ? ROLE_IN_SYNC : ROLE_STALE;
}

static void
roles_assign(const struct pool *p, const struct line *line,
	     struct assembly *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(out->place); i++)
		out->place[i] = -1;
	for (unsigned i = 0; i < p->count; i++) {
		const struct sb *m = p->sbs[i];
		enum assemble_role role;

		if (!p->used[i])
			continue;
		role = role_of(p, line, m);
		out->role[i] = role;
		if (role == ROLE_FORK || role == ROLE_REPLACED)
			continue;
		/* In-sync by the table, yet not in truth: like absent. */
		if (role == ROLE_STALE &&
		    place_of(line->sb, m)->state == LEG_IN_SYNC)
			continue;
		out->place[m->set * SB_PLACES_MAX + m->leg] = (int)i;
	}
}

/* How a set stands for R15. */
struct set_view {
	bool in_sync; /* has a leg, present, with all that was acknowledged */
	bool kept;    /* and one that was so ever since the epoch in force */
	bool whole;   /* all counted legs are present */
};

static struct set_view
set_look(const struct pool *p, const struct line *line, uint32_t set,
	 const struct assembly *out)
{
	struct set_view view = {.whole = true};

	for (uint32_t leg = 0; leg < SB_PLACES_MAX; leg++) {
		const struct sb_place *place =
			sb_place_const(line->sb, set, leg);
		int i = out->place[set * SB_PLACES_MAX + leg];
		bool here = i >= 0 &&
			    line_holds(p, line->sb, &p->sbs[i]->history[0]);

		if (place_is_counted(line, place) && !here)
			view.whole = false;
		if (i < 0 || out->role[i] != ROLE_IN_SYNC)
			continue;
		view.in_sync = true;
		if (place_is_kept(line, place))
			view.kept = true;
	}
	return view;
}

/* What is absent, and what of it could let a waiting array start. */
static void
set_list_absent(const struct line *line, uint32_t set,
		const struct set_view *view, bool any_whole,
		struct assembly *out)
{
	for (uint32_t leg = 0; leg < SB_PLACES_MAX; leg++) {
		const struct sb_place *place =
			sb_place_const(line->sb, set, leg);
		size_t at = set * SB_PLACES_MAX + leg;

		out->missing[at] =
			out->place[at] < 0 && place->state == LEG_IN_SYNC;
		out->waits_for[at] =
			out->verdict == ASSEMBLE_WAIT && out->place[at] < 0 &&
			((!any_whole && place_is_counted(line, place)) ||
			 (!view->kept && place_is_kept(line, place)));
	}
}

/* R15 on one line, with nobody's help from another. */
static void
line_judge(const struct pool *p, unsigned freshest, struct assembly *out)
{
	struct line line = line_of(p, freshest);
	bool any_whole = false, all_kept = true, all_in_sync = true;
	struct set_view views[SB_SETS_MAX];
	uint32_t sets = line.sb->geometry.sets;

	out->freshest = freshest;
	out->in_force = line.in_force;
	roles_assign(p, &line, out);
	for (uint32_t set = 0; set < sets; set++) {
		views[set] = set_look(p, &line, set, out);
		any_whole |= views[set].whole;
		all_kept &= views[set].kept;
		all_in_sync &= views[set].in_sync;
	}
	if (!all_in_sync)
		out->verdict = ASSEMBLE_SET_MISSING;
	else if ((!any_whole && !PLANTED(STARTS_WITHOUT_WHOLE_SET)) ||
		 !all_kept)
		out->verdict = ASSEMBLE_WAIT;
	else
		out->verdict = ASSEMBLE_START;
	out->can_force = all_in_sync;
	for (uint32_t set = 0; set < sets; set++)
		set_list_absent(&line, set, &views[set], any_whole, out);
}

/* Of members that agree on the epoch, the one that knows more of it. */
static bool
is_fresher(const struct sb *a, const struct sb *b)
{
	if (a->history[0].number != b->history[0].number)
		return a->history[0].number > b->history[0].number;
	if (a->history[0].nonce != b->history[0].nonce)
		return a->history[0].nonce > b->history[0].nonce;
	if (a->in_force_number != b->in_force_number)
		return a->in_force_number > b->in_force_number;
	return memcmp(a->member_uuid, b->member_uuid, 16) < 0;
}

/* Is the line of this member part of another's, or made void by it? */
static bool
line_is_dropped(const struct pool *p, unsigned index)
{
	const struct sb *sb = p->sbs[index];

	for (unsigned i = 0; i < p->count; i++) {
		const struct sb *other = p->sbs[i];

		if (!p->used[i] || i == index)
			continue;
		if (epoch_is_equal(&other->history[0], &sb->history[0])) {
			if (is_fresher(other, sb))
				return true;
		} else if (line_is_behind(p, other, sb) ||
			   line_voids(p, other, sb)) {
			return true;
		}
	}
	return false;
}

/* Some of the lines, each by its freshest member. */
struct choice {
	unsigned tops[ASSEMBLE_MEMBERS_MAX];
	unsigned count;
};

static void
lines_list(const struct pool *p, struct choice *all)
{
	all->count = 0;
	for (unsigned i = 0; i < p->count; i++)
		if (p->used[i] && !line_is_dropped(p, i))
			all->tops[all->count++] = i;
}

/* How many of the others this line left by a start. */
static unsigned
choice_rank(const struct pool *p, const struct choice *choice, unsigned top)
{
	unsigned rank = 0;

	for (unsigned i = 0; i < choice->count; i++)
		rank += line_left_by_start(p, p->sbs[top],
					   p->sbs[choice->tops[i]]);
	return rank;
}

/* A start first: when it comes into force it voids the others for good. */
static unsigned
choice_best(const struct pool *p, const struct choice *choice)
{
	unsigned best = choice->tops[0];
	unsigned best_rank = choice_rank(p, choice, best);

	for (unsigned i = 1; i < choice->count; i++) {
		unsigned top = choice->tops[i];
		unsigned rank = choice_rank(p, choice, top);

		if (rank < best_rank)
			continue;
		if (rank > best_rank || is_fresher(p->sbs[top], p->sbs[best]))
			best = top;
		best_rank = rank;
	}
	return best;
}

/* Did force make any of these lines leave another? */
static bool
choice_is_forced(const struct pool *p, const struct choice *choice)
{
	for (unsigned i = 0; i < choice->count; i++)
		for (unsigned j = 0; j < choice->count; j++) {
			const struct sb *a = p->sbs[choice->tops[i]];
			const struct sb *b = p->sbs[choice->tops[j]];
			uint64_t split = lines_split(p, a, b);

			if (split == 0 || !line_is_unforced(p, a, split))
				return true;
		}
	return false;
}

/*
 * Several lines, and none voids the rest: R15 alone must single one out.
 * Where it allows several and none was forced, each has all that was ever
 * acknowledged (R15 is as true of members left aside as of absent ones), and
 * any will do.  Where one was forced, both may have gone on.
 */
static void
lines_judge(const struct pool *p, const struct choice *all,
	    struct assembly *out)
{
	struct choice starts = {.count = 0}, forces = {.count = 0};
	const struct choice *choice = all;

	for (unsigned i = 0; i < all->count; i++) {
		struct assembly alone = *out;

		line_judge(p, all->tops[i], &alone);
		if (alone.verdict == ASSEMBLE_START)
			starts.tops[starts.count++] = all->tops[i];
		if (alone.can_force)
			forces.tops[forces.count++] = all->tops[i];
	}
	if (starts.count > 0)
		choice = &starts;
	else if (forces.count > 0)
		choice = &forces;
	line_judge(p, choice_best(p, choice), out);
	/* Which of two lines to force is not for us to say: the operator
	 * takes the members of the other away. */
	if (starts.count == 0 && forces.count > 1)
		out->can_force = false;
	if (starts.count > 1 && choice_is_forced(p, &starts)) {
		out->verdict = ASSEMBLE_FORKED;
		out->can_force = false;
	}
}

static bool
is_same_shape(const struct sb *a, const struct sb *b)
{
	return uuid_is_equal(a->array_uuid, b->array_uuid) &&
	       memcmp(&a->geometry, &b->geometry, sizeof(a->geometry)) == 0 &&
	       memcmp(&a->layout, &b->layout, sizeof(a->layout)) == 0;
}

static void
pool_mark_doubles(struct pool *p, struct assembly *out)
{
	for (unsigned i = 0; i < p->count; i++)
		for (unsigned j = 0; j < i; j++)
			if (uuid_is_equal(p->sbs[i]->member_uuid,
					  p->sbs[j]->member_uuid)) {
				out->role[i] = ROLE_DOUBLE;
				out->role[j] = ROLE_DOUBLE;
				p->used[i] = false;
				p->used[j] = false;
			}
}

static unsigned
pool_count_shape(const struct pool *p, const struct sb *model)
{
	unsigned count = 0;

	for (unsigned i = 0; i < p->count; i++)
		count += p->used[i] && is_same_shape(p->sbs[i], model);
	return count;
}

/* The array's shape is what most members say, be another's epoch ever so
 * high: a stray one must not make the others strangers. */
static void
pool_mark_foreign(struct pool *p, struct assembly *out)
{
	const struct sb *model = NULL;
	unsigned most = 0;

	for (unsigned i = 0; i < p->count; i++) {
		unsigned count = pool_count_shape(p, p->sbs[i]);

		if (!p->used[i] || count < most ||
		    (count == most && !is_fresher(p->sbs[i], model)))
			continue;
		model = p->sbs[i];
		most = count;
	}
	for (unsigned i = 0; i < p->count; i++)
		if (p->used[i] && !is_same_shape(p->sbs[i], model)) {
			out->role[i] = ROLE_FOREIGN;
			p->used[i] = false;
		}
}

void
assemble(const struct sb *const *sbs, unsigned count, struct assembly *out)
{
	struct pool pool = {.sbs = sbs, .count = count};
	struct choice lines;

	CHECK(count >= 1);
	CHECK(count <= ASSEMBLE_MEMBERS_MAX);
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < ARRAY_SIZE(out->place); i++)
		out->place[i] = -1;
	for (unsigned i = 0; i < count; i++) {
		pool.used[i] = true;
		out->role[i] = ROLE_FORK;
	}
	pool_mark_doubles(&pool, out);
	pool_mark_foreign(&pool, out);
	lines_list(&pool, &lines);
	if (lines.count == 1)
		line_judge(&pool, lines.tops[0], out);
	else if (lines.count > 1)
		lines_judge(&pool, &lines, out);
	else /* Nothing but doubles. */
		out->verdict = ASSEMBLE_SET_MISSING;
}
