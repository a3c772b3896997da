/* SPDX-License-Identifier: MIT */
#include "trace.h"

/* One multiplication a word. */
static inline uint64_t
trace_more(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

void
trace_add(struct trace *t, uint64_t at_ns, enum trace_kind kind,
	  const char *word, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct trace_event *e = &t->tail[t->count++ % TRACE_TAIL];

	*e = (struct trace_event){at_ns, kind, word, {a, b, c, d}};
	t->hash = trace_more(t->hash, at_ns ^ (uint64_t)kind << 56);
	for (unsigned i = 0; i < 4; i++)
		t->hash = trace_more(t->hash, e->n[i]);
	if (t->print)
		trace_print_event(t->sim, stdout, e);
}

void
trace_print_tail(const struct trace *t, FILE *out)
{
	uint64_t first = t->count > TRACE_TAIL ? t->count - TRACE_TAIL : 0;

	if (t->print)
		return;
	for (uint64_t i = first; i < t->count; i++)
		trace_print_event(t->sim, out, &t->tail[i % TRACE_TAIL]);
}
