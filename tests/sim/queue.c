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

static void
queue_swap(struct event *a, struct event *b)
{
	struct event t = *a;

	*a = *b;
	*b = t;
}

void
queue_add(struct queue *q, uint64_t at_ns, enum event_kind kind, void *arg)
{
	size_t i = q->count++;

	if (q->count > q->room) {
		q->room = q->room == 0 ? 64 : q->room * 2;
		q->heap = realloc(q->heap, q->room * sizeof(*q->heap));
		CHECK(q->heap != NULL);
	}
	q->heap[i] = (struct event){at_ns, q->order++, kind, arg};
	for (; i > 0 && queue_before(&q->heap[i], &q->heap[(i - 1) / 2]);
	     i = (i - 1) / 2)
		queue_swap(&q->heap[i], &q->heap[(i - 1) / 2]);
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
	size_t i = 0;

	CHECK(q->count > 0);
	q->heap[0] = q->heap[--q->count];
	for (;;) {
		size_t least = i;

		for (size_t c = 2 * i + 1; c <= 2 * i + 2; c++)
			if (c < q->count &&
			    queue_before(&q->heap[c], &q->heap[least]))
				least = c;
		if (least == i)
			return top;
		queue_swap(&q->heap[i], &q->heap[least]);
		i = least;
	}
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
