/* SPDX-License-Identifier: MIT */
/*
 * Reading an export over raidd's NBD socket: just what verify needs, one
 * request at a time.
 */
#ifndef RAIDCTL_NBD_READ_H
#define RAIDCTL_NBD_READ_H

#include <stdint.h>

struct nbd_reader {
	int fd;
	uint64_t bytes; /* of the export */
};

/* 0; -errno; -EPROTO: what answered is no NBD server of that export. */
int nbd_reader_open(struct nbd_reader *r, const char *socket, const char *name);
void nbd_reader_close(struct nbd_reader *r);

/* 0; -EIO: that is the answer, and another may be asked for; other -errno: the
 * connection is of no use any more. */
int nbd_reader_read(struct nbd_reader *r, uint64_t offset, uint32_t length,
		    void *buf);

#endif
