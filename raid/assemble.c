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
	[ROLE_IN_SYNC] = "in-sync",
	[ROLE_STALE] = "stale",
	[ROLE_FAILED] = "failed",
	[ROLE_FORK] = "fork",
	[ROLE_REPLACED] = "replaced",
	[ROLE_DOUBLE] = "double",
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
line_outgrew(const struct pool *p, const struct sb *sb,
	     const struct sb *member)
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
		if (sb->in_force_number >= e->number ||
		    table_is_durable(p, sb))
			return true;
	}
	return false;
}

/*
 * R14's exception.  The line of sb left that of other by a start that R15
 * allowed, and it came into force: so nothing that other has from after the
 * split ever did, unless somebody forced it.
 */
static bool
line_voids(const struct pool *p, const struct sb *sb, const struct sb *other)
{
	const struct sb_epoch *ours, *theirs, *first;
	uint64_t split = sb->history[0].number;

	if (other->history[0].number < split)
		split = other->history[0].number;
	for (;; split--) {
		ours = line_find(p, sb, split);
		theirs = line_find(p, other, split);
		if (ours == NULL || theirs == NULL)
			return false;
		if (epoch_is_equal(ours, theirs))
			break;
	}
	first = line_find(p, sb, split + 1);
	if (first == NULL || first->how != HOW_START)
		return false;
	for (uint64_t n = split + 1; n <= other->history[0].number; n++) {
		theirs = line_find(p, other, n);
		if (theirs == NULL || theirs->how == HOW_FORCE)
			return false;
	}
	return epoch_came_into_force(p, first);
}

/* A line to judge: that of its freshest member. */
struct line {
	const struct sb *sb;
	bool in_force;  /* its newest epoch is known to be */
	uint64_t base;  /* number of the newest epoch known in force */
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
		bool here = i >= 0 && line_holds(p, line->sb,
						 &p->sbs[i]->history[0]);

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

		out->missing[at] = out->place[at] < 0 &&
				   place->state == LEG_IN_SYNC;
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

/* The freshest member of each line that is left; count of them. */
static unsigned
lines_list(const struct pool *p, unsigned tops[ASSEMBLE_MEMBERS_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < p->count; i++)
		if (p->used[i] && !line_is_dropped(p, i))
			tops[count++] = i;
	return count;
}

/* The freshest of tops whose line gets this verdict (or may be forced). */
struct choice {
	unsigned top;
	unsigned count;
};

static void
choice_add(const struct pool *p, struct choice *choice, unsigned top)
{
	if (choice->count++ == 0 || is_fresher(p->sbs[top],
					       p->sbs[choice->top]))
		choice->top = top;
}

/* Several lines: R15 alone must single one out. */
static void
lines_judge(const struct pool *p, const unsigned *tops, unsigned count,
	    struct assembly *out)
{
	struct choice all = {0}, starts = {0}, forces = {0};
	struct choice *choice = &all;

	for (unsigned i = 0; i < count; i++) {
		struct assembly alone = *out;

		line_judge(p, tops[i], &alone);
		choice_add(p, &all, tops[i]);
		if (alone.verdict == ASSEMBLE_START)
			choice_add(p, &starts, tops[i]);
		if (alone.can_force)
			choice_add(p, &forces, tops[i]);
	}
	if (starts.count > 0)
		choice = &starts;
	else if (forces.count > 0)
		choice = &forces;
	line_judge(p, choice->top, out);
	if (starts.count > 1)
		out->verdict = ASSEMBLE_FORKED;
	/* Which of two lines to force is not for us to say: the operator
	 * takes the members of the other away. */
	if (starts.count > 1 || (starts.count == 0 && forces.count > 1))
		out->can_force = false;
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
	unsigned tops[ASSEMBLE_MEMBERS_MAX];
	unsigned lines;

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
	lines = lines_list(&pool, tops);
	if (lines == 1)
		line_judge(&pool, tops[0], out);
	else if (lines > 1)
		lines_judge(&pool, tops, lines, out);
	else /* Nothing but doubles. */
		out->verdict = ASSEMBLE_SET_MISSING;
}
