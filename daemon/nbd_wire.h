/* SPDX-License-Identifier: MIT */
/*
 * A request as it comes over the wire, decoded and judged; a reply's head and
 * a block status, encoded.  Pure: no socket, no state.
 */
#ifndef RAIDD_NBD_WIRE_H
#define RAIDD_NBD_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "nbd_proto.h"

#define NBD_TRANSFER_MAX (64u << 20) /* READ and WRITE: bytes */

/* Most bytes of any reply's head (without data). */
#define NBD_REPLY_HEAD_MAX 32u

struct nbd_header {
	uint16_t flags;
	uint16_t type; /* enum nbd_command, or anything else */
	uint64_t cookie;
	uint64_t offset;
	uint32_t length;
};

/* in: NBD_REQUEST_BYTES.  0; -EBADMSG: that is no request, and nothing after
 * it can be made sense of. */
int nbd_header_decode(const void *in, struct nbd_header *out);

/*
 * May it be carried out?  export_bytes: the size; with: NBD_WITH_ (nbd.h).
 * 0, or the -errno to answer.  After 0 its range lies within the export.
 */
int nbd_header_check(const struct nbd_header *h, uint64_t export_bytes,
		     uint32_t with);

/* Bytes that follow the header on the wire, allowed or not. */
uint32_t nbd_header_payload(const struct nbd_header *h);

/* The protocol's number for 0 or -errno. */
uint32_t nbd_errno(int res);

/* The head of the reply to h; payload_bytes of data follow it.  Returns its
 * length. */
uint32_t nbd_reply_encode(char *out, const struct nbd_header *h, uint32_t with,
			  int res, uint32_t payload_bytes);

/*
 * Turn RAID_MAP's bytes (one per block of block_bytes touched) into extents of
 * the base:allocation context.  At most extents_max; one if the client asked
 * for one.  out: 8 bytes each.  Returns bytes written.
 */
#define NBD_EXTENT_BYTES 8u
uint32_t nbd_extents_encode(char *out, uint32_t extents_max, const uint8_t *map,
			    uint32_t block_bytes, uint64_t offset,
			    uint32_t length);

#define NBD_ALLOCATION_CONTEXT 1u
#define NBD_ALLOCATION_NAME    "base:allocation"

#endif
