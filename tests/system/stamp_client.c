/* SPDX-License-Identifier: MIT */
#include "stamp_client.h"

#include <errno.h>
#include <libnbd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "stamp_history.h"
#include "stamp_op.h"

#define DRAIN_MS 10000

static const char *const op_names[] = {"read", "write", "flush", "trim",
				       "zero"};

void
client_complain(const struct client *c, const char *format, ...)
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
		draw_windows(c);
	}
	if (bytes / STAMP_SECTOR_BYTES != c->sectors)
		client_complain(c, "the device has changed its size");
	return true;
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
		client_complain(op->client, "%s of sectors %llu+%u: %s",
				op_names[op->kind],
				(unsigned long long)op->place, op->count,
				strerror(*error));
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
		client_complain(c, "%s: %s", op_names[op->kind],
				nbd_get_error());
}

void
client_fill(struct client *c)
{
	for (unsigned i = 0; i < OPS_MAX && c->in_flight < c->depth; i++) {
		struct op *op = &c->ops[i];

		if (op->busy)
			continue;
		if (!draw_next(c, op))
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
			client_complain(c, "the server should be dead, and is"
					   " not");
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
