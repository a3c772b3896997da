/* SPDX-License-Identifier: MIT */
/*
 * The NBD front end: a volume's connections, their buffers, and what each
 * command asks of the array.
 *
 * What a flush covers is the engine's business and the same for all
 * connections; nothing is cached here.  So CAN_MULTI_CONN is true.
 */
#include "nbd.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "check.h"
#include "frontend.h"
#include "nbd_conn.h"
#include "nbd_frontend.h"
#include "pool.h"

/* BLOCK_STATUS: the map, then the extents made from it, in one buffer.  What
 * a client asks beyond these it asks again for. */
#define STATUS_BYTES_MAX   RAID_REQ_MAX
#define STATUS_MAP_BYTES   (STATUS_BYTES_MAX / RAID_BLOCK + 2)
#define STATUS_EXTENTS_MAX 8192u
#define STATUS_BUFFER_BYTES \
	(STATUS_MAP_BYTES + STATUS_EXTENTS_MAX * NBD_EXTENT_BYTES)

struct nbd_frontend {
	struct frontend fe; /* first */
	struct nbd_frontend_config cfg;
	struct pool pool;
	char *rx_mem;
	bool stopped;
	_Atomic uint32_t open_count; /* with a client */
	/* A bit for each connection. */
	uint32_t in_use;
	uint32_t woken;    /* wants a turn */
	uint32_t starving; /* found no buffer */
	struct nbd_conn conns[NBD_CONNECTIONS_MAX];
};

static struct nbd_frontend *
nbd_of(struct frontend *fe)
{
	return container_of(fe, struct nbd_frontend, fe);
}

void
nbd_wake(struct nbd_conn *c)
{
	c->nbd->woken |= 1u << c->index;
}

struct ring *
nbd_ring(const struct nbd_conn *c)
{
	return c->nbd->cfg.ring;
}

uint64_t
nbd_export_bytes(const struct nbd_conn *c)
{
	return raid_size(c->nbd->cfg.raid);
}

struct pool_buf *
nbd_buffer_get(struct nbd_conn *c, uint64_t bytes)
{
	struct pool_buf *buf = pool_get(&c->nbd->pool, &c->share, bytes);

	if (!buf)
		c->nbd->starving |= 1u << c->index;
	return buf;
}

bool
nbd_buffer_put_aside(struct nbd_conn *c, struct pool_buf *buf)
{
	return pool_put_aside(&c->nbd->pool, &c->share, buf);
}

void
nbd_buffer_put(struct nbd_conn *c, struct pool_buf *buf, uint64_t used)
{
	pool_put(&c->nbd->pool, &c->share, buf, used);
	c->nbd->woken |= c->nbd->starving;
	c->nbd->starving = 0;
}

void
nbd_gone(struct nbd_conn *c)
{
	c->nbd->in_use &= ~(1u << c->index);
	c->nbd->woken &= ~(1u << c->index);
}

void
nbd_left(struct nbd_conn *c)
{
	atomic_fetch_sub(&c->nbd->open_count, 1);
}

uint64_t
nbd_command_buffer(const struct nbd_header *h)
{
	switch (h->type) {
	case NBD_CMD_READ:
	case NBD_CMD_WRITE:
		return h->length + h->offset % RAID_BLOCK;
	case NBD_CMD_BLOCK_STATUS:
		return STATUS_BUFFER_BYTES + RAID_BLOCK;
	default:
		return 0;
	}
}

/* The array's answer, for all but BLOCK_STATUS. */
static void
command_done(struct raid_req *req)
{
	struct nbd_request *r = container_of(req, struct nbd_request, req);

	if (req->res == -EAGAIN) {
		nbd_request_again(r);
		return;
	}
	if (req->op == RAID_READ && !req->res)
		r->reply_bytes = r->header.length;
	nbd_reply(r, req->res);
}

static void
status_done(struct raid_req *req)
{
	struct nbd_request *r = container_of(req, struct nbd_request, req);
	bool one = r->header.flags & NBD_CMD_FLAG_REQ_ONE;
	const uint8_t *map = req->buf;

	if (!req->res) {
		r->data = r->buf->mem;
		r->data += STATUS_MAP_BYTES;
		r->reply_bytes = nbd_extents_encode(
			r->data, one ? 1 : STATUS_EXTENTS_MAX, map, RAID_BLOCK,
			req->offset, (uint32_t)req->length);
	}
	nbd_reply(r, req->res);
}

static void
command_submit(struct nbd_request *r, enum raid_op op)
{
	struct raid_req *req = &r->req;
	const struct nbd_header *h = &r->header;

	req->op = op;
	req->flags = 0;
	if ((h->flags & NBD_CMD_FLAG_FUA) ||
	    ((r->conn->with & NBD_WITH_WRITE_THROUGH) && op != RAID_READ))
		req->flags |= RAID_FUA;
	if (h->flags & NBD_CMD_FLAG_NO_HOLE)
		req->flags |= RAID_NO_HOLE;
	req->offset = h->offset;
	req->length = h->length;
	req->buf = r->data;
	req->done = command_done;
	req->released = nbd_request_released;
	if (op == RAID_MAP) {
		req->flags = 0;
		req->buf = r->buf->mem;
		req->done = status_done;
		if (req->length > STATUS_BYTES_MAX)
			req->length = STATUS_BYTES_MAX;
	}
	raid_submit(r->conn->nbd->cfg.raid, req);
}

