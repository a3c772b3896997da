/* SPDX-License-Identifier: MIT */
/*
 * The server's side of NBD negotiation (fixed newstyle), as a pure state
 * machine: bytes in, bytes out.  No socket, no clock, so that a fuzzer can
 * talk to it.
 *
 * The caller loops:
 *   - send what is in out, until out_bytes is 0;
 *   - then receive exactly want - in_bytes bytes to in + in_bytes, never more:
 *     what follows may be the volume's;
 *   - with in_bytes == want call nbd_negotiate_step().
 */
#ifndef RAIDD_NBD_NEGOTIATE_H
#define RAIDD_NBD_NEGOTIATE_H

#include <stdbool.h>
#include <stdint.h>

#include "nbd_proto.h"

/* A longer option ends the connection: reading it would be work for nothing.
 * (As many options as a client may send, too.) */
#define NBD_OPTION_DATA_MAX (64u << 10)
#define NBD_OPTIONS_MAX     128u
#define NBD_OUT_BYTES       (64u << 10)

struct nbd_export {
	char name[64];
	uint64_t bytes;
	uint32_t block_bytes; /* smallest that keeps its promises */
	uint32_t preferred_bytes;
	bool read_only;
	char description[128];
};

struct nbd_lookup {
	/* The export of that name ("": the only one).  0; -ENOENT; -EMFILE:
	 * it takes no more connections. */
	int (*find)(void *arg, const char *name, struct nbd_export *out);
	/* index 0, 1, ...; -ENOENT: there are no more. */
	int (*at)(void *arg, unsigned index, struct nbd_export *out);
	void *arg;
};

/*
 *  FLAGS --> OPTION <--> DATA --> TRANSMISSION
 *     \         \          \
 *      +---------+----------+---> CLOSED
 *
 * FLAGS:        the greeting is out, the client's flags are wanted.
 * OPTION:       an option's head is wanted.
 * DATA:         its data is wanted.
 * TRANSMISSION: when out is sent, the socket is the chosen export's.
 * CLOSED:       when out is sent, the connection ends.
 */
enum nbd_negotiation_state {
	NBD_NEGOTIATE_FLAGS,
	NBD_NEGOTIATE_OPTION,
	NBD_NEGOTIATE_DATA,
	NBD_NEGOTIATE_TRANSMISSION,
	NBD_NEGOTIATE_CLOSED,
};

struct nbd_negotiation {
	enum nbd_negotiation_state state;
	const struct nbd_lookup *lookup;

	/* The result. */
	struct nbd_export export;
	uint32_t with; /* NBD_WITH_ (nbd.h) */

	bool fixed;     /* the client speaks fixed newstyle */
	bool no_zeroes; /* EXPORT_NAME's padding is not wanted */
	uint32_t options;
	uint32_t option;         /* being received */
	char context_export[64]; /* whose context was selected */

	uint32_t want;
	uint32_t in_bytes;
	uint32_t out_bytes;
	char in[NBD_OPTION_DATA_MAX];
	char out[NBD_OUT_BYTES];
};

void nbd_negotiate_init(struct nbd_negotiation *n,
			const struct nbd_lookup *lookup);
void nbd_negotiate_step(struct nbd_negotiation *n);

#endif
