/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "pattern.h"
#include "pool.h"
#include "sim.h"
#include "verdict.h"

#define CLIENT_ALIGN 4096u
/* The final reading sends up to this much at once. */
#define CLIENT_ROOM_MIN (64u << 10)
/* Most requests are as short as those of a database; a few may be long. */
#define CLIENT_USUAL (16u << 10)
#define CLIENT_LONG_PPM 4000u

void
client_init(struct sim *s)
{
	struct client *c = &s->client;
	uint64_t bytes = s->oracle.granules * s->oracle.granule_bytes;
	uint64_t longest = s->options.length_max;

	if (longest > bytes)
		longest = s->options.length_max = bytes;
	if (longest < CLIENT_ROOM_MIN)
		longest = CLIENT_ROOM_MIN;
	/* One that is not aligned needs a block more. */
	c->room = (longest + 2 * CLIENT_ALIGN) / CLIENT_ALIGN * CLIENT_ALIGN;
	c->slot_count = s->options.slots;
	for (unsigned i = 0; i < 8; i++) {
		rng_init(&c->rng, s->seed, "hot", i);
		c->hot[i] = rng_below(&c->rng, bytes);
	}
	for (unsigned i = 0; i < ORACLE_SLOTS_MAX; i++) {
		c->slots[i].sim = s;
		c->slots[i].index = i;
	}
}

static void
client_answer_trouble(struct sim *s, struct slot *slot)
{
	int res = slot->ask->req.res;

	s->client.errors++;
	if (res == -ESHUTDOWN || (res == -EROFS && s->salvage)) {
		/* Its id was used; nothing else happened. */
		return;
	}
	if (res != -EIO || !s->lenient)
		sim_fail(s, res == -EIO ? "I8" : "seam",
			 "request %llu (op %d, %llu+%llu): answer %d",
			 (unsigned long long)slot->id, (int)slot->ask->req.op,
			 (unsigned long long)slot->ask->req.offset,
			 (unsigned long long)slot->ask->req.length, res);
}

static const char *
client_invariant(const struct sim *s, const struct slot *slot)
{
	if (slot->ask->req.op == RAID_MAP)
		return "I6";
	return s->crashed ? "I1-I5" : "I4";
}

static void
client_next(struct sim *s, struct slot *slot)
{
	struct client *c = &s->client;

	if (slot->scripted || slot->index >= c->slot_count)
		return;
	if (slot->nested) {
		client_event(s, slot);
		return;
	}
	queue_add(&s->queue, s->now_ns + slot->think_ns, EVENT_CLIENT, slot);
}

/* --- asks --- */

static struct ask *
ask_take(struct client *c, struct slot *slot)
{
	struct ask *ask = c->free;

	if (ask == NULL) {
		ask = calloc(1, sizeof(*ask));
		CHECK(ask != NULL);
		ask->memory = pool_take(c->room);
	} else {
		c->free = ask->next;
	}
	ask->slot = slot;
	return ask;
}

static void
ask_give(struct client *c, struct ask *ask)
{
	ask->next = c->free;
	c->free = ask;
}

/* A late completion into it would show as a wrong read later (I21). */
static void
ask_poison(struct ask *ask)
{
	struct raid_req *req = &ask->req;

	if (req->buf != NULL)
		memset(req->buf, 0xcc, req->op == RAID_MAP ?
		       req->length / ORACLE_BLOCK + 2 : req->length);
}

/* The slow leg is done with it. */
static void
client_released(struct raid_req *req)
{
	struct ask *ask = container_of(req, struct ask, req);
	struct sim *s = ask->slot->sim;
	struct ask **l = &s->client.held;

	while (*l != NULL && *l != ask)
		l = &(*l)->next;
	if (*l == NULL || req->held != 0)
		sim_fail(s, "I21", "a request was released that is not held");
	*l = ask->next;
	ask_give(&s->client, ask);
}

static void
client_put_aside(struct sim *s, struct slot *slot)
{
	struct ask *ask = slot->ask;

	slot->ask = NULL;
	ask->next = s->client.held;
	s->client.held = ask;
	s->client.held_sum++;
}

static void client_done(struct raid_req *req);