void
nbd_command_start(struct nbd_request *r)
{
	switch ((enum nbd_command)r->header.type) {
	case NBD_CMD_READ:
		r->header.flags &= (uint16_t)~NBD_CMD_FLAG_FUA;
		command_submit(r, RAID_READ);
		return;
	case NBD_CMD_WRITE:
		command_submit(r, RAID_WRITE);
		return;
	case NBD_CMD_FLUSH:
		r->header.flags = 0;
		command_submit(r, RAID_FLUSH);
		return;
	case NBD_CMD_TRIM:
		command_submit(r, RAID_DISCARD);
		return;
	case NBD_CMD_WRITE_ZEROES:
		command_submit(r, RAID_ZEROES);
		return;
	case NBD_CMD_BLOCK_STATUS:
		command_submit(r, RAID_MAP);
		return;
	case NBD_CMD_CACHE:
		/* What is worth keeping the array keeps by itself. */
		nbd_reply(r, 0);
		return;
	case NBD_CMD_DISC:
		break;
	}
	CHECK(!"a command that was checked");
}

static void
nbd_turn(struct frontend *fe)
{
	struct nbd_frontend *nbd = nbd_of(fe);

	/* A turn may wake others, which waited for what it gave back.  It
	 * ends: each goes on with what it has already received. */
	while (nbd->woken) {
		uint32_t index = (uint32_t)__builtin_ctz(nbd->woken);

		nbd->woken &= nbd->woken - 1;
		nbd_conn_turn(&nbd->conns[index]);
	}
}

static void
nbd_stop(struct frontend *fe)
{
	struct nbd_frontend *nbd = nbd_of(fe);

	nbd->stopped = true;
	for (uint32_t i = 0; i < NBD_CONNECTIONS_MAX; i++)
		nbd_conn_close(&nbd->conns[i]);
}

static void
nbd_cut(struct frontend *fe)
{
	struct nbd_frontend *nbd = nbd_of(fe);

	for (uint32_t i = 0; i < NBD_CONNECTIONS_MAX; i++)
		nbd_conn_kill(&nbd->conns[i]);
}

static bool
nbd_is_idle(const struct frontend *fe)
{
	const struct nbd_frontend *nbd =
		(const struct nbd_frontend *)(const void *)fe;

	return nbd->stopped && !nbd->in_use;
}

static void
nbd_close(struct frontend *fe)
{
	struct nbd_frontend *nbd = nbd_of(fe);

	CHECK(!nbd->in_use);
	munmap(nbd->rx_mem, (size_t)NBD_RX_BYTES * NBD_CONNECTIONS_MAX);
	pool_fini(&nbd->pool);
	free(nbd);
}

static const struct frontend_ops nbd_ops = {
	.name = "nbd",
	.turn = nbd_turn,
	.stop = nbd_stop,
	.is_idle = nbd_is_idle,
	.cut = nbd_cut,
	.close = nbd_close,
};

uint32_t
nbd_frontend_in_flight_max(void)
{
	return 2 * NBD_CONNECTIONS_MAX;
}

int
nbd_frontend_open(struct frontend **out, const struct nbd_frontend_config *cfg,
		  bool *locked)
{
	struct nbd_frontend *nbd = calloc(1, sizeof(*nbd));

	if (!nbd)
		return -ENOMEM;
	nbd->fe.ops = &nbd_ops;
	nbd->cfg = *cfg;
	int rc = pool_init(&nbd->pool, cfg->lock_memory, locked);

	if (rc)
		goto err_nbd;
	nbd->rx_mem = mmap(NULL, (size_t)NBD_RX_BYTES * NBD_CONNECTIONS_MAX,
			   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	rc = -ENOMEM;
	if (nbd->rx_mem == MAP_FAILED)
		goto err_pool;
	for (uint32_t i = 0; i < NBD_CONNECTIONS_MAX; i++)
		nbd_conn_init(&nbd->conns[i], nbd, i,
			      nbd->rx_mem + (size_t)i * NBD_RX_BYTES);
	*out = &nbd->fe;
	return 0;

err_pool:
	pool_fini(&nbd->pool);
err_nbd:
	free(nbd);
	return rc;
}

int
nbd_frontend_take(struct frontend *fe, int fd, uint32_t flags)
{
	struct nbd_frontend *nbd = nbd_of(fe);
	uint32_t all = (1u << NBD_CONNECTIONS_MAX) - 1;

	if (nbd->stopped)
		return -ESHUTDOWN;
	if (nbd->in_use == all)
		return -EMFILE;
	uint32_t index = (uint32_t)__builtin_ctz(~nbd->in_use);

	nbd->in_use |= 1u << index;
	atomic_fetch_add(&nbd->open_count, 1);
	nbd_conn_open(&nbd->conns[index], fd, flags);
	return 0;
}

uint32_t
nbd_frontend_connections(const struct frontend *fe)
{
	const struct nbd_frontend *nbd =
		(const struct nbd_frontend *)(const void *)fe;

	return atomic_load(&nbd->open_count);
}
