/* SPDX-License-Identifier: MIT */
/*
 * Which members make the array, and may it start (R13-R15)?
 *
 * An epoch is known by number and nonce, and each superblock lists the last
 * ones before its own, so a superblock stands for a whole line of epochs.
 * Lines are told apart first (R14), then one is judged (R15).
 *
 * R15 asks whether members that are absent could be in an epoch in force that
 * nobody here has heard of.  They could not, if in one set all counted legs
 * are here: every later epoch would have kept one of them, and would be
 * durable on it.
 */
#include "assemble.h"

#include <string.h>

#include "check.h"

/* The members that take part in the decision: no doubles, none foreign. */
struct pool {
	const struct sb *const *sbs;
	unsigned count;
	bool used[ASSEMBLE_MEMBERS_MAX];
};

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

static bool
epoch_is_equal(const struct sb_epoch *a, const struct sb_epoch *b)
{
	return a->number == b->number && a->nonce == b->nonce;
}

static bool
uuid_is_equal(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16) == 0;
}

static const struct sb_place *
place_of(const struct sb *table, const struct sb *member)
{
	return sb_place_const(table, member->set, member->leg);
}

/* Another's list that goes on where this one ends: the longest. */
static const struct sb *
line_further(const struct pool *p, const struct sb *sb)
{
	const struct sb_epoch *oldest = &sb->history[SB_HISTORY];
	const struct sb *best = NULL;

	for (unsigned i = 0; i < p->count; i++) {
		const struct sb *other = p->sbs[i];
		uint64_t number = other->history[0].number;

		if (!p->used[i] || number < oldest->number ||
		    number - oldest->number >= SB_HISTORY)
			continue;
		if (!epoch_is_equal(&other->history[number - oldest->number],
				    oldest))
			continue;
		if (best == NULL || number < best->history[0].number)
			best = other;
	}
	return best;
}

/* The epoch of that number in the line of sb; NULL: none, or not known. */
static const struct sb_epoch *
line_find(const struct pool *p, const struct sb *sb, uint64_t number)
{
	uint64_t newest = sb->history[0].number;

	if (number == 0 || number > newest)
		return NULL;
	while (newest - number > SB_HISTORY) {
		sb = line_further(p, sb);
		if (sb == NULL)
			return NULL;
		/* At least the end of the list before: not past number. */
		newest = sb->history[0].number;
	}
	return &sb->history[newest - number];
}

/* Is this epoch in the line of sb? */
static bool
line_holds(const struct pool *p, const struct sb *sb, const struct sb_epoch *e)
{
	const struct sb_epoch *found = line_find(p, sb, e->number);

	return found != NULL && epoch_is_equal(found, e);
}

/*
 * A member away for longer than the history reaches is stale, not a fork, if
 * its place was still in-sync when its epoch was made.  An epoch made by
 * force may be one which the line has never seen: that stays a fork.
 */
static bool
line_outgrew(const struct pool *p, const struct sb *sb, const struct sb *member)
{
	const struct sb_place *place = place_of(sb, member);
	const struct sb_epoch *e = &member->history[0];

	if (e->number >= sb->history[0].number ||
	    line_find(p, sb, e->number) != NULL)
		return false;
	return uuid_is_equal(place->member_uuid, member->member_uuid) &&
	       place->last_in_sync >= e->number && e->how != HOW_FORCE;
}

static bool
is_behind(const struct pool *p, const struct sb *sb, const struct sb *member)
{
	return line_holds(p, sb, &member->history[0]) ||
	       line_outgrew(p, sb, member);
}

/* Are all members in-sync in this table here, with its epoch or a later? */
static bool
table_is_durable(const struct pool *p, const struct sb *table)
{
	unsigned in_sync = 0, durable = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table->places); i++)
		in_sync += table->places[i].state == LEG_IN_SYNC;
	for (unsigned i = 0; i < p->count; i++) {
		const struct sb *member = p->sbs[i];
		const struct sb_place *place = place_of(table, member);

		if (p->used[i] && place->state == LEG_IN_SYNC &&
		    uuid_is_equal(place->member_uuid, member->member_uuid) &&
		    line_holds(p, member, &table->history[0]))
			durable++;
	}
	return durable == in_sync;
}

