/* SPDX-License-Identifier: MIT */
#include "search.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"

#define TABLE_MIN (1u << 16)

static void *
search_reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static uint64_t
search_hash(const uint8_t *state, size_t bytes)
{
	uint64_t h = 0x9e3779b97f4a7c15ull;
	uint64_t word;

	for (size_t i = 0; i < bytes; i += sizeof(word)) {
		size_t n = bytes - i < sizeof(word) ? bytes - i : sizeof(word);

		word = 0;
		memcpy(&word, state + i, n);
		h = (h ^ word) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	return h;
}

static const uint8_t *
search_state(const struct search *s, uint32_t index)
{
	return s->states + (size_t)index * s->model->bytes;
}

static void
search_grow(struct search *s)
{
	uint64_t *old = s->table;
	uint32_t size = s->mask + 1;

	s->mask = size * 2 - 1;
	s->table = calloc((size_t)size * 2, sizeof(s->table[0]));
	CHECK(s->table);
	for (uint32_t i = 0; i < size; i++) {
		if (old[i] == 0)
			continue;
		const uint8_t *state = search_state(s, (uint32_t)old[i] - 1);
		uint32_t at =
			(uint32_t)search_hash(state, s->model->bytes) & s->mask;

		while (s->table[at] != 0)
			at = (at + 1) & s->mask;
		s->table[at] = old[i];
	}
	free(old);
}

/* Where the state is, or would be. */
static uint32_t
search_find(const struct search *s, const uint8_t *state, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & s->mask;

	for (; s->table[at] != 0; at = (at + 1) & s->mask) {
		if (s->table[at] >> 32 != hash >> 32)
			continue;
		if (memcmp(search_state(s, (uint32_t)s->table[at] - 1), state,
			   s->model->bytes) == 0)
			break;
	}
	return at;
}

static void
search_insert(struct search *s, const uint8_t *state)
{
	uint64_t hash = search_hash(state, s->model->bytes);
	uint32_t at = search_find(s, state, hash);

	if (s->table[at] != 0 || s->count == s->limit)
		return;
	memcpy(s->states + (size_t)s->count * s->model->bytes, state,
	       s->model->bytes);
	s->parents[s->count] = s->at;
	s->count++;
	s->table[at] = hash >> 32 << 32 | s->count;
	if (s->count > s->mask / 2)
		search_grow(s);
}

void
search_add(struct search *s, const void *state, const char *format, ...)
{
	uint8_t canon[512];
	va_list ap;

	CHECK(s->model->bytes <= sizeof(canon));
	s->added++;
	memcpy(canon, state, s->model->bytes);
	s->model->canon(s, canon);
	if (!s->wanted) {
		search_insert(s, canon);
		return;
	}
	if (s->found || memcmp(canon, s->wanted, s->model->bytes) != 0)
		return;
	s->found = true;
	memcpy(s->raw, state, s->model->bytes);
	va_start(ap, format);
	vsnprintf(s->label, sizeof(s->label), format, ap);
	va_end(ap);
}

void
search_violated(struct search *s, const char *invariant, const char *format,
		...)
{
	char text[160];
	va_list ap;

	if (s->what[0] != '\0' || s->wanted)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	snprintf(s->what, sizeof(s->what), "%s: %s", invariant, text);
}

enum search_result
search_run(struct search *s)
{
	s->states = search_reserve((size_t)s->limit * s->model->bytes);
	s->parents = search_reserve((size_t)s->limit * sizeof(uint32_t));
	s->mask = TABLE_MIN - 1;
	s->table = calloc(TABLE_MIN, sizeof(s->table[0]));
	CHECK(s->table);
	s->at = UINT32_MAX;
	s->model->begin(s);
	for (s->at = 0; s->at < s->count; s->at++) {
		s->model->step(s, search_state(s, s->at));
		if (s->what[0] != '\0')
			return SEARCH_VIOLATED;
		if (s->count == s->limit)
			return SEARCH_CUT;
	}
	return SEARCH_HOLDS;
}

void
search_free(struct search *s)
{
	munmap(s->states, (size_t)s->limit * s->model->bytes);
	munmap(s->parents, (size_t)s->limit * sizeof(uint32_t));
	free(s->table);
}

/* The state as the trace has it, where no legs are exchanged. */
void
search_trace(struct search *s)
{
	uint32_t path[512];
	uint32_t length = 0;
	uint8_t *now = malloc(s->model->bytes);
	uint8_t *next = malloc(s->model->bytes);

	CHECK(now && next);
	for (uint32_t i = s->at; i != UINT32_MAX && length < 512;
	     i = s->parents[i])
		path[length++] = i;
	s->raw = next;
	for (uint32_t i = length; i-- > 0;) {
		s->wanted = search_state(s, path[i]);
		s->found = false;
		if (i == length - 1)
			s->model->begin(s);
		else
			s->model->step(s, now);
		CHECK(s->found);
		memcpy(now, next, s->model->bytes);
		printf("      %2u. %s\n", length - 1 - i, s->label);
	}
	s->wanted = NULL;
	printf("      --> %s\n", s->what);
	free(now);
	free(next);
}
