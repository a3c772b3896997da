/* SPDX-License-Identifier: MIT */
#include "line.h"

#include "check.h"
#include "plant.h"

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

const struct sb_epoch *
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

bool
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

	if (PLANTED(LONG_ABSENCE_IS_FORK) ||
	    e->number >= sb->history[0].number ||
	    line_find(p, sb, e->number) != NULL)
		return false;
	return uuid_is_equal(place->member_uuid, member->member_uuid) &&
	       place->last_in_sync >= e->number && e->how != HOW_FORCE;
}

bool
line_is_behind(const struct pool *p, const struct sb *sb,
	       const struct sb *member)
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

uint64_t
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

bool
line_is_unforced(const struct pool *p, const struct sb *sb, uint64_t after)
{
	for (uint64_t n = after + 1; n <= sb->history[0].number; n++) {
		const struct sb_epoch *e = line_find(p, sb, n);

		if (e == NULL ||
		    (e->how == HOW_FORCE && !PLANTED(FORCE_IGNORED)))
			return false;
	}
	return true;
}

bool
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
bool
line_voids(const struct pool *p, const struct sb *sb, const struct sb *other)
{
	uint64_t split = lines_split(p, sb, other);

	return line_left_by_start(p, sb, other) &&
	       !PLANTED(HONEST_CRASH_IS_FORK) &&
	       line_is_unforced(p, other, split) &&
	       epoch_came_into_force(p, line_find(p, sb, split + 1));
}

struct line
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
