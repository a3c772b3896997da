/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "rng.h"
#include "trace.h"

static const struct {
	const char *word;
	const char *names[4];
} trace_kinds[TRACE_COUNT] = {
#define X(name, word, a, b, c, d) [TRACE_##name] = {word, {a, b, c, d}},
	TRACE_KINDS(X)
#undef X
};

/* Results travel as unsigned numbers: -EIO is to be seen as -5. */
static void
trace_print_number(FILE *out, const char *name, uint64_t n)
{
	if (strcmp(name, "errno") == 0)
		fprintf(out, " %s=%" PRId64, name, (int64_t)n);
	else
		fprintf(out, " %s=%" PRIu64, name, n);
}

static void
trace_print_event(FILE *out, const struct trace_event *e)
{
	fprintf(out, "%12" PRIu64 ".%03u %s", e->at_ns / 1000,
		(unsigned)(e->at_ns % 1000), trace_kinds[e->kind].word);
	if (e->word != NULL)
		fprintf(out, " %s", e->word);
	for (unsigned i = 0; i < 4; i++)
		if (trace_kinds[e->kind].names[i][0] != '\0')
			trace_print_number(out, trace_kinds[e->kind].names[i],
					   e->n[i]);
	fputc('\n', out);
}

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
		trace_print_event(stdout, e);
}

void
trace_print_tail(const struct trace *t, FILE *out)
{
	uint64_t first = t->count > TRACE_TAIL ? t->count - TRACE_TAIL : 0;

	if (t->print)
		return;
	for (uint64_t i = first; i < t->count; i++)
		trace_print_event(out, &t->tail[i % TRACE_TAIL]);
}