/* Did this epoch, or a later one of a line it is in, come into force? */
static bool
epoch_came_into_force(const struct pool *p, const struct sb_epoch *e)
{
	for (unsigned i = 0; i < p->count; i++) {
		const struct sb *sb = p->sbs[i];

		if (!p->used[i] || !line_holds(p, sb, e))
			continue;
		if (sb->in_force_number >= e->number || table_is_durable(p, sb))
			return true;
	}
	return false;
}

/* Where two lines part: the number of the newest epoch in both; 0: unknown. */
static uint64_t
lines_split(const struct pool *p, const struct sb *a, const struct sb *b)
{
	uint64_t split = a->history[0].number;

	if (b->history[0].number < split)
		split = b->history[0].number;
	for (; split > 0; split--) {
		const struct sb_epoch *ours = line_find(p, a, split);
		const struct sb_epoch *theirs = line_find(p, b, split);

		if (ours == NULL || theirs == NULL)
			return 0;
		if (epoch_is_equal(ours, theirs))
			break;
	}
	return split;
}

/* Nobody's force made any epoch of this line after that number. */
static bool
line_is_unforced(const struct pool *p, const struct sb *sb, uint64_t after)
{
	for (uint64_t n = after + 1; n <= sb->history[0].number; n++) {
		const struct sb_epoch *e = line_find(p, sb, n);

		if (e == NULL || e->how == HOW_FORCE)
			return false;
	}
	return true;
}

/* Did the line of sb leave that of other by a start that R15 allowed? */
static bool
line_left_by_start(const struct pool *p, const struct sb *sb,
		   const struct sb *other)
{
	uint64_t split = lines_split(p, sb, other);
	const struct sb_epoch *first = line_find(p, sb, split + 1);

	return split > 0 && first != NULL && first->how == HOW_START;
}

/*
 * R14's exception.  The line of sb left that of other by a start, and came
 * into force: so nothing that other has from after the split ever did,
 * unless somebody forced it.
 */
static bool
line_voids(const struct pool *p, const struct sb *sb, const struct sb *other)
{
	uint64_t split = lines_split(p, sb, other);

	return line_left_by_start(p, sb, other) &&
	       line_is_unforced(p, other, split) &&
	       epoch_came_into_force(p, line_find(p, sb, split + 1));
}

/* A line to judge: that of its freshest member. */
struct line {
	const struct sb *sb;
	bool in_force; /* its newest epoch is known to be */
	uint64_t base; /* number of the newest epoch known in force */
};

static struct line
line_of(const struct pool *p, unsigned freshest)
{
	const struct sb *sb = p->sbs[freshest];
	struct line line = {.sb = sb, .base = sb->in_force_number};

	for (unsigned i = 0; i < p->count; i++)
		if (p->used[i] && sb_is_marked(p->sbs[i]) &&
		    epoch_is_equal(&p->sbs[i]->history[0], &sb->history[0]))
			line.in_force = true;
	if (table_is_durable(p, sb))
		line.in_force = true;
	if (line.in_force)
		line.base = sb->history[0].number;
	return line;
}

/* Its absence could hide a later epoch in force. */
static bool
place_is_counted(const struct line *line, const struct sb_place *place)
{
	return line->in_force ? place->state == LEG_IN_SYNC : place->counted;
}

static bool
place_is_kept(const struct line *line, const struct sb_place *place)
{
	return line->in_force ? place->state == LEG_IN_SYNC : place->kept;
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

	return place_is_kept(line, place) &&
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

	bool ours = is_behind(p, line->sb, member) ||
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
	else if (!any_whole || !all_kept)
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
		} else if (is_behind(p, other, sb) ||
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

/* What the freshest says is the array's shape, the others must say too. */
static void
pool_mark_foreign(struct pool *p, struct assembly *out)
{
	const struct sb *model = NULL;

	for (unsigned i = 0; i < p->count; i++)
		if (p->used[i] &&
		    (model == NULL || is_fresher(p->sbs[i], model)))
			model = p->sbs[i];
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
