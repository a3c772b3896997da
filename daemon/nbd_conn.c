/* SPDX-License-Identifier: MIT */
/*
 * Receiving.  A connection has at most one receive in the ring, into its
 * receive buffer: one call brings many small requests, headers and payloads.
 * A payload that is there is copied into the request's own buffer (R8); what
 * is not there yet is received straight into it, and what comes behind it
 * into the receive buffer, by the same call.
 *
 * Back-pressure: without a free request or buffer nothing is received, the
 * socket fills, the client waits.
 */
#include "nbd_conn.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static void conn_received(struct ring_op *op, int res);

void
nbd_conn_init(struct nbd_conn *c, struct nbd_frontend *nbd, uint32_t index,
	      char *rx)
{
	c->nbd = nbd;
	c->index = index;
	c->fd = -1;
	c->rx = rx;
	c->rx_op.done = conn_received;
	c->state = CONN_FREE;
	for (uint32_t i = 0; i < NBD_SLOTS; i++) {
		c->requests[i].conn = c;
		c->requests[i].next = c->free;
		c->free = &c->requests[i];
	}
	nbd_reply_init(c);
}

void
nbd_conn_open(struct nbd_conn *c, int fd, uint32_t with)
{
	CHECK(c->state == CONN_FREE);
	CHECK(c->in_use == c->aside);
	c->fd = fd;
	c->with = with;
	c->state = CONN_OPEN;
	c->step = RX_HEADER;
	c->rx_head = 0;
	c->rx_tail = 0;
	nbd_wake(c);
}

static struct nbd_request *
request_take(struct nbd_conn *c)
{
	struct nbd_request *r = c->free;

	CHECK(r);
	c->free = r->next;
	c->in_use++;
	r->next = NULL;
	r->buf = NULL;
	r->data = NULL;
	r->reply_bytes = 0;
	r->res = 0;
	r->req.held = 0;
	r->over = false;
	return r;
}

void
nbd_request_released(struct raid_req *req)
{
	struct nbd_request *r = container_of(req, struct nbd_request, req);

	if (!r->over) { /* it may wait to be asked again */
		nbd_wake(r->conn);
		return;
	}
	r->conn->aside--;
	nbd_request_release(r);
}

void
nbd_request_release(struct nbd_request *r)
{
	struct nbd_conn *c = r->conn;

	if (r->req.held) {
		r->over = true;
		c->aside++;
		if (c->state != CONN_OPEN)
			nbd_wake(c);
		return;
	}
	if (r->buf)
		nbd_buffer_put(c, r->buf, r->header.length);
	r->buf = NULL;
	r->next = c->free;
	c->free = r;
	CHECK(c->in_use > 0);
	c->in_use--;
	/* Somebody waits for it, or for the last one. */
	if (c->stalled || c->again || c->state != CONN_OPEN)
		nbd_wake(c);
}

void
nbd_request_again(struct nbd_request *r)
{
	struct nbd_conn *c = r->conn;

	r->next = c->again;
	c->again = r;
	nbd_wake(c);
}

/* In another buffer, should this one not be back.  False: there is none. */
static bool
again_one(struct nbd_conn *c, struct nbd_request **at)
{
	struct nbd_request *r = *at;
	struct nbd_request *other = r;

	if (r->req.held) {
		struct pool_buf *buf;

		if (!c->free)
			return false;
		/* If it can, what takes its place finds room. */
		if (!r->buf->aside)
			(void)nbd_buffer_put_aside(c, r->buf);
		buf = nbd_buffer_get(c, nbd_command_buffer(&r->header));
		if (!buf)
			return false;
		other = request_take(c);
		other->header = r->header;
		other->buf = buf;
		other->data = buf->mem;
		other->data += r->header.offset % RAID_BLOCK;
	}
	*at = r->next;
	if (other != r)
		nbd_request_release(r);
	nbd_command_start(other);
	return true;
}

/* None waits for another, which may wait for a disk. */
static void
again_all(struct nbd_conn *c)
{
	struct nbd_request **at = &c->again;

	while (*at)
		if (!again_one(c, at))
			at = &(*at)->next;
}

static void
again_drop(struct nbd_conn *c)
{
	while (c->again) {
		struct nbd_request *r = c->again;

		c->again = r->next;
		nbd_request_release(r);
	}
}

/* The request being received is complete: go on to the next. */
static void
rx_finish(struct nbd_conn *c)
{
	struct nbd_request *r = c->rx_req;

	c->rx_req = NULL;
	c->step = RX_HEADER;
	if (r->res)
		nbd_reply(r, r->res);
	else
		nbd_command_start(r);
}

static bool
rx_header(struct nbd_conn *c)
{
	c->stalled = !c->free || c->in_use - c->aside >= NBD_REQUESTS_MAX;
	if (c->rx_tail - c->rx_head < NBD_REQUEST_BYTES || c->stalled)
		return false;
	struct nbd_request *r = request_take(c);

	c->rx_req = r;
	if (nbd_header_decode(c->rx + c->rx_head, &r->header)) {
		nbd_conn_kill(c);
		return false;
	}
	c->rx_head += NBD_REQUEST_BYTES;
	if (r->header.type == NBD_CMD_DISC) {
		nbd_conn_close(c);
		return false;
	}
	c->rx_left = nbd_header_payload(&r->header);
	r->res = nbd_header_check(&r->header, nbd_export_bytes(c), c->with);
	c->step = r->res ? RX_DRAIN : RX_BUFFER;
	return true;
}

