/* SPDX-License-Identifier: MIT */
#include "stamp_client.h"

#include <errno.h>
#include <libnbd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"
#include "stamp_history.h"
#include "stamp_sector.h"

#define WINDOW_SECTORS	512u
#define GUARD_SECTORS	8u
#define OP_SECTORS_MAX	128u
#define OPS_MAX		32u
#define PIECES		(WINDOW_SECTORS / OP_SECTORS_MAX)
#define NO_HISTORY	UINT64_MAX
#define DRAIN_MS	10000

enum op_kind { OP_READ, OP_WRITE, OP_FLUSH, OP_TRIM, OP_ZERO };

static const char *const op_names[] = {"read", "write", "flush", "trim",
				       "zero"};

struct op {
	struct client *client;
	bool busy;
	bool fua;
	bool of_pass; /* of the reading of all windows */
	enum op_kind kind;
	uint32_t writer;
	uint32_t count;	  /* sectors */
	uint64_t place;	  /* sector of the device */
	uint64_t history; /* and in the history; NO_HISTORY: outside */
	uint64_t tick;	  /* when it was asked */
	uint8_t buf[OP_SECTORS_MAX * STAMP_SECTOR_BYTES];
};

struct client {
	struct client_config cfg;
	struct rng rng;
	uint32_t run;
	struct nbd_handle *nbd[STAMP_WRITERS];
	struct history *history;
	uint64_t *windows; /* the sector each begins at */
	uint64_t sectors;
	uint32_t hot;
	uint32_t depth;
	enum client_mode mode;
	uint32_t *pass; /* pieces of windows, in the order they are read */
	uint32_t pass_next;
	uint32_t pass_left;
	uint32_t in_flight;
	uint32_t flushes_in_flight;
	bool flushed; /* what ends CLIENT_READ */
	struct client_counts counts;
	struct op ops[OPS_MAX];
};

__attribute__((noreturn, format(printf, 2, 3))) static void
complain(const struct client *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("FAIL ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	fflush(c->cfg.log);
	exit(1);
}

static void
log_op(const struct client *c, const struct op *op, const char *what)
{
	fprintf(c->cfg.log, "%s %llu %s%s %llu+%u by %u\n", what,
		(unsigned long long)op->tick, op_names[op->kind],
		op->fua ? " fua" : "", (unsigned long long)op->place,
		op->count, op->writer);
}

struct client *
client_new(const struct client_config *cfg)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->cfg = *cfg;
	rng_init(&c->rng, cfg->seed, "client", 0);
	c->run = (uint32_t)rng_u64(&c->rng);
	for (unsigned i = 0; i < OPS_MAX; i++)
		c->ops[i].client = c;
	return c;
}

void
client_free(struct client *c)
{
	client_leave(c);
	if (c->history)
		history_free(c->history);
	free(c->windows);
	free(c->pass);
	free(c);
}

/* One window in each of as many equal parts of the device; the first and the
 * last are at its very ends. */
