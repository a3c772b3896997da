/* SPDX-License-Identifier: MIT */
/*
 * The NBD front end's transmission side: the connections of one volume, on
 * its engine thread (nbd.c).  They share one pool of buffers.
 */
#ifndef RAIDD_NBD_FRONTEND_H
#define RAIDD_NBD_FRONTEND_H

#include <stdbool.h>
#include <stdint.h>

struct frontend;
struct raid;
struct ring;

#define NBD_CONNECTIONS_MAX 16u

struct nbd_frontend_config {
	struct ring *ring;
	struct raid *raid;
	uint32_t block_bytes;
	bool lock_memory;
};

/* How much of the ring it may need at a time. */
uint32_t nbd_frontend_in_flight_max(void);

/* 0 or -errno. */
int nbd_frontend_open(struct frontend **out,
		      const struct nbd_frontend_config *cfg, bool *locked);

/* The socket becomes the front end's.  flags: NBD_WITH_ (nbd.h).  0;
 * -EMFILE: it has all the connections it takes; -ESHUTDOWN: stopped.  On an
 * error the socket stays the caller's. */
int nbd_frontend_take(struct frontend *fe, int fd, uint32_t flags);

/* Any thread. */
uint32_t nbd_frontend_connections(const struct frontend *fe);

#endif
