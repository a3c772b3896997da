/* SPDX-License-Identifier: MIT */
/*
 * Sending.  Replies that became ready in a turn leave together, in one
 * vectored send; the next ones wait until it is through, since a stream has
 * one order.  Heads are gathered in one place, so that replies without data,
 * which most are to a database, are a single piece.
 */
#include "nbd_conn.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "check.h"

static void reply_sent(struct ring_op *op, int res);

void
nbd_reply_init(struct nbd_conn *c)
{
	c->tx_op.done = reply_sent;
	c->answered.tail = &c->answered.head;
}

void
nbd_reply(struct nbd_request *r, int res)
{
	struct nbd_conn *c = r->conn;

	r->res = res;
	r->next = NULL;
	*c->answered.tail = r;
	c->answered.tail = &r->next;
	nbd_wake(c);
}

static struct nbd_request *
answered_take(struct nbd_conn *c)
{
	struct nbd_request *r = c->answered.head;

	if (!r)
		return NULL;
	c->answered.head = r->next;
	if (!c->answered.head)
		c->answered.tail = &c->answered.head;
	return r;
}

static void
iov_add(struct nbd_conn *c, char *at, size_t bytes)
{
	struct msghdr *msg = &c->tx_msg;
	struct iovec *last = msg->msg_iov + msg->msg_iovlen - 1;

	if (msg->msg_iovlen && (char *)last->iov_base + last->iov_len == at) {
		last->iov_len += bytes;
		return;
	}
	last++;
	last->iov_base = at;
	last->iov_len = bytes;
	msg->msg_iovlen++;
}

static void
reply_push(struct nbd_conn *c)
{
	struct io_uring_sqe *sqe = ring_sqe(nbd_ring(c), &c->tx_op);
	int flags = MSG_NOSIGNAL | MSG_WAITALL;

	if (c->tx_msg.msg_iovlen == 1)
		io_uring_prep_send(sqe, c->fd, c->tx_msg.msg_iov->iov_base,
				   c->tx_msg.msg_iov->iov_len, flags);
	else
		io_uring_prep_sendmsg(sqe, c->fd, &c->tx_msg, (unsigned)flags);
	c->tx_busy = true;
}

void
nbd_reply_send(struct nbd_conn *c)
{
	struct nbd_request *r;
	char *head = c->tx_heads;

	if (c->tx_busy || !c->answered.head)
		return;
	memset(&c->tx_msg, 0, sizeof(c->tx_msg));
	c->tx_msg.msg_iov = c->tx_iov;
	while ((r = answered_take(c))) {
		uint32_t bytes = nbd_reply_encode(head, &r->header, c->with,
						  r->res, r->reply_bytes);

		iov_add(c, head, bytes);
		head += bytes;
		if (!r->reply_bytes) {
			nbd_request_release(r);
			continue;
		}
		iov_add(c, r->data, r->reply_bytes);
		r->next = c->sending;
		c->sending = r;
	}
	reply_push(c);
}

static void
sending_release(struct nbd_conn *c)
{
	while (c->sending) {
		struct nbd_request *r = c->sending;

		c->sending = r->next;
		nbd_request_release(r);
	}
}

/* Step over what was sent; false: that was all. */
static bool
iov_advance(struct nbd_conn *c, size_t bytes)
{
	struct msghdr *msg = &c->tx_msg;

	while (msg->msg_iovlen && bytes >= msg->msg_iov->iov_len) {
		bytes -= msg->msg_iov->iov_len;
		msg->msg_iov++;
		msg->msg_iovlen--;
	}
	if (!msg->msg_iovlen) {
		CHECK(bytes == 0);
		return false;
	}
	msg->msg_iov->iov_base = (char *)msg->msg_iov->iov_base + bytes;
	msg->msg_iov->iov_len -= bytes;
	return true;
}

static void
reply_sent(struct ring_op *op, int res)
{
	struct nbd_conn *c = container_of(op, struct nbd_conn, tx_op);

	c->tx_busy = false;
	nbd_wake(c);
	if (res == -EINTR || res == -EAGAIN)
		res = 0;
	if (res < 0)
		nbd_conn_kill(c);
	if (c->state != CONN_DEAD && iov_advance(c, (size_t)res)) {
		reply_push(c);
		return;
	}
	sending_release(c);
}

void
nbd_reply_drop(struct nbd_conn *c)
{
	struct nbd_request *r;

	while ((r = answered_take(c)))
		nbd_request_release(r);
}
