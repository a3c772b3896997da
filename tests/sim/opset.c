/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "opset.h"
#include "rng.h"

bool
opset_has(const struct opset *set, uint64_t op)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->ranges[middle].last < op)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->ranges[low].first <= op;
}

void
opset_append(struct opset *set, uint64_t op)
{
	if (set->count > 0 && set->ranges[set->count - 1].last + 1 == op) {
		set->ranges[set->count - 1].last = op;
		return;
	}
	if (set->count == set->room) {
		set->room = set->room == 0 ? 64 : 2 * set->room;
		set->ranges = realloc(set->ranges,
				      set->room * sizeof(*set->ranges));
		CHECK(set->ranges != NULL);
	}
	set->ranges[set->count++] = (struct op_range){op, op};
}

/* "17" or "17-19" of a run.  NULL: it is something else. */
static const char *
opset_parse_range(struct opset *set, unsigned run, const char *word)
{
	char *end;
	uint64_t first = strtoull(word, &end, 10), last = first;

	if (end == word)
		return NULL;
	if (*end == '-') {
		word = end + 1;
		last = strtoull(word, &end, 10);
		if (end == word)
			return NULL;
	}
	if (last < first || last >= rng_index(1, 0) ||
	    (set->count > 0 && rng_index(run, first) <=
			       set->ranges[set->count - 1].last))
		return NULL;
	for (uint64_t i = first; i <= last; i++)
		opset_append(set, rng_index(run, i));
	return end;
}

bool
opset_parse(struct opset *set, const char *words)
{
	while (*words != '\0') {
		unsigned long run = SIM_RUN_CALM;
		char *end;

		if (strncmp(words, "calm.", 5) == 0) {
			words += 5;
		} else {
			run = strtoul(words, &end, 10);
			if (end == words || *end != '.' || run >= SIM_RUNS_MAX)
				return false;
			words = end + 1;
		}
		words = opset_parse_range(set, (unsigned)run, words);
		if (words == NULL || (*words != ',' && *words != '\0'))
			return false;
		words += *words == ',';
	}
	return true;
}

void
opset_print_op(uint64_t op, FILE *out)
{
	uint64_t run = op / rng_index(1, 0), number = op % rng_index(1, 0);

	if (run == SIM_RUN_CALM)
		fprintf(out, "calm.%" PRIu64, number);
	else
		fprintf(out, "%" PRIu64 ".%" PRIu64, run, number);
}

void
opset_print(const struct opset *set, FILE *out)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct op_range *r = &set->ranges[i];

		if (i > 0)
			fputc(',', out);
		opset_print_op(r->first, out);
		if (r->last != r->first)
			fprintf(out, "-%" PRIu64, r->last % rng_index(1, 0));
	}
}

void
opset_copy(struct opset *to, const struct opset *from)
{
	to->count = 0;
	for (size_t i = 0; i < from->count; i++)
		for (uint64_t op = from->ranges[i].first;
		     op <= from->ranges[i].last; op++)
			opset_append(to, op);
}

void
opset_fini(struct opset *set)
{
	free(set->ranges);
	*set = (struct opset){0};
}
