/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "check.h"
#include "queue.h"

static bool
queue_before(const struct event *a, const struct event *b)
{
	if (a->at_ns != b->at_ns)
		return a->at_ns < b->at_ns;
	return a->order < b->order;
}

void
queue_add(struct queue *q, uint64_t at_ns, enum event_kind kind, void *arg)
{
	struct event e = {at_ns, q->order++, kind, arg};
	size_t i = q->count++;

	if (q->count > q->room) {
		q->room = q->room == 0 ? 64 : q->room * 2;
		q->heap = realloc(q->heap, q->room * sizeof(*q->heap));
		CHECK(q->heap != NULL);
	}
	for (; i > 0 && queue_before(&e, &q->heap[(i - 1) / 2]);
	     i = (i - 1) / 2)
		q->heap[i] = q->heap[(i - 1) / 2];
	q->heap[i] = e;
}

uint64_t
queue_next_ns(const struct queue *q)
{
	return q->count == 0 ? UINT64_MAX : q->heap[0].at_ns;
}

struct event
queue_take(struct queue *q)
{
	struct event top = q->heap[0];
	struct event last;
	size_t i = 0;

	CHECK(q->count > 0);
	last = q->heap[--q->count];
	for (;;) {
		size_t least = 2 * i + 1;

		if (least + 1 < q->count &&
		    queue_before(&q->heap[least + 1], &q->heap[least]))
			least++;
		if (least >= q->count ||
		    !queue_before(&q->heap[least], &last))
			break;
		q->heap[i] = q->heap[least];
		i = least;
	}
	q->heap[i] = last;
	return top;
}

void
queue_clear(struct queue *q)
{
	q->count = 0;
}

void
queue_fini(struct queue *q)
{
	free(q->heap);
	*q = (struct queue){0};
}
