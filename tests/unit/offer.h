/* SPDX-License-Identifier: MIT */
/*
 * Superblocks as an array's epochs leave them, offered to assemble().
 *
 * "01" is set 0, leg 1; "01:2*" is a member there which carries epoch 2 and
 * knows it in force.  Epoch 0 is the array's creation (or anything else that
 * everybody was in) and was in force.
 */
#ifndef TESTS_OFFER_H
#define TESTS_OFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "assemble.h"

#define EPOCHS_MAX 8
#define MEMBERS_MAX 16

struct epoch_spec {
	int parent;
	enum sb_how how;
	bool on_parent; /* made while its parent was in force */
	const char *in_sync;
};

#define E(parent_, how_, on_parent_, in_sync_)                                 \
	{.parent = parent_, .how = how_, .on_parent = on_parent_,              \
	 .in_sync = in_sync_}

struct life {
	uint32_t sets, legs;
	struct epoch_spec epochs[EPOCHS_MAX]; /* from epoch 1 on */
};

extern struct sb epochs[EPOCHS_MAX + 1];
extern struct sb members[MEMBERS_MAX];
extern const struct sb *offered[MEMBERS_MAX];
extern unsigned member_count;
extern struct assembly got;

void life_make(const struct life *life);
/* The next epoch, as the engine makes it (R13). */
void epoch_make(struct sb *sb, const struct sb *parent, uint64_t nonce,
		const struct epoch_spec *spec);
/* The epoch it carries is in force. */
void sb_mark(struct sb *sb);
/* Those that are offered. */
void members_make(const char *list);

void decide(void);
/* The same decision, whatever order the members are offered in. */
bool order_is_nothing(unsigned times);
/* One letter a member: In-sync Stale Failed forK Replaced Double foreign X. */
const char *roles_text(void);
const char *places_text(const bool *flags);

#endif
