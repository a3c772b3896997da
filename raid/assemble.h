/* SPDX-License-Identifier: MIT */
/*
 * Which members make the array, and may it start (R13-R15)?
 *
 * A pure decision over the superblocks found: no I/O, no state.
 */
#ifndef RAID_ASSEMBLE_H
#define RAID_ASSEMBLE_H

#include "superblock.h"

#define ASSEMBLE_MEMBERS_MAX 256u

/* What becomes of a member that was offered. */
enum assemble_role {
	ROLE_IN_SYNC,
	/*
	 * Of the line, but behind.  If the freshest epoch calls its place
	 * in-sync all the same, it went back in time (or went astray): place[]
	 * does not have it, missing[] does, and it is wholly stale (R19).
	 */
	ROLE_STALE,
	ROLE_FAILED,   /* the freshest epoch calls it failed (R14) */
	ROLE_FORK,     /* its epoch is not of the line: refused (R14) */
	ROLE_REPLACED, /* the freshest epoch has another member in its place */
	ROLE_DOUBLE,   /* a member uuid offered twice: neither is used */
	ROLE_FOREIGN,  /* of another array, or of another geometry */
};

enum assemble_verdict {
	ASSEMBLE_START,       /* R15 lets it start by itself */
	ASSEMBLE_WAIT,        /* a set's legs may have gone on elsewhere */
	ASSEMBLE_SET_MISSING, /* a set has no in-sync leg present */
	ASSEMBLE_FORKED,      /* two lines could both start */
};

struct assembly {
	enum assemble_verdict verdict;
	/* An operator's start --degraded can go on from here. */
	bool can_force;
	unsigned freshest; /* index of the member to take the superblock of */
	/* Its epoch is in force, be it marked so or not: all members in-sync
	 * in it are here and carry it.  What follows builds on it (R13). */
	bool in_force;
	/* Of each member offered. */
	enum assemble_role role[ASSEMBLE_MEMBERS_MAX];
	/* Index: set * SB_PLACES_MAX + leg.  Member index, or -1.  Has the
	 * members whose role is IN_SYNC, STALE or FAILED. */
	int place[SB_SETS_MAX * SB_PLACES_MAX];
	/* By the freshest superblock: this place is in-sync and absent. */
	bool missing[SB_SETS_MAX * SB_PLACES_MAX];
	/* WAIT: with this place present the array might start by itself. */
	bool waits_for[SB_SETS_MAX * SB_PLACES_MAX];
};

/*
 * sbs: one chosen superblock (sb_choose) for each member offered, all of the
 * same array uuid; 1 to ASSEMBLE_MEMBERS_MAX.
 */
void assemble(const struct sb *const *sbs, unsigned count,
	      struct assembly *out);

const char *assemble_role_word(enum assemble_role role);

#endif