static bool
rx_buffer(struct nbd_conn *c)
{
	struct nbd_request *r = c->rx_req;
	uint64_t bytes = nbd_command_buffer(&r->header);

	if (bytes) {
		r->buf = nbd_buffer_get(c, bytes);
		if (!r->buf)
			return false;
		r->data = r->buf->mem;
		r->data += r->header.offset % RAID_BLOCK;
	}
	if (c->rx_left)
		c->step = RX_PAYLOAD;
	else
		rx_finish(c);
	return true;
}

/* What of the payload is in the receive buffer.  True: there is no more to
 * come. */
static bool
rx_payload(struct nbd_conn *c)
{
	struct nbd_request *r = c->rx_req;
	uint32_t there = c->rx_tail - c->rx_head;
	uint32_t bytes = there < c->rx_left ? there : c->rx_left;

	if (c->step == RX_PAYLOAD)
		memcpy(r->data + (r->header.length - c->rx_left),
		       c->rx + c->rx_head, bytes);
	c->rx_head += bytes;
	c->rx_left -= bytes;
	if (c->rx_left)
		return false;
	rx_finish(c);
	return true;
}

static bool
rx_advance(struct nbd_conn *c)
{
	switch (c->step) {
	case RX_HEADER:
		return rx_header(c);
	case RX_BUFFER:
		return rx_buffer(c);
	case RX_PAYLOAD:
	case RX_DRAIN:
		return rx_payload(c);
	}
	CHECK(!"a step");
	return false;
}

/* Where the next bytes go: the rest of a payload, then the receive buffer. */
static void
rx_aim(struct nbd_conn *c)
{
	struct nbd_request *r = c->rx_req;
	uint32_t left = c->rx_tail - c->rx_head;

	if (left && c->rx_head)
		memmove(c->rx, c->rx + c->rx_head, left);
	c->rx_head = 0;
	c->rx_tail = left;
	c->rx_iov[0].iov_len = 0;
	if (c->step == RX_PAYLOAD) {
		c->rx_iov[0].iov_base =
			r->data + (r->header.length - c->rx_left);
		c->rx_iov[0].iov_len = c->rx_left;
	}
	c->rx_iov[1].iov_base = c->rx + left;
	c->rx_iov[1].iov_len = NBD_RX_BYTES - left;
}

static void
conn_receive(struct nbd_conn *c)
{
	if (c->rx_busy || c->state != CONN_OPEN || c->step == RX_BUFFER ||
	    c->stalled)
		return;
	rx_aim(c);
	struct io_uring_sqe *sqe = ring_sqe(nbd_ring(c), &c->rx_op);

	if (c->rx_iov[0].iov_len) {
		memset(&c->rx_msg, 0, sizeof(c->rx_msg));
		c->rx_msg.msg_iov = c->rx_iov;
		c->rx_msg.msg_iovlen = 2;
		io_uring_prep_recvmsg(sqe, c->fd, &c->rx_msg, 0);
	} else {
		io_uring_prep_recv(sqe, c->fd, c->rx_iov[1].iov_base,
				   c->rx_iov[1].iov_len, 0);
	}
	c->rx_busy = true;
}

static void
conn_parse(struct nbd_conn *c)
{
	while (c->state == CONN_OPEN && rx_advance(c))
		continue;
	conn_receive(c);
}

static void
conn_received(struct ring_op *op, int res)
{
	struct nbd_conn *c = container_of(op, struct nbd_conn, rx_op);

	c->rx_busy = false;
	nbd_wake(c);
	if (c->state != CONN_OPEN || res == -EINTR || res == -EAGAIN)
		return;
	if (res <= 0) {
		if (res < 0)
			nbd_conn_kill(c);
		else
			nbd_conn_close(c);
		return;
	}
	uint32_t direct = (uint32_t)c->rx_iov[0].iov_len;

	if (direct > (uint32_t)res)
		direct = (uint32_t)res;
	c->rx_left -= direct;
	c->rx_tail += (uint32_t)res - direct;
	if (direct && !c->rx_left)
		rx_finish(c);
	conn_parse(c);
}

void
nbd_conn_close(struct nbd_conn *c)
{
	if (c->state != CONN_OPEN)
		return;
	c->state = CONN_CLOSING;
	nbd_left(c);
	/* Wakes a receive that is in the ring. */
	if (c->rx_busy)
		shutdown(c->fd, SHUT_RD);
	nbd_wake(c);
}

void
nbd_conn_kill(struct nbd_conn *c)
{
	if (c->state == CONN_DEAD || c->state == CONN_FREE)
		return;
	if (c->state == CONN_OPEN)
		nbd_left(c);
	c->state = CONN_DEAD;
	shutdown(c->fd, SHUT_RDWR);
	nbd_wake(c);
}

/* It receives no more: free it when nothing uses it. */
static void
conn_finish(struct nbd_conn *c)
{
	if (c->rx_busy)
		return;
	if (c->rx_req) {
		nbd_request_release(c->rx_req);
		c->rx_req = NULL;
	}
	if (c->in_use > c->aside || c->tx_busy)
		return;
	close(c->fd);
	c->fd = -1;
	c->state = CONN_FREE;
	nbd_gone(c);
}

void
nbd_conn_turn(struct nbd_conn *c)
{
	/* Sending frees requests, which parsing takes. */
	if (c->state != CONN_DEAD)
		nbd_reply_send(c);
	if (c->state != CONN_DEAD)
		again_all(c);
	if (c->state == CONN_OPEN && !c->rx_busy)
		conn_parse(c);
	if (c->state == CONN_DEAD) {
		again_drop(c);
		nbd_reply_drop(c);
	}
	if (c->state == CONN_CLOSING || c->state == CONN_DEAD)
		conn_finish(c);
}