static void
place_windows(struct client *c)
{
	uint32_t n = c->cfg.windows;
	uint64_t part = c->sectors / n;

	if (part < WINDOW_SECTORS)
		complain(c, "the device is too small for %u windows", n);
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

static bool
is_alive(struct nbd_handle *h)
{
	return h && (nbd_aio_is_ready(h) || nbd_aio_is_processing(h));
}

static void
disconnect(struct client *c)
{
	for (unsigned i = 0; i < STAMP_WRITERS; i++) {
		if (c->nbd[i])
			nbd_close(c->nbd[i]);
		c->nbd[i] = NULL;
	}
}

static bool
connect_one(struct client *c, unsigned i)
{
	struct nbd_handle *h = nbd_create();

	if (!h)
		abort();
	c->nbd[i] = h;
	return nbd_set_export_name(h, c->cfg.export_name) == 0 &&
	       nbd_connect_unix(h, c->cfg.socket) == 0;
}

bool
client_connect(struct client *c)
{
	for (unsigned i = 0; i < STAMP_WRITERS; i++) {
		if (!connect_one(c, i)) {
			disconnect(c);
			return false;
		}
	}
	uint64_t bytes = (uint64_t)nbd_get_size(c->nbd[0]);

	if (!c->history) {
		c->sectors = bytes / STAMP_SECTOR_BYTES;
		place_windows(c);
	}
	if (bytes / STAMP_SECTOR_BYTES != c->sectors)
		complain(c, "the device has changed its size");
	return true;
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

bool
client_has_read_all(const struct client *c)
{
	return c->pass_left == 0;
}

bool
client_is_done(const struct client *c)
{
	return c->mode == CLIENT_READ && c->flushed && c->in_flight == 0;
}

/* --- answers ---------------------------------------------------------------*/

__attribute__((noreturn)) static void
complain_sector(const struct client *c, const struct op *op, uint32_t i,
		const struct stamp *st, const char *what)
{
	printf("FAIL sector %llu: %s; read from %llu to %u sectors on by %u\n",
	       (unsigned long long)(op->place + i), what,
	       (unsigned long long)op->tick, op->count, op->writer);
	printf("it holds: sector %llu, version %llu, by %u, run %x\n",
	       (unsigned long long)st->place, (unsigned long long)st->version,
	       st->writer, st->run);
	if (op->history != NO_HISTORY)
		history_print(c->history, op->history + i, stdout);
	fflush(stdout);
	fflush(c->cfg.log);
	exit(1);
}

static void
check_read(struct client *c, const struct op *op)
{
	for (uint32_t i = 0; i < op->count; i++) {
		struct stamp st;
		const char *what =
			stamp_examine(op->buf + i * STAMP_SECTOR_BYTES,
				      op->place + i, c->run, &st);

		if (!what && op->history != NO_HISTORY)
			what = history_read(c->history, op->history + i,
					    st.version, op->tick);
		else if (!what && st.version != STAMP_ZEROS)
			what = "nobody ever wrote here";
		if (what)
			complain_sector(c, op, i, &st, what);
	}
	c->counts.reads++;
}

static void
note_written(struct client *c, const struct op *op)
{
	uint64_t now = history_tick(c->history);

	for (uint32_t i = 0; i < op->count; i++)
		history_written(c->history, op->history + i, op->tick, op->fua,
				now);
	if (op->kind == OP_WRITE)
		c->counts.writes++;
	else
		c->counts.holes++;
}

/* The oldest read decides what need not be kept in mind any more. */
static void
note_oldest_read(struct client *c)
{
	uint64_t oldest = UINT64_MAX;

	for (unsigned i = 0; i < OPS_MAX; i++) {
		const struct op *op = &c->ops[i];

		if (op->busy && op->kind == OP_READ && op->tick < oldest)
			oldest = op->tick;
	}
	history_oldest_read(c->history, oldest);
}

static void
op_end(struct op *op)
{
	struct client *c = op->client;

	op->busy = false;
	c->in_flight--;
	if (op->kind == OP_FLUSH)
		c->flushes_in_flight--;
	note_oldest_read(c);
}

static void
op_answered(struct op *op)
{
	struct client *c = op->client;

	log_op(c, op, "done");
	switch (op->kind) {
	case OP_READ:
		check_read(c, op);
		if (op->of_pass)
			c->pass_left--;
		break;
	case OP_FLUSH:
		history_flushed(c->history, op->tick);
		c->counts.flushes++;
		c->flushed = c->mode == CLIENT_READ;
		break;
	default:
		note_written(c, op);
	}
}

static int
op_done(void *user_data, int *error)
{
	struct op *op = user_data;

	/* Of a connection that died, libnbd says ENOTCONN. */
	if (*error == ENOTCONN)
		return 1;
	if (*error)
		complain(op->client, "%s of sectors %llu+%u: %s",
			 op_names[op->kind], (unsigned long long)op->place,
			 op->count, strerror(*error));
	op_answered(op);
	op_end(op);
	return 1;
}

/* --- requests --------------------------------------------------------------*/

static void
fill_write(struct client *c, struct op *op)
{
	for (uint32_t i = 0; i < op->count; i++) {
		const struct stamp st = {
			.place = op->place + i,
			.version = op->tick,
			.writer = op->writer,
			.run = c->run,
		};

		stamp_fill(op->buf + i * STAMP_SECTOR_BYTES, &st);
	}
}

static int64_t
op_submit(struct client *c, struct op *op)
{
	struct nbd_handle *h = c->nbd[op->writer];
	nbd_completion_callback done = {.callback = op_done, .user_data = op};
	uint64_t offset = op->place * STAMP_SECTOR_BYTES;
	uint64_t bytes = (uint64_t)op->count * STAMP_SECTOR_BYTES;
	uint32_t flags = op->fua ? LIBNBD_CMD_FLAG_FUA : 0;

	switch (op->kind) {
	case OP_READ:
		return nbd_aio_pread(h, op->buf, bytes, offset, done, 0);
	case OP_WRITE:
		return nbd_aio_pwrite(h, op->buf, bytes, offset, done, flags);
	case OP_FLUSH:
		return nbd_aio_flush(h, done, 0);
	case OP_TRIM:
		return nbd_aio_trim(h, bytes, offset, done, flags);
	case OP_ZERO:
		return nbd_aio_zero(h, bytes, offset, done, flags);
	}
	abort();
}

static void
op_start(struct client *c, struct op *op)
{
	op->busy = true;
	op->tick = history_tick(c->history);
	op->writer = (uint32_t)rng_below(&c->rng, STAMP_WRITERS);
	c->in_flight++;
	if (op->kind == OP_FLUSH)
		c->flushes_in_flight++;
	if (op->kind == OP_WRITE)
		fill_write(c, op);
	if (op->kind == OP_READ)
		note_oldest_read(c);
	else if (op->kind != OP_FLUSH)
		for (uint32_t i = 0; i < op->count; i++)
			history_write(c->history, op->history + i, op->tick,
				      op->kind != OP_WRITE);
	log_op(c, op, "ask");
	/* It fails if the connection has just died: the op stays in flight,
	 * and client_crash() takes it. */
	if (op_submit(c, op) < 0 && is_alive(c->nbd[op->writer]))
		complain(c, "%s: %s", op_names[op->kind], nbd_get_error());
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
static bool
draw(struct client *c, struct op *op)
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

void
client_fill(struct client *c)
{
	for (unsigned i = 0; i < OPS_MAX && c->in_flight < c->depth; i++) {
		struct op *op = &c->ops[i];

		if (op->busy)
			continue;
		if (!draw(c, op))
			return;
		op_start(c, op);
	}
}

/* --- connections -----------------------------------------------------------*/

void
client_poll(const struct client *c, struct pollfd fds[STAMP_WRITERS])
{
	for (unsigned i = 0; i < STAMP_WRITERS; i++) {
		struct nbd_handle *h = c->nbd[i];

		fds[i] = (struct pollfd){.fd = -1};
		if (!is_alive(h))
			continue;
		unsigned way = nbd_aio_get_direction(h);

		fds[i].fd = nbd_aio_get_fd(h);
		fds[i].events = (way & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
				(way & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT :
								    0);
	}
}

/* One connection; false: it is gone. */
static bool
turn_one(struct nbd_handle *h, const struct pollfd *fd)
{
	if (fd->fd < 0)
		return false;
	unsigned way = nbd_aio_get_direction(h);

	if ((fd->revents & (POLLIN | POLLHUP | POLLERR)) &&
	    (way & LIBNBD_AIO_DIRECTION_READ))
		nbd_aio_notify_read(h);
	else if ((fd->revents & (POLLOUT | POLLHUP | POLLERR)) &&
		 (way & LIBNBD_AIO_DIRECTION_WRITE))
		nbd_aio_notify_write(h);
	return is_alive(h);
}

bool
client_turn(struct client *c, const struct pollfd fds[STAMP_WRITERS])
{
	bool all = true;

	for (unsigned i = 0; i < STAMP_WRITERS; i++)
		all &= turn_one(c->nbd[i], &fds[i]);
	return all;
}

static bool
any_alive(const struct client *c)
{
	for (unsigned i = 0; i < STAMP_WRITERS; i++)
		if (is_alive(c->nbd[i]))
			return true;
	return false;
}

/* Answers that were sent before the server died are answers. */
static void
drain(struct client *c)
{
	while (any_alive(c)) {
		struct pollfd fds[STAMP_WRITERS];

		client_poll(c, fds);
		if (poll(fds, STAMP_WRITERS, DRAIN_MS) == 0)
			complain(c, "the server should be dead, and is not");
		client_turn(c, fds);
	}
}

void
client_crash(struct client *c, bool cut)
{
	if (!c->history)
		return;
	drain(c);
	disconnect(c);
	for (unsigned i = 0; i < OPS_MAX; i++) {
		if (!c->ops[i].busy)
			continue;
		c->counts.lost++;
		op_end(&c->ops[i]);
	}
	fprintf(c->cfg.log, "%s\n", cut ? "cut" : "kill");
	history_crash(c->history, cut);
}

void
client_leave(struct client *c)
{
	for (unsigned i = 0; i < STAMP_WRITERS; i++)
		if (is_alive(c->nbd[i]))
			nbd_shutdown(c->nbd[i], 0);
	disconnect(c);
}

struct client_counts
client_counts(const struct client *c)
{
	struct client_counts out = c->counts;

	out.decided = c->history ? history_decided(c->history) : 0;
	return out;
}
