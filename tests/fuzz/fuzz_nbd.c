/* SPDX-License-Identifier: MIT */
/*
 * A client's side of NBD: what it sends while negotiating, then the heads of
 * its requests.
 *
 * An input is what the client sends.  A server of two exports negotiates;
 * what is left when it has chosen one is cut into request heads.  A block
 * status is encoded over a map made of the input.
 *
 * Built with -DFUZZ_LIBFUZZER -fsanitize=fuzzer it is driven by libFuzzer,
 * else replay.c hands it the files it is given.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fuzzer.h"
#include "nbd.h"
#include "nbd_negotiate.h"
#include "nbd_wire.h"

#define EXPORT_BYTES (1ull << 30)
#define EXTENTS_MAX  64u

static int
export_at(void *arg, unsigned index, struct nbd_export *out)
{
	static const char *const names[] = {"a", "messagebox"};

	(void)arg;
	if (index >= ARRAY_SIZE(names))
		return -ENOENT;
	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", names[index]);
	snprintf(out->description, sizeof(out->description), "array %s",
		 names[index]);
	out->bytes = EXPORT_BYTES;
	out->block_bytes = 512;
	out->preferred_bytes = 4096;
	return 0;
}

static int
export_find(void *arg, const char *name, struct nbd_export *out)
{
	if (strcmp(name, "full") == 0)
		return -EMFILE;
	for (unsigned i = 0; export_at(arg, i, out) == 0; i++)
		if (strcmp(name, out->name) == 0)
			return 0;
	return -ENOENT;
}

/* Bytes taken. */
static size_t
negotiate(struct nbd_negotiation *n, const uint8_t *data, size_t size)
{
	static const struct nbd_lookup lookup = {
		.find = export_find,
		.at = export_at,
	};
	size_t taken = 0;

	nbd_negotiate_init(n, &lookup);
	for (;;) {
		CHECK(n->out_bytes <= sizeof(n->out));
		CHECK(n->want <= sizeof(n->in));
		n->out_bytes = 0;
		if (n->state == NBD_NEGOTIATE_CLOSED ||
		    n->state == NBD_NEGOTIATE_TRANSMISSION)
			return taken;
		CHECK(n->want > n->in_bytes);
		if (size - taken < n->want)
			return taken;
		memcpy(n->in, data + taken, n->want);
		taken += n->want;
		n->in_bytes = n->want;
		nbd_negotiate_step(n);
	}
}

static void
status_try(const struct nbd_header *h, const uint8_t *map, size_t map_bytes)
{
	char out[EXTENTS_MAX * NBD_EXTENT_BYTES];
	uint64_t first = h->offset / 4096;
	uint64_t last = (h->offset + h->length - 1) / 4096;
	uint64_t total = 0;

	if (last - first >= map_bytes)
		return;
	uint32_t bytes = nbd_extents_encode(out, EXTENTS_MAX, map, 4096,
					    h->offset, h->length);

	CHECK(bytes > 0);
	CHECK(bytes <= sizeof(out));
	for (uint32_t i = 0; i < bytes; i += NBD_EXTENT_BYTES) {
		CHECK(be32_get(out + i) > 0);
		total += be32_get(out + i);
	}
	CHECK(total <= h->length);
	CHECK(total == h->length || bytes == sizeof(out));
}

static void
request_try(const uint8_t *data, size_t left, uint32_t with)
{
	char head[NBD_REPLY_HEAD_MAX];
	struct nbd_header h;

	if (nbd_header_decode(data, &h))
		return;
	int rc = nbd_header_check(&h, EXPORT_BYTES, with);

	CHECK(rc <= 0);
	CHECK(nbd_reply_encode(head, &h, with, rc, 0) <= sizeof(head));
	CHECK(nbd_reply_encode(head, &h, with, 0, 8) <= sizeof(head));
	if (rc || h.type == NBD_CMD_FLUSH)
		return;
	CHECK(h.length > 0);
	CHECK(h.offset < EXPORT_BYTES);
	CHECK(h.length <= EXPORT_BYTES - h.offset);
	CHECK(nbd_header_payload(&h) <= NBD_TRANSFER_MAX);
	status_try(&h, data, left);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nbd_negotiation n;
	size_t taken = negotiate(&n, data, size);

	for (; size - taken >= NBD_REQUEST_BYTES; taken += NBD_REQUEST_BYTES)
		request_try(data + taken, size - taken, n.with);
	return 0;
}