static void
client_ask(struct sim *s, struct slot *slot, const struct raid_req *like)
{
	struct ask *ask = ask_take(&s->client, slot);
	enum raid_op op = like->op;

	slot->ask = ask;
	ask->req = (struct raid_req){
		.op = op,
		.flags = like->flags,
		.offset = like->offset,
		.length = like->length,
		.done = client_done,
		.released = client_released,
	};
	if (op == RAID_READ || op == RAID_WRITE || op == RAID_MAP)
		ask->req.buf = ask->memory + like->offset % CLIENT_ALIGN;
	if (op == RAID_WRITE)
		pattern_fill(slot->id, like->offset, like->length,
			     ask->req.buf);
	raid_submit(s->raid, &ask->req);
	s->called = true;
}

static void
client_done(struct raid_req *req)
{
	struct ask *ask = container_of(req, struct ask, req);
	struct slot *slot = ask->slot;
	struct sim *s = slot->sim;

	if (!slot->busy || slot->ask != ask)
		sim_fail(s, "seam", "request %llu was answered twice",
			 (unsigned long long)slot->id);
	trace_add(&s->trace, s->now_ns, TRACE_ANSWER, NULL, slot->id,
		  (uint64_t)(int64_t)req->res, 0, 0);
	if (req->res == -EAGAIN && req->op == RAID_READ) {
		struct raid_req like = *req;

		if (req->held != 0)
			client_put_aside(s, slot);
		else
			ask_give(&s->client, ask);
		client_ask(s, slot, &like);
		return;
	}
	if (req->res != 0)
		client_answer_trouble(s, slot);
	if (s->now_ns - slot->sent_ns > SIM_ANSWER_NS)
		sim_fail(s, "I30", "request %llu took %llu s",
			 (unsigned long long)slot->id,
			 (unsigned long long)(s->now_ns - slot->sent_ns) /
				 1000000000);
	if (!oracle_end(&s->oracle, slot->index, req->res, req->buf))
		sim_fail(s, client_invariant(s, slot), "request %llu: %s",
			 (unsigned long long)slot->id, s->oracle.reason);
	watch_answer(s, slot);
	slot->res = req->res;
	if (req->held != 0) {
		client_put_aside(s, slot);
	} else {
		ask_poison(ask);
		ask_give(&s->client, ask);
	}
	slot->ask = NULL;
	slot->busy = false;
	s->io_at_progress = s->io_count;
	s->client.busy--;
	s->client.answered++;
	client_next(s, slot);
}

static void
client_submit(struct sim *s, struct slot *slot, enum raid_op op,
	      uint32_t flags, uint64_t offset, uint64_t length)
{
	static const enum trace_kind kinds[] = {
		TRACE_READ, TRACE_WRITE, TRACE_FLUSH,
		TRACE_DISCARD, TRACE_ZEROES, TRACE_MAP,
	};
	const struct raid_req like = {
		.op = op,
		.flags = flags,
		.offset = offset,
		.length = length,
	};

	slot->busy = true;
	slot->sent_ns = s->now_ns;
	s->client.busy++;
	slot->id = oracle_begin(&s->oracle, slot->index, op, flags, offset,
				length);
	trace_add(&s->trace, s->now_ns, kinds[op], NULL, slot->id, offset,
		  length, slot->op << 8 | flags);
	client_ask(s, slot, &like);
}

static uint64_t
client_grain(struct sim *s)
{
	struct rng *r = &s->client.rng;

	if (rng_percent(r, s->options.byte_percent))
		return 1;
	if (rng_percent(r, s->options.block_percent))
		return ORACLE_BLOCK;
	return 512;
}

static void
client_draw_range(struct sim *s, uint64_t *offset, uint64_t *length)
{
	struct client *c = &s->client;
	struct rng *r = &c->rng;
	uint64_t bytes = s->oracle.granules * s->oracle.granule_bytes;
	uint64_t grain = client_grain(s);
	uint64_t most = s->options.length_max;

	if (most > CLIENT_USUAL && !rng_ppm(r, CLIENT_LONG_PPM))
		most = CLIENT_USUAL;
	while (most > grain && rng_percent(r, 50))
		most /= 2;
	if (most < grain)
		most = grain;
	*length = rng_between(r, 1, most / grain) * grain;
	if (rng_percent(r, s->options.hot_percent))
		*offset = c->hot[rng_below(r, s->options.hot_spots)] +
			  rng_below(r, s->options.hot_bytes);
	else
		*offset = rng_below(r, bytes);
	*offset -= *offset % grain;
	if (*offset + *length > bytes)
		*offset = bytes - *length;
	*offset -= *offset % grain;
}

