/* SPDX-License-Identifier: MIT */
/*
 * One NBD connection in transmission.  Inside the NBD front end only.
 *
 * States:
 *
 *   FREE --> OPEN --> CLOSING --> FREE
 *              \         |          ^
 *               \        v          |
 *                +----> DEAD -------+
 *
 * OPEN:    requests are received.
 * CLOSING: the client said it is done, hung up, or we are stopping: nothing
 *          more is received, what was received is answered.
 * DEAD:    the client broke the protocol or the socket failed: nothing is
 *          sent any more; what is at the array or in the kernel is waited
 *          for, since buffers are in use there.
 *
 * A request's life: taken when its header is there; buffer found; payload
 * received; at the array; answered (in line to be sent); being sent, if the
 * reply carries data; free.
 *
 * A read that a slow leg still has (raid.h: held) is put aside with its
 * buffer, and asked again with another request as soon as there is one.  A
 * connection ends without waiting for what is aside.
 */
#ifndef RAIDD_NBD_CONN_H
#define RAIDD_NBD_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "nbd_wire.h"
#include "pool.h"
#include "raid.h"
#include "ring.h"

struct nbd_conn;
struct nbd_frontend;

/* In flight for each connection; more wait in its socket. */
#define NBD_REQUESTS_MAX 128u
/* As many again may be aside. */
#define NBD_SLOTS    (2 * NBD_REQUESTS_MAX)
#define NBD_RX_BYTES (128u << 10)

struct nbd_request {
	struct raid_req req;
	struct nbd_conn *conn;
	struct nbd_request *next;
	struct nbd_header header;
	struct pool_buf *buf; /* NULL: none */
	char *data;           /* in buf: payload of the request or reply */
	uint32_t reply_bytes; /* of data */
	int res;              /* the answer: 0 or -errno */
	bool over;            /* released, but for a leg that still has it */
};

struct nbd_queue {
	struct nbd_request *head;
	struct nbd_request **tail;
};

enum nbd_conn_state { CONN_FREE, CONN_OPEN, CONN_CLOSING, CONN_DEAD };

/* What the next byte received is, or what receiving waits for. */
enum nbd_rx_step { RX_HEADER, RX_BUFFER, RX_PAYLOAD, RX_DRAIN };

struct nbd_conn {
	struct nbd_frontend *nbd;
	uint32_t index;
	int fd;
	uint32_t with; /* NBD_WITH_ */
	enum nbd_conn_state state;

	/* Receiving (nbd_conn.c). */
	enum nbd_rx_step step;
	bool rx_busy; /* rx_op is in the ring */
	bool stalled; /* waits for a free request */
	struct ring_op rx_op;
	struct msghdr rx_msg;
	struct iovec rx_iov[2];
	char *rx; /* NBD_RX_BYTES */
	uint32_t rx_head;
	uint32_t rx_tail;
	struct nbd_request *rx_req; /* the one being received */
	uint32_t rx_left;           /* bytes of its payload to come */

	/* Sending (nbd_reply.c). */
	bool tx_busy;
	struct ring_op tx_op;
	struct msghdr tx_msg;
	struct iovec tx_iov[2 * NBD_REQUESTS_MAX];
	char tx_heads[NBD_REQUESTS_MAX * NBD_REPLY_HEAD_MAX];
	struct nbd_queue answered;
	struct nbd_request *sending;

	struct pool_share share;
	struct nbd_request *free;
	uint32_t in_use;
	uint32_t aside;            /* of these, over but held */
	struct nbd_request *again; /* to be asked again */
	struct nbd_request requests[NBD_SLOTS];
};

/* nbd_conn.c */
void nbd_conn_init(struct nbd_conn *c, struct nbd_frontend *nbd, uint32_t index,
		   char *rx);
void nbd_conn_open(struct nbd_conn *c, int fd, uint32_t with);
/* Go on with what waited for room, send, and be freed if it is time. */
void nbd_conn_turn(struct nbd_conn *c);
/* Receive no more. */
void nbd_conn_close(struct nbd_conn *c);
/* Send no more either. */
void nbd_conn_kill(struct nbd_conn *c);
void nbd_request_release(struct nbd_request *r);
/* A slow leg is done with it: raid_req.released. */
void nbd_request_released(struct raid_req *req);
/* The array says -EAGAIN. */
void nbd_request_again(struct nbd_request *r);

/* nbd_reply.c */
void nbd_reply_init(struct nbd_conn *c);
/* Put it in line; sent at the end of the turn. */
void nbd_reply(struct nbd_request *r, int res);
void nbd_reply_send(struct nbd_conn *c);
/* A dead connection's: nobody is there to read them. */
void nbd_reply_drop(struct nbd_conn *c);

/* nbd.c */
/* It has its payload: ask the array, or answer. */
void nbd_command_start(struct nbd_request *r);
/* Bytes of buffer that the request needs; 0: none. */
uint64_t nbd_command_buffer(const struct nbd_header *h);
/* This connection wants a turn. */
void nbd_wake(struct nbd_conn *c);
struct pool_buf *nbd_buffer_get(struct nbd_conn *c, uint64_t bytes);
/* A leg still reads into it; false: no more of these. */
bool nbd_buffer_put_aside(struct nbd_conn *c, struct pool_buf *buf);
void nbd_buffer_put(struct nbd_conn *c, struct pool_buf *buf, uint64_t used);
struct ring *nbd_ring(const struct nbd_conn *c);
uint64_t nbd_export_bytes(const struct nbd_conn *c);
/* Its client has left, though requests of it may still be at the array. */
void nbd_left(struct nbd_conn *c);
void nbd_gone(struct nbd_conn *c);

#endif
