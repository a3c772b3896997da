/* SPDX-License-Identifier: MIT */
/*
 * What a client asks for: where its windows are, in which order they are read
 * whole, and what is drawn between.
 */
#include <stdlib.h>

#include "stamp_history.h"
#include "stamp_op.h"

#define WINDOW_SECTORS	512u
#define GUARD_SECTORS	8u
#define PIECES		(WINDOW_SECTORS / OP_SECTORS_MAX)

/* One window in each of as many equal parts of the device; the first and the
 * last are at its very ends. */
void
draw_windows(struct client *c)
{
	uint32_t n = c->cfg.windows;
	uint64_t part = c->sectors / n;

	if (part < WINDOW_SECTORS)
		client_complain(c, "the device is too small for %u windows", n);
	c->windows = calloc(n, sizeof(*c->windows));
	c->pass = calloc(n * PIECES, sizeof(*c->pass));
	if (!c->windows || !c->pass)
		abort();
	for (uint32_t i = 0; i < n; i++) {
		uint64_t room = part - WINDOW_SECTORS;

		c->windows[i] = i * part + rng_below(&c->rng, room / 8 + 1) * 8;
	}
	c->windows[0] = 0;
	c->windows[n - 1] = c->sectors - WINDOW_SECTORS;
	for (uint32_t i = 0; i < n * PIECES; i++)
		c->pass[i] = i;
	c->history = history_new((uint64_t)n * WINDOW_SECTORS);
}

void
client_begin(struct client *c, enum client_mode mode)
{
	uint32_t n = c->cfg.windows * PIECES;

	for (uint32_t i = n - 1; i > 0; i--) {
		uint32_t j = (uint32_t)rng_below(&c->rng, i + 1);
		uint32_t piece = c->pass[i];

		c->pass[i] = c->pass[j];
		c->pass[j] = piece;
	}
	c->mode = mode;
	c->pass_next = 0;
	c->pass_left = n;
	c->flushed = false;
	c->hot = (uint32_t)rng_below(&c->rng, c->cfg.windows);
	c->depth = (uint32_t)rng_between(&c->rng, 1, OPS_MAX);
	for (unsigned i = 0; i < OPS_MAX; i++)
		c->ops[i].of_pass = false;
}

static void
place_in_window(struct client *c, struct op *op, uint32_t window, uint32_t at)
{
	op->place = c->windows[window] + at;
	op->history = (uint64_t)window * WINDOW_SECTORS + at;
}

static void
draw_pass(struct client *c, struct op *op)
{
	uint32_t piece = c->pass[c->pass_next++];

	op->kind = OP_READ;
	op->of_pass = true;
	op->count = OP_SECTORS_MAX;
	place_in_window(c, op, piece / PIECES, piece % PIECES * OP_SECTORS_MAX);
}

/* Somewhere; mostly nothing was ever written there. */
static void
draw_anywhere(struct client *c, struct op *op)
{
	op->kind = OP_READ;
	op->count = 16;
	op->place = rng_below(&c->rng, c->sectors - op->count);
	op->history = NO_HISTORY;
	for (uint32_t i = 0; i < c->cfg.windows; i++) {
		uint64_t start = c->windows[i];

		if (op->place + op->count > start &&
		    op->place < start + WINDOW_SECTORS)
			place_in_window(c, op, i, 0);
	}
}

static enum op_kind
draw_kind(struct client *c)
{
	uint64_t n = rng_below(&c->rng, 100);

	if (n < 55)
		return OP_WRITE;
	if (n < 80)
		return OP_READ;
	if (n < 90)
		return OP_FLUSH;
	return n < 95 && !c->cfg.no_trim ? OP_TRIM : OP_ZERO;
}

static void
draw_range(struct client *c, struct op *op)
{
	uint32_t window = rng_percent(&c->rng, 50) ?
		c->hot : (uint32_t)rng_below(&c->rng, c->cfg.windows);
	uint32_t limit = WINDOW_SECTORS - GUARD_SECTORS;
	uint32_t at = (uint32_t)rng_below(&c->rng, limit);

	op->count = (uint32_t)RNG_PICK(&c->rng, 1, 2, 8, 8, 8, 16, 16, 32,
				       OP_SECTORS_MAX,
				       rng_between(&c->rng, 1, OP_SECTORS_MAX));
	if (rng_percent(&c->rng, 60))
		at = at / 8 * 8;
	if (op->count > limit - at)
		op->count = limit - at;
	place_in_window(c, op, window, at);
}

/* A discard is rounded inwards to whole blocks of 4 KiB (R22). */
static bool
round_trim(struct op *op)
{
	uint64_t from = (op->place + 7) / 8 * 8;
	uint64_t to = (op->place + op->count) / 8 * 8;

	if (from >= to)
		return false;
	op->history += from - op->place;
	op->place = from;
	op->count = (uint32_t)(to - from);
	return true;
}

static bool
has_room(struct client *c, const struct op *op)
{
	for (uint32_t i = 0; i < op->count; i++)
		if (!history_has_room(c->history, op->history + i))
			return false;
	return true;
}

static void
draw_flush(struct op *op)
{
	op->kind = OP_FLUSH;
	op->fua = false;
	op->count = 0;
	op->place = 0;
	op->history = NO_HISTORY;
}

static void
draw_load(struct client *c, struct op *op)
{
	op->kind = draw_kind(c);
	if (op->kind == OP_FLUSH) {
		draw_flush(op);
		return;
	}
	if (op->kind == OP_READ && rng_percent(&c->rng, 5)) {
		draw_anywhere(c, op);
		return;
	}
	draw_range(c, op);
	if (op->kind == OP_READ)
		return;
	op->fua = rng_percent(&c->rng, 20);
	if ((op->kind == OP_TRIM && !round_trim(op)) || !has_room(c, op))
		draw_flush(op);
}

/* The next request; false: nothing to ask for now. */
bool
draw_next(struct client *c, struct op *op)
{
	bool pass = c->pass_next < c->cfg.windows * PIECES;

	op->fua = false;
	op->of_pass = false;
	if (c->mode == CLIENT_LOAD) {
		if (pass && rng_percent(&c->rng, 60))
			draw_pass(c, op);
		else
			draw_load(c, op);
		/* One flush at a time is enough to make room. */
		return op->kind != OP_FLUSH || c->flushes_in_flight < 2;
	}
	if (pass)
		draw_pass(c, op);
	else if (!c->pass_left && !c->in_flight && !c->flushed)
		draw_flush(op);
	else
		return false;
	return true;
}