static enum raid_op
client_draw_op(struct sim *s)
{
	const unsigned *weights = s->options.weights;
	uint64_t total = 0, draw;
	unsigned op = 0;

	for (unsigned i = 0; i <= RAID_MAP; i++)
		total += weights[i];
	draw = rng_below(&s->client.rng, total);
	while (draw >= weights[op])
		draw -= weights[op++];
	return (enum raid_op)op;
}

static uint32_t
client_draw_flags(struct sim *s, enum raid_op op)
{
	struct rng *r = &s->client.rng;
	uint32_t flags = 0;

	if ((op == RAID_WRITE || op == RAID_ZEROES || op == RAID_DISCARD) &&
	    rng_percent(r, s->options.fua_percent))
		flags |= RAID_FUA;
	if (op == RAID_ZEROES && rng_percent(r, 30))
		flags |= RAID_NO_HOLE;
	return flags;
}

/* The number of the next request that is not left out.  False: no more. */
static bool
client_take(struct sim *s, struct slot *slot)
{
	struct client *c = &s->client;
	const struct opset *only = s->options.only_ops;

	while (c->left > 0) {
		c->left--;
		slot->op = rng_index(s->run, c->next++);
		if (verdict_wanted != NULL)
			verdict_wanted->drawn[s->run] = c->next;
		if (only == NULL || opset_has(only, slot->op))
			return true;
	}
	return false;
}

/* Begins the stream of the request; what comes after the answer is drawn
 * first, since the answer may come at any time. */
static void
client_draw_after(struct sim *s, struct slot *slot)
{
	struct rng *r = &s->client.rng;

	rng_init(r, s->seed, "op", slot->op);
	slot->nested = rng_percent(r, s->options.nested_percent) &&
		       s->options.think_ns == 0;
	slot->think_ns = rng_below(r, s->options.think_ns + 1000);
}

void
client_event(struct sim *s, struct slot *slot)
{
	struct client *c = &s->client;
	enum raid_op op;
	uint64_t offset = 0, length = 0;

	if (slot->busy || !client_take(s, slot))
		return;
	client_draw_after(s, slot);
	op = client_draw_op(s);
	if (op != RAID_FLUSH)
		client_draw_range(s, &offset, &length);
	if (!oracle_may_begin(&s->oracle, op, offset, length))
		op = rng_percent(&c->rng, 50) ? RAID_READ : RAID_FLUSH;
	if (op == RAID_FLUSH)
		offset = length = 0;
	slot->scripted = false;
	client_submit(s, slot, op, client_draw_flags(s, op), offset, length);
}

void
client_run(struct sim *s, uint64_t requests)
{
	struct client *c = &s->client;

	c->left = requests;
	for (unsigned i = 0; i < c->slot_count; i++)
		if (!c->slots[i].busy)
			queue_add(&s->queue, s->now_ns + i, EVENT_CLIENT,
				  &c->slots[i]);
}

void
client_pause(struct sim *s)
{
	s->client.left = 0;
}

void
client_crash(struct sim *s)
{
	struct client *c = &s->client;

	for (unsigned i = 0; i < ORACLE_SLOTS_MAX; i++) {
		struct slot *slot = &c->slots[i];

		slot->busy = false;
		if (slot->ask != NULL)
			ask_give(c, slot->ask);
		slot->ask = NULL;
	}
	while (c->held != NULL) {
		struct ask *ask = c->held;

		c->held = ask->next;
		ask_give(c, ask);
	}
	c->busy = 0;
	c->left = 0;
}

void
client_fini(struct sim *s)
{
	struct client *c = &s->client;

	client_crash(s);
	while (c->free != NULL) {
		struct ask *ask = c->free;

		c->free = ask->next;
		pool_give(ask->memory, c->room);
		free(ask);
	}
}

struct slot *
client_send(struct sim *s, enum raid_op op, uint32_t flags, uint64_t offset,
	    uint64_t length)
{
	struct slot *slot = NULL;

	for (unsigned i = ORACLE_SLOTS_MAX; i-- > s->client.slot_count;)
		if (!s->client.slots[i].busy)
			slot = &s->client.slots[i];
	CHECK(slot != NULL);
	slot->scripted = true;
	slot->op = CLIENT_NO_OP;
	client_submit(s, slot, op, flags, offset, length);
	return slot;
}
