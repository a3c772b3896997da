/* SPDX-License-Identifier: MIT */
/*
 * Lines of epochs (R13, R14).  An epoch is known by number and nonce, and each
 * superblock lists the last ones before its own: it stands for a whole line,
 * and others' lists go on where its own ends.
 */
#ifndef RAID_LINE_H
#define RAID_LINE_H

#include "assemble.h"

/* The members that take part in the decision: no doubles, none foreign. */
struct pool {
	const struct sb *const *sbs;
	unsigned count;
	bool used[ASSEMBLE_MEMBERS_MAX];
};

/* A line to judge: that of its freshest member. */
struct line {
	const struct sb *sb;
	bool in_force; /* its newest epoch is known to be */
	uint64_t base; /* number of the newest epoch known in force */
};

static inline bool
epoch_is_equal(const struct sb_epoch *a, const struct sb_epoch *b)
{
	return a->number == b->number && a->nonce == b->nonce;
}

static inline const struct sb_place *
place_of(const struct sb *table, const struct sb *member)
{
	return sb_place_const(table, member->set, member->leg);
}

/* Its absence could hide a later epoch in force. */
static inline bool
place_is_counted(const struct line *line, const struct sb_place *place)
{
	return line->in_force ? place->state == LEG_IN_SYNC : place->counted;
}

static inline bool
place_is_kept(const struct line *line, const struct sb_place *place)
{
	return line->in_force ? place->state == LEG_IN_SYNC : place->kept;
}

struct line line_of(const struct pool *p, unsigned freshest);

/* The epoch of that number in the line of sb; NULL: none, or not known. */
const struct sb_epoch *line_find(const struct pool *p, const struct sb *sb,
				 uint64_t number);

/* Is this epoch in the line of sb? */
bool line_holds(const struct pool *p, const struct sb *sb,
		const struct sb_epoch *e);

/* Is the member's epoch in the line of sb, or from before all it knows? */
bool line_is_behind(const struct pool *p, const struct sb *sb,
		    const struct sb *member);

/* Where two lines part: the number of the newest epoch in both; 0: unknown. */
uint64_t lines_split(const struct pool *p, const struct sb *a,
		     const struct sb *b);

/* Nobody's force made any epoch of this line after that number. */
bool line_is_unforced(const struct pool *p, const struct sb *sb,
		      uint64_t after);

/* Did the line of sb leave that of other by a start that R15 allowed? */
bool line_left_by_start(const struct pool *p, const struct sb *sb,
			const struct sb *other);

/* R14's exception: did the line of sb leave that of other by a start, and
 * come into force?  Then nothing that other has since ever did. */
bool line_voids(const struct pool *p, const struct sb *sb,
		const struct sb *other);

#endif
