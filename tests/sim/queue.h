/* SPDX-License-Identifier: MIT */
/*
 * What is going to happen, by time; events of the same time in the order in
 * which they were added.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
	EVENT_LAND,   /* an I/O takes effect on its disk: arg is the sim_op */
	EVENT_DONE,   /* and completes */
	EVENT_CLIENT, /* arg: the slot that may send a request */
	EVENT_FAULT,  /* storm.c draws something bad */
	EVENT_END,    /* this run ends as drawn */
};

struct event {
	uint64_t at_ns;
	uint64_t order;
	enum event_kind kind;
	void *arg;
};

struct queue {
	struct event *heap;
	size_t count;
	size_t room;
	uint64_t order;
};

void queue_add(struct queue *q, uint64_t at_ns, enum event_kind kind,
	       void *arg);
/* UINT64_MAX: empty. */
uint64_t queue_next_ns(const struct queue *q);
/* Not to be called when empty. */
struct event queue_take(struct queue *q);
void queue_clear(struct queue *q);
void queue_fini(struct queue *q);

#endif
