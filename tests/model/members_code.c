/* SPDX-License-Identifier: MIT */
/*
 * The same question put to raid/assemble.c: superblocks are made of a state,
 * and what assemble() says of them must be what the model says.
 */
#include <string.h>

#include "assemble.h"
#include "members.h"

static struct sb sbs[MEMBERS];

static void
code_history(const struct members *m, int epoch, struct sb *sb)
{
	int at = 0;

	for (int e = epoch; e != NO_EPOCH; e = m->epoch[e].parent) {
		const struct epoch *row = &m->epoch[e];

		sb->history[at++] = (struct sb_epoch){
			.number = row->number,
			.nonce = (uint64_t)e + 1,
			.in_force_number = m->epoch[row->base].number,
			.how = row->parent == NO_EPOCH  ? HOW_CREATE
			       : row->how == MADE_START ? HOW_START
			       : row->how == MADE_FORCE ? HOW_FORCE
							: HOW_CHANGE,
		};
	}
	memset(&sb->history[at], 0,
	       (size_t)(SB_HISTORY + 1 - at) * sizeof(sb->history[0]));
}

/* What meta.c writes on that member. */
static void
code_superblock(const struct search *s, const struct members *m, int member)
{
	struct sb *sb = &sbs[member];
	int epoch = m->carries[member];
	bool marked = m->marked & bit(member);
	uint8_t base = base_of(m, member);
	uint8_t insync = m->epoch[epoch].insync;

	sb->geometry.sets = limits(s)->sets;
	sb->geometry.legs = limits(s)->legs;
	memset(sb->array_uuid, 1, sizeof(sb->array_uuid));
	memset(sb->member_uuid, 2 + member, sizeof(sb->member_uuid));
	sb->set = set_of(s, member);
	sb->leg = (uint32_t)member % limits(s)->legs;
	code_history(m, epoch, sb);
	sb->in_force_number = m->epoch[base].number;
	sb->in_force_nonce = (uint64_t)base + 1;
	for (int i = 0; i < member_count(s); i++) {
		struct sb_place *p = sb_place(sb, set_of(s, i),
					      (uint32_t)i % limits(s)->legs);

		memset(p->member_uuid, 2 + i, sizeof(p->member_uuid));
		p->state = insync & bit(i) ? LEG_IN_SYNC : LEG_FAILED;
		p->counted = (marked ? insync : counted_of(m, epoch)) & bit(i);
		p->kept = (marked ? insync : kept_of(m, epoch)) & bit(i);
	}
}

void
compare(struct search *s, const struct members *m, uint8_t present,
	const struct judgement *j)
{
	static const enum verdict verdicts[] = {
		[ASSEMBLE_START] = JUDGE_START,
		[ASSEMBLE_WAIT] = JUDGE_WAIT,
		[ASSEMBLE_SET_MISSING] = JUDGE_MISSING,
		[ASSEMBLE_FORKED] = JUDGE_FORKED,
	};
	static struct assembly a;
	const struct sb *list[MEMBERS];
	unsigned count = 0, freshest = 0;
	uint8_t insync = 0;

	for (int i = 0; i < MEMBERS; i++)
		if (present & bit(i)) {
			code_superblock(s, m, i);
			if (i == j->freshest)
				freshest = count;
			list[count++] = &sbs[i];
		}
	assemble(list, count, &a);
	for (unsigned i = 0; i < count; i++)
		if (a.role[i] == ROLE_IN_SYNC)
			insync |= bit((int)(list[i] - sbs));
	if (verdicts[a.verdict] != j->verdict || a.can_force != j->can_force ||
	    insync != j->insync ||
	    m->carries[list[a.freshest] - sbs] !=
		    m->carries[list[freshest] - sbs])
		search_violated(s, "I16",
				"assemble() of %x: verdict %d force %d "
				"in-sync %x, not %d %d %x",
				present, a.verdict, a.can_force, insync,
				j->verdict, j->can_force, j->insync);
}
