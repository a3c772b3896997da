/* SPDX-License-Identifier: MIT */
#include "offer.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "support.h"

struct sb epochs[EPOCHS_MAX + 1];
struct sb members[MEMBERS_MAX];
const struct sb *offered[MEMBERS_MAX];
unsigned member_count;
struct assembly got;

static bool
list_has(const char *list, uint32_t set, uint32_t leg)
{
	char name[3];

	snprintf(name, sizeof(name), "%u%u", set % 10, leg % 10);
	return list != NULL && strstr(list, name) != NULL;
}

static void
history_push(struct sb *sb, uint64_t nonce, enum sb_how how)
{
	uint64_t number = sb->history[0].number + 1;

	memmove(&sb->history[1], &sb->history[0],
		SB_HISTORY * sizeof(sb->history[0]));
	sb->history[0] = (struct sb_epoch){
		.number = number,
		.nonce = nonce,
		.in_force_number = sb->in_force_number,
		.how = how,
	};
}

void
sb_mark(struct sb *sb)
{
	sb->in_force_number = sb->history[0].number;
	sb->in_force_nonce = sb->history[0].nonce;
}

void
epoch_make(struct sb *sb, const struct sb *parent, uint64_t nonce,
	   const struct epoch_spec *spec)
{
	bool on_parent = spec->on_parent;

	*sb = *parent;
	if (on_parent)
		sb_mark(sb);
	history_push(sb, nonce, spec->how);
	for (uint32_t set = 0; set < sb->geometry.sets; set++)
		for (uint32_t leg = 0; leg < sb->geometry.legs; leg++) {
			struct sb_place *p = sb_place(sb, set, leg);
			bool was = p->state == LEG_IN_SYNC;
			bool is = list_has(spec->in_sync, set, leg);

			p->counted = is || (on_parent ? was : p->counted);
			p->kept = is && (on_parent ? was : p->kept);
			if (is)
				p->state = LEG_IN_SYNC;
			else if (was)
				p->state = spec->how == HOW_CHANGE ?
						   LEG_FAILED : LEG_STALE;
			if (is)
				p->last_in_sync = sb->history[0].number;
		}
}

void
members_make(const char *list)
{
	unsigned set, leg, epoch;
	int used;

	member_count = 0;
	while (sscanf(list, " %1u%1u:%1u%n", &set, &leg, &epoch, &used) == 3) {
		struct sb *sb = &members[member_count];

		*sb = epochs[epoch];
		list += used;
		if (*list == '*') {
			sb_mark(sb);
			list++;
		}
		support_seat(sb, set, leg);
		offered[member_count] = sb;
		member_count++;
	}
	CHECK(*list == '\0');
}

void
life_make(const struct life *life)
{
	const struct epoch_spec *spec = life->epochs;

	support_sb(&epochs[0], life->sets, life->legs);
	for (unsigned i = 0; i < EPOCHS_MAX && spec[i].in_sync != NULL; i++)
		epoch_make(&epochs[i + 1], &epochs[spec[i].parent], 2000 + i,
			   &spec[i]);
}

void
decide(void)
{
	assemble(offered, member_count, &got);
}

static bool
same_place(const struct assembly *other, const unsigned *from, size_t i)
{
	int index = other->place[i];

	return (index < 0 ? index : (int)from[index]) == got.place[i];
}

/* from: which member of ours each of theirs is. */
static bool
same_decision(const struct assembly *other, const unsigned *from)
{
	bool same = other->verdict == got.verdict &&
		    other->can_force == got.can_force &&
		    from[other->freshest] == got.freshest;

	for (unsigned i = 0; i < member_count; i++)
		same &= other->role[i] == got.role[from[i]];
	for (size_t i = 0; i < ARRAY_SIZE(got.place); i++)
		same &= same_place(other, from, i);
	return same &&
	       memcmp(other->missing, got.missing, sizeof(got.missing)) == 0 &&
	       memcmp(other->waits_for, got.waits_for,
		      sizeof(got.waits_for)) == 0;
}

bool
order_is_nothing(unsigned times)
{
	uint64_t random = 99;

	for (unsigned n = 0; n < times; n++) {
		const struct sb *mixed[MEMBERS_MAX];
		unsigned from[MEMBERS_MAX];
		struct assembly other;

		for (unsigned i = 0; i < member_count; i++) {
			unsigned j = (unsigned)(support_random(&random) %
						(i + 1));

			from[i] = from[j];
			from[j] = i;
		}
		for (unsigned i = 0; i < member_count; i++)
			mixed[i] = offered[from[i]];
		assemble(mixed, member_count, &other);
		if (!same_decision(&other, from))
			return false;
	}
	return true;
}

static const char role_letters[] = {
	[ROLE_IN_SYNC] = 'I', [ROLE_STALE] = 'S',    [ROLE_FAILED] = 'F',
	[ROLE_FORK] = 'K',    [ROLE_REPLACED] = 'R', [ROLE_DOUBLE] = 'D',
	[ROLE_FOREIGN] = 'X',
};

const char *
roles_text(void)
{
	static char text[MEMBERS_MAX + 1];

	memset(text, 0, sizeof(text));
	for (unsigned i = 0; i < member_count; i++)
		text[i] = role_letters[got.role[i]];
	return text;
}

const char *
places_text(const bool *flags)
{
	static char text[4 * SB_SETS_MAX * SB_PLACES_MAX];
	char *end = text;

	*end = '\0';
	for (unsigned i = 0; i < SB_SETS_MAX * SB_PLACES_MAX; i++)
		if (flags[i])
			end += sprintf(end, "%s%u%u", end == text ? "" : " ",
				       i / SB_PLACES_MAX, i % SB_PLACES_MAX);
	return text;
}
