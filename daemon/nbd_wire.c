/* SPDX-License-Identifier: MIT */
#include "nbd_wire.h"

#include <errno.h>

#include "nbd.h"

int
nbd_header_decode(const void *in, struct nbd_header *out)
{
	const char *at = in;

	if (be32_get(at) != NBD_REQUEST_MAGIC)
		return -EBADMSG;
	out->flags = be16_get(at + 4);
	out->type = be16_get(at + 6);
	out->cookie = be64_get(at + 8);
	out->offset = be64_get(at + 16);
	out->length = be32_get(at + 24);
	return 0;
}

uint32_t
nbd_header_payload(const struct nbd_header *h)
{
	return h->type == NBD_CMD_WRITE ? h->length : 0;
}

/* FUA is allowed, and means nothing, where nothing is written. */
static uint16_t
command_flags(uint16_t type)
{
	switch (type) {
	case NBD_CMD_READ:
		return NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_DF;
	case NBD_CMD_WRITE_ZEROES:
		return NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE |
		       NBD_CMD_FLAG_FAST_ZERO;
	case NBD_CMD_BLOCK_STATUS:
		return NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_REQ_ONE;
	default:
		return NBD_CMD_FLAG_FUA;
	}
}

static int
check_range(const struct nbd_header *h, uint64_t export_bytes, int beyond)
{
	if (h->length == 0)
		return -EINVAL;
	if (h->offset > export_bytes || h->length > export_bytes - h->offset)
		return beyond;
	return 0;
}

static int
check_transfer(const struct nbd_header *h, uint64_t export_bytes, int beyond)
{
	int rc = check_range(h, export_bytes, beyond);

	return !rc && h->length > NBD_TRANSFER_MAX ? -EINVAL : rc;
}

int
nbd_header_check(const struct nbd_header *h, uint64_t export_bytes,
		 uint32_t with)
{
	if (h->flags & ~command_flags(h->type))
		return -EINVAL;
	switch (h->type) {
	case NBD_CMD_READ:
		if ((h->flags & NBD_CMD_FLAG_DF) &&
		    !(with & NBD_WITH_STRUCTURED))
			return -EINVAL;
		return check_transfer(h, export_bytes, -EINVAL);
	case NBD_CMD_WRITE:
		return check_transfer(h, export_bytes, -ENOSPC);
	case NBD_CMD_FLUSH:
		return h->offset || h->length ? -EINVAL : 0;
	case NBD_CMD_TRIM:
	case NBD_CMD_CACHE:
		return check_range(h, export_bytes, -EINVAL);
	case NBD_CMD_WRITE_ZEROES:
		/* Zeroes that must be allocated are written: not fast. */
		if ((h->flags & NBD_CMD_FLAG_FAST_ZERO) &&
		    (h->flags & NBD_CMD_FLAG_NO_HOLE))
			return -EOPNOTSUPP;
		return check_range(h, export_bytes, -ENOSPC);
	case NBD_CMD_BLOCK_STATUS:
		if (!(with & NBD_WITH_ALLOCATION))
			return -EINVAL;
		return check_range(h, export_bytes, -EINVAL);
	default:
		return -EINVAL;
	}
}

uint32_t
nbd_errno(int res)
{
	switch (-res) {
	case 0:
		return NBD_OK;
	case EPERM:
	case EROFS:
		return NBD_EPERM;
	case ENOMEM:
		return NBD_ENOMEM;
	case EINVAL:
		return NBD_EINVAL;
	case ENOSPC:
		return NBD_ENOSPC;
	case EOVERFLOW:
		return NBD_EOVERFLOW;
	case EOPNOTSUPP:
		return NBD_ENOTSUP;
	case ESHUTDOWN:
		return NBD_ESHUTDOWN;
	default:
		return NBD_EIO;
	}
}

static uint32_t
simple_encode(char *out, const struct nbd_header *h, int res)
{
	out = be32_put(out, NBD_SIMPLE_REPLY_MAGIC);
	out = be32_put(out, nbd_errno(res));
	be64_put(out, h->cookie);
	return NBD_SIMPLE_REPLY_BYTES;
}

static char *
chunk_encode(char *out, const struct nbd_header *h, enum nbd_chunk type,
	     uint32_t length)
{
	out = be32_put(out, NBD_CHUNK_MAGIC);
	out = be16_put(out, NBD_CHUNK_DONE);
	out = be16_put(out, (uint16_t)type);
	out = be64_put(out, h->cookie);
	return be32_put(out, length);
}

uint32_t
nbd_reply_encode(char *out, const struct nbd_header *h, uint32_t with, int res,
		 uint32_t payload_bytes)
{
	char *start = out;

	/* The others may be answered in the short way even so. */
	if (!(with & NBD_WITH_STRUCTURED) ||
	    (h->type != NBD_CMD_READ && h->type != NBD_CMD_BLOCK_STATUS))
		return simple_encode(out, h, res);
	if (res) {
		out = chunk_encode(out, h, NBD_CHUNK_ERROR, 6);
		out = be32_put(out, nbd_errno(res));
		out = be16_put(out, 0); /* no text */
	} else if (h->type == NBD_CMD_READ) {
		out = chunk_encode(out, h, NBD_CHUNK_OFFSET_DATA,
				   8 + payload_bytes);
		out = be64_put(out, h->offset);
	} else {
		out = chunk_encode(out, h, NBD_CHUNK_BLOCK_STATUS,
				   4 + payload_bytes);
		out = be32_put(out, NBD_ALLOCATION_CONTEXT);
	}
	return (uint32_t)(out - start);
}

uint32_t
nbd_extents_encode(char *out, uint32_t extents_max, const uint8_t *map,
		   uint32_t block_bytes, uint64_t offset, uint32_t length)
{
	char *start = out;
	uint64_t end = offset + length;
	uint64_t first = offset / block_bytes;

	for (uint32_t i = 0; i < extents_max && offset < end; i++) {
		uint64_t block = offset / block_bytes;
		bool written = map[block - first];

		do
			block++;
		while (block * block_bytes < end &&
		       !map[block - first] == !written);
		uint64_t next = block * block_bytes;

		if (next > end)
			next = end;
		out = be32_put(out, (uint32_t)(next - offset));
		out = be32_put(out,
			       written ? 0 : NBD_STATE_HOLE | NBD_STATE_ZERO);
		offset = next;
	}
	return (uint32_t)(out - start);
}
