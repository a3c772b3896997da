/* SPDX-License-Identifier: MIT */
/*
 * The clients: many requests in flight, drawn from the seed, and each answer
 * put before the oracle.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "oracle.h"
#include "raid.h"
#include "rng.h"

struct sim;

/* The op of a request that a scenario or a check sent. */
#define CLIENT_NO_OP (UINT64_MAX >> 8)

/* A request as the engine has it.  One that a slow leg still reads into
 * (R10) is put aside, and asked again with another. */
struct ask {
	struct raid_req req;
	struct slot *slot;
	struct ask *next; /* put aside, or free */
	uint8_t *memory;
};

struct slot {
	struct ask *ask;
	struct sim *sim;
	unsigned index;
	bool busy;
	bool scripted; /* sent by a scenario: nothing follows the answer */
	bool nested;   /* the next is sent from within the answer */
	uint64_t think_ns;
	uint64_t op; /* its run and number: opset.h */
	uint64_t id;
	uint64_t sent_ns;
	int res;
};

struct client {
	struct rng rng; /* of the request being drawn */
	uint64_t next;  /* number of the next, in this run */
	struct slot slots[ORACLE_SLOTS_MAX];
	unsigned slot_count; /* of them the random clients use */
	uint64_t room;       /* bytes of a slot's memory */
	uint64_t hot[8];
	uint64_t left;  /* requests to be sent yet */
	uint64_t answered;
	struct ask *free;  /* asks */
	struct ask *held;  /* of this run, put aside */
	uint64_t held_sum; /* ever */
	uint64_t errors;
	unsigned busy;
};

void client_init(struct sim *s);
void client_fini(struct sim *s);
/* Let the random clients send so many requests. */
void client_run(struct sim *s, uint64_t requests);
/* No more; what is in flight stays. */
void client_pause(struct sim *s);
/* The engine is gone, with all requests, and what they held. */
void client_crash(struct sim *s);
/* A slot may send: the random clients' event. */
void client_event(struct sim *s, struct slot *slot);

/* A request of a scenario or of the final check; answered when !busy. */
struct slot *client_send(struct sim *s, enum raid_op op, uint32_t flags,
			 uint64_t offset, uint64_t length);

#endif
