/* SPDX-License-Identifier: MIT */
/*
 * Where the world stops: the rules of a simulation, asked at each step of each
 * I/O.
 */
#include <string.h>

#include "sim.h"

struct rule *
rule_arm(struct sim *s, const struct rule *like)
{
	for (unsigned i = 0; i < SIM_RULES_MAX; i++) {
		struct rule *r = &s->rules[i];

		if (r->armed || r->held != NULL || r->hits != 0)
			continue;
		*r = *like;
		r->armed = true;
		return r;
	}
	return NULL;
}

void
rules_clear(struct sim *s)
{
	memset(s->rules, 0, sizeof(s->rules));
}

static bool
rule_fits(const struct rule *r, const struct sim_op *op, enum rule_when when)
{
	return r->armed && r->when == when &&
	       (r->op == RULE_ANY || r->op == (int)op->op) &&
	       (r->member == RULE_ANY || r->member == (int)op->member) &&
	       (r->area == RULE_ANY || r->area == (int)op->area) &&
	       (r->bytes == 0 || (op->offset < r->offset + r->bytes &&
				  r->offset < op->offset + op->length));
}

/* True: the op is held, do not go on with it. */
static bool
rule_act(struct sim *s, struct rule *r, struct sim_op *op)
{
	switch (r->act) {
	case RULE_COUNT:
		break;
	case RULE_CUT:
		s->end = END_CUT;
		break;
	case RULE_CRASH:
		s->end = END_CRASH;
		break;
	case RULE_FAIL:
		op->fault = r->res;
		if (op->landed)
			op->res = r->res;
		break;
	case RULE_VANISH:
		s->member[op->member].disk.vanished = true;
		break;
	case RULE_HOLD:
		r->held = op;
		trace_add(&s->trace, s->now_ns, TRACE_HELD, NULL, op->id,
			  op->member, 0, 0);
		return true;
	case RULE_STALL:
		op->stall_ns = r->stall_ns;
		op->done_ns += r->stall_ns;
		break;
	case RULE_DROP:
		op->fate = FATE_DROP;
		break;
	}
	return false;
}

bool
rules_apply(struct sim *s, struct sim_op *op, enum rule_when when)
{
	for (unsigned i = 0; i < SIM_RULES_MAX; i++) {
		struct rule *r = &s->rules[i];

		if (!rule_fits(r, op, when))
			continue;
		if (r->skip > 0) {
			r->skip--;
			continue;
		}
		r->hits++;
		r->armed = r->again;
		if (rule_act(s, r, op))
			return true;
	}
	return false;
}

void
rule_release(struct sim *s, struct rule *rule)
{
	struct sim_op *op = rule->held;

	if (op == NULL)
		return;
	rule->held = NULL;
	rule->armed = false;
	op->released = true;
	queue_add(&s->queue, s->now_ns + 1000,
		  op->landed ? EVENT_DONE : EVENT_LAND, op);
}
