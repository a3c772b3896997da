/* SPDX-License-Identifier: MIT */
/*
 * What a superblock may say.  What comes from a disk is validated here; what
 * goes to a disk is checked by the same function, so that nothing is written
 * which could not be read again.
 */
#include <string.h>

#include "check.h"
#include "superblock.h"

_Static_assert(SB_SETS_MAX == LAYOUT_SETS_MAX, "one bound");
_Static_assert(SB_LEGS_MAX == LAYOUT_LEGS_MAX, "one bound");
_Static_assert(SB_LEGS_MAX <= SB_PLACES_MAX, "a place for each leg");

static const char *const state_words[] = {
#define X(name, word) [LEG_##name] = word,
	SB_LEG_STATES(X)
#undef X
};

const char *
leg_state_word(enum sb_leg_state state)
{
	CHECK(state < LEG_STATE_COUNT);
	return state_words[state];
}

static bool
name_char_is_valid(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* A name also names files, sockets and exports: nothing needs quoting. */
static bool
name_is_valid(const char name[SB_NAME_MAX + 1])
{
	size_t length = 0;

	if (name[0] == '-' || name[0] == '.')
		return false;
	while (length <= SB_NAME_MAX && name[length] != '\0')
		if (!name_char_is_valid(name[length++]))
			return false;
	if (length == 0 || length > SB_NAME_MAX)
		return false;
	for (size_t i = length; i <= SB_NAME_MAX; i++)
		if (name[i] != '\0')
			return false;
	return true;
}

static bool
epoch_is_valid(const struct sb_epoch *e)
{
	if (e->number == 0)
		return e->nonce == 0 && e->in_force_number == 0 && e->how == 0;
	if (e->how < HOW_CREATE || e->how > HOW_FORCE)
		return false;
	if ((e->how == HOW_CREATE) != (e->number == 1))
		return false;
	return e->in_force_number < e->number;
}

/* Each the child of the next, down to the first or to the end of the list. */
static bool
history_is_valid(const struct sb *sb)
{
	const struct sb_epoch *h = sb->history;

	if (h[0].number == 0)
		return false;
	for (size_t i = 0; i <= SB_HISTORY; i++) {
		if (!epoch_is_valid(&h[i]))
			return false;
		if (i == 0)
			continue;
		if (h[i - 1].number == 0 ? h[i].number != 0
					 : h[i].number != h[i - 1].number - 1)
			return false;
	}
	return true;
}

static bool
in_force_is_valid(const struct sb *sb)
{
	const struct sb_epoch *h = sb->history;

	if (sb->in_force_number == 0)
		return sb->in_force_nonce == 0 && h[0].in_force_number == 0;
	if (sb->in_force_number > h[0].number ||
	    sb->in_force_number < h[0].in_force_number)
		return false;
	for (size_t i = 0; i <= SB_HISTORY; i++)
		if (h[i].number == sb->in_force_number)
			return h[i].nonce == sb->in_force_nonce;
	return true;
}

static bool
place_is_valid(const struct sb *sb, const struct sb_place *p)
{
	if (p->state >= LEG_STATE_COUNT)
		return false;
	if ((p->state == LEG_EMPTY) != uuid_is_zero(p->member_uuid))
		return false;
	if (p->state == LEG_EMPTY && (p->counted || p->kept))
		return false;
	if (p->state == LEG_IN_SYNC && !p->counted)
		return false;
	if (p->kept && p->state != LEG_IN_SYNC)
		return false;
	return p->last_in_sync <= sb->history[0].number;
}

static bool
member_is_elsewhere(const struct sb *sb, size_t index)
{
	const uint8_t *uuid = sb->places[index].member_uuid;

	for (size_t i = 0; i < index; i++)
		if (uuid_is_equal(sb->places[i].member_uuid, uuid))
			return true;
	return false;
}

static bool
places_are_valid(const struct sb *sb)
{
	for (uint32_t set = 0; set < SB_SETS_MAX; set++) {
		uint32_t in_sync = 0;

		for (uint32_t leg = 0; leg < SB_PLACES_MAX; leg++) {
			const struct sb_place *p = sb_place_const(sb, set, leg);
			size_t index = set * SB_PLACES_MAX + leg;

			if (!place_is_valid(sb, p))
				return false;
			if (p->state == LEG_EMPTY)
				continue;
			if (set >= sb->geometry.sets ||
			    leg >= sb->geometry.legs ||
			    member_is_elsewhere(sb, index))
				return false;
			in_sync += p->state == LEG_IN_SYNC;
		}
		/* The last in-sync leg is never evicted (R7). */
		if (set < sb->geometry.sets && in_sync == 0)
			return false;
	}
	return true;
}

bool
sb_is_valid(const struct sb *sb)
{
	const struct sb_place *own;

	if (layout_validate(&sb->geometry, &sb->layout, 0) != 0)
		return false;
	if (uuid_is_zero(sb->array_uuid) || uuid_is_zero(sb->member_uuid))
		return false;
	if (!name_is_valid(sb->name))
		return false;
	if (sb->set >= sb->geometry.sets || sb->leg >= sb->geometry.legs)
		return false;
	if (!history_is_valid(sb) || !in_force_is_valid(sb))
		return false;
	/* A member that another has replaced is not written to any more. */
	own = sb_place_const(sb, sb->set, sb->leg);
	if (!uuid_is_equal(own->member_uuid, sb->member_uuid))
		return false;
	return places_are_valid(sb);
}

void
sb_create(struct sb *sb, uint64_t nonce)
{
	memset(sb->history, 0, sizeof(sb->history));
	sb->history[0] = (struct sb_epoch){
		.number = 1,
		.nonce = nonce,
		.how = HOW_CREATE,
	};
	sb->in_force_number = 0;
	sb->in_force_nonce = 0;
	sb->sequence = 0;
	sb->set = 0;
	sb->leg = 0;
	memcpy(sb->member_uuid, sb->places[0].member_uuid, 16);
	memset(sb->owner_host, 0, sizeof(sb->owner_host));
	for (uint32_t set = 0; set < sb->geometry.sets; set++)
		for (uint32_t leg = 0; leg < sb->geometry.legs; leg++) {
			struct sb_place *p = sb_place(sb, set, leg);

			p->state = LEG_IN_SYNC;
			p->counted = true;
			p->kept = true;
			p->last_in_sync = 1;
			p->changed_s = sb->created_s;
		}
}
