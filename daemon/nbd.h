/* SPDX-License-Identifier: MIT */
/*
 * The NBD front end.  Negotiation (nbd_server.c) runs on the control thread:
 * listening sockets, option haggling, a deadline for each client.  When a
 * client has chosen an export its socket goes to the volume, whose engine
 * thread serves the transmission phase (nbd.c).
 */
#ifndef RAIDD_NBD_H
#define RAIDD_NBD_H

#include <stdbool.h>
#include <stdint.h>

struct poller;
struct volume;
struct nbd_server;

/* What a client negotiated: volume_take_nbd's flags. */
enum {
	NBD_WITH_STRUCTURED = 1 << 0, /* structured replies */
	NBD_WITH_ALLOCATION = 1 << 1, /* base:allocation for BLOCK_STATUS */
	/* Not the client's choice: each write is durable when answered.  A
	 * client that connects again after this host lost power would flush
	 * what is not there any more, and be told that all is well. */
	NBD_WITH_WRITE_THROUGH = 1 << 2,
};

/* Exports: how the server finds volumes.  Control thread. */
struct nbd_exports {
	struct volume *(*find)(void *arg, const char *name);
	/* index 0, 1, ... until NULL. */
	struct volume *(*at)(void *arg, unsigned index);
	void *arg;
};

struct nbd_listen {
	const char *unix_path; /* mode 0600; an abandoned one is replaced */
	const char *tcp;       /* NULL, or "address:port", loopback only */
	bool unix_write_through;
	bool tcp_write_through;
};

/* 0 or -errno. */
int nbd_server_start(struct nbd_server **out, struct poller *p,
		     const struct nbd_exports *exports,
		     const struct nbd_listen *listen);
void nbd_server_stop(struct nbd_server *s);

#endif
