/* SPDX-License-Identifier: MIT */
/*
 * Each option is received whole, bounded, and then decoded; lengths inside it
 * are checked against what is there before anything is made of them.  Nothing
 * here is CHECKed that a client decides.
 *
 * Replies are composed in out, which is empty when a step begins.  A list that
 * would not fit is refused as too big rather than cut.
 */
#include "nbd_negotiate.h"

#include <errno.h>
#include <stdio.h>

#include "check.h"
#include "nbd.h"
#include "nbd_wire.h"

#define EXPORT_FLAGS                                                          \
	(NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA |       \
	 NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_SEND_DF | \
	 NBD_FLAG_CAN_MULTI_CONN | NBD_FLAG_SEND_CACHE |                      \
	 NBD_FLAG_SEND_FAST_ZERO)
#define EXPORT_FLAGS_READ_ONLY                                           \
	(NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_SEND_FLUSH | \
	 NBD_FLAG_SEND_DF | NBD_FLAG_CAN_MULTI_CONN | NBD_FLAG_SEND_CACHE)
#define EXPORT_NAME_PADDING 124u

static void
want(struct nbd_negotiation *n, enum nbd_negotiation_state state,
     uint32_t bytes)
{
	n->state = state;
	n->want = bytes;
	n->in_bytes = 0;
}

static void
close_it(struct nbd_negotiation *n)
{
	n->state = NBD_NEGOTIATE_CLOSED;
	n->want = 0;
	n->in_bytes = 0;
}

/* False, and the answer dropped, if out has no room. */
static bool
put_reply(struct nbd_negotiation *n, uint32_t type, const void *data,
	  uint32_t bytes)
{
	if (sizeof(n->out) - n->out_bytes < NBD_OPTION_REPLY_BYTES + bytes)
		return false;
	char *at = n->out + n->out_bytes;

	at = be64_put(at, NBD_REPLY_MAGIC);
	at = be32_put(at, n->option);
	at = be32_put(at, type);
	at = be32_put(at, bytes);
	if (bytes)
		memcpy(at, data, bytes);
	n->out_bytes += NBD_OPTION_REPLY_BYTES + bytes;
	return true;
}

/* The only answer, or the one after which nothing of the others counts. */
static void
put_last(struct nbd_negotiation *n, uint32_t type, const char *text)
{
	n->out_bytes = 0;
	bool fits = put_reply(n, type, text, (uint32_t)strlen(text));

	CHECK(fits);
}

static void
put_ack(struct nbd_negotiation *n)
{
	if (!put_reply(n, NBD_REP_ACK, NULL, 0))
		put_last(n, NBD_REP_ERR_TOO_BIG, "the answer is too long");
}

void
nbd_negotiate_init(struct nbd_negotiation *n, const struct nbd_lookup *lookup)
{
	memset(n, 0, offsetof(struct nbd_negotiation, in));
	n->lookup = lookup;
	char *at = be64_put(n->out, NBD_MAGIC);

	at = be64_put(at, NBD_OPTION_MAGIC);
	be16_put(at, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	n->out_bytes = NBD_GREETING_BYTES;
	want(n, NBD_NEGOTIATE_FLAGS, NBD_CLIENT_FLAGS_BYTES);
}

static void
step_flags(struct nbd_negotiation *n)
{
	uint32_t flags = be32_get(n->in);

	if (flags & ~(uint32_t)(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)) {
		close_it(n);
		return;
	}
	n->fixed = flags & NBD_FLAG_FIXED_NEWSTYLE;
	n->no_zeroes = flags & NBD_FLAG_NO_ZEROES;
	want(n, NBD_NEGOTIATE_OPTION, NBD_OPTION_BYTES);
}

/* A string of the client as ours: bounded, without a zero inside. */
static bool
string_copy(char *out, size_t out_bytes, const char *in, uint32_t bytes)
{
	if (bytes >= out_bytes || memchr(in, 0, bytes))
		return false;
	memcpy(out, in, bytes);
	out[bytes] = '\0';
	return true;
}

/* What an option's data holds, taken from its front. */
struct cursor {
	const char *at;
	uint32_t left;
};

static bool
take_u32(struct cursor *c, uint32_t *out)
{
	if (c->left < 4)
		return false;
	*out = be32_get(c->at);
	c->at += 4;
	c->left -= 4;
	return true;
}

static bool
take_u16(struct cursor *c, uint16_t *out)
{
	if (c->left < 2)
		return false;
	*out = be16_get(c->at);
	c->at += 2;
	c->left -= 2;
	return true;
}

static bool
take_bytes(struct cursor *c, uint32_t bytes, const char **out)
{
	if (c->left < bytes)
		return false;
	*out = c->at;
	c->at += bytes;
	c->left -= bytes;
	return true;
}

/* A 32-bit length and that many bytes. */
static bool
take_string(struct cursor *c, const char **out, uint32_t *bytes)
{
	return take_u32(c, bytes) && *bytes <= NBD_STRING_MAX &&
	       take_bytes(c, *bytes, out);
}

static int
find_export(struct nbd_negotiation *n, const char *name, uint32_t bytes,
	    struct nbd_export *out)
{
	char word[sizeof(out->name)];

	if (!string_copy(word, sizeof(word), name, bytes))
		return -ENOENT;
	return n->lookup->find(n->lookup->arg, word, out);
}

static void
put_no_export(struct nbd_negotiation *n, int rc)
{
	if (rc == -EMFILE)
		put_last(n, NBD_REP_ERR_POLICY,
			 "the array has all the connections it takes");
	else
		put_last(n, NBD_REP_ERR_UNKNOWN, "no such array is running");
}

static char *
put_export(char *at, const struct nbd_export *export)
{
	at = be64_put(at, export->bytes);
	return be16_put(at, export->read_only ? EXPORT_FLAGS_READ_ONLY
					      : EXPORT_FLAGS);
}

/* No reply, no error: it is how the protocol began. */
static void
option_export_name(struct nbd_negotiation *n)
{
	int rc = find_export(n, n->in, n->in_bytes, &n->export);

	if (rc) {
		close_it(n);
		return;
	}
	char *at = put_export(n->out, &n->export);

	if (!n->no_zeroes) {
		memset(at, 0, EXPORT_NAME_PADDING);
		at += EXPORT_NAME_PADDING;
	}
	n->out_bytes = (uint32_t)(at - n->out);
	n->state = NBD_NEGOTIATE_TRANSMISSION;
}

static void
option_list(struct nbd_negotiation *n)
{
	struct nbd_export export;
	char item[4 + sizeof(export.name)];

	if (n->in_bytes) {
		put_last(n, NBD_REP_ERR_INVALID, "LIST takes no data");
		return;
	}
	for (unsigned i = 0; !n->lookup->at(n->lookup->arg, i, &export); i++) {
		uint32_t bytes = (uint32_t)strlen(export.name);

		be32_put(item, bytes);
		memcpy(item + 4, export.name, bytes);
		if (!put_reply(n, NBD_REP_SERVER, item, 4 + bytes)) {
			put_last(n, NBD_REP_ERR_TOO_BIG, "too many arrays");
			return;
		}
	}
	put_ack(n);
}

static bool
put_info_text(struct nbd_negotiation *n, enum nbd_info kind, const char *text)
{
	char item[2 + sizeof(n->export.description)];
	uint32_t bytes = (uint32_t)strlen(text);

	CHECK(bytes <= sizeof(item) - 2);

	be16_put(item, (uint16_t)kind);
	memcpy(item + 2, text, bytes);
	return put_reply(n, NBD_REP_INFO, item, 2 + bytes);
}

static bool
put_info_sizes(struct nbd_negotiation *n, const struct nbd_export *export)
{
	char item[14];
	char *at = be16_put(item, NBD_INFO_BLOCK_SIZE);

	at = be32_put(at, export->block_bytes);
	at = be32_put(at, export->preferred_bytes);
	be32_put(at, NBD_TRANSFER_MAX);
	return put_reply(n, NBD_REP_INFO, item, sizeof(item));
}

static bool
put_info_export(struct nbd_negotiation *n, const struct nbd_export *export)
{
	char item[12];

	put_export(be16_put(item, NBD_INFO_EXPORT), export);
	return put_reply(n, NBD_REP_INFO, item, sizeof(item));
}

static bool
put_infos(struct nbd_negotiation *n, const struct nbd_export *export,
	  struct cursor *c, uint16_t count)
{
	bool fits = put_info_export(n, export);
	uint16_t kind;

	while (count-- && fits && take_u16(c, &kind)) {
		if (kind == NBD_INFO_NAME)
			fits = put_info_text(n, NBD_INFO_NAME, export->name);
		else if (kind == NBD_INFO_DESCRIPTION)
			fits = put_info_text(n, NBD_INFO_DESCRIPTION,
					     export->description);
	}
	/* The sizes are told to everybody, asked or not. */
	return fits && put_info_sizes(n, export);
}

static void
option_go(struct nbd_negotiation *n)
{
	struct cursor c = {n->in, n->in_bytes};
	struct nbd_export export;
	const char *name;
	uint32_t name_bytes;
	uint16_t count;

	if (!take_string(&c, &name, &name_bytes) || !take_u16(&c, &count) ||
	    c.left != 2u * count) {
		put_last(n, NBD_REP_ERR_INVALID, "lengths do not agree");
		return;
	}
	int rc = find_export(n, name, name_bytes, &export);

	if (rc) {
		put_no_export(n, rc);
		return;
	}
	if (!put_infos(n, &export, &c, count)) {
		put_last(n, NBD_REP_ERR_TOO_BIG, "too many questions");
		return;
	}
	put_ack(n);
	if (n->option == NBD_OPT_INFO)
		return;
	n->export = export;
	/* A context belongs to the export it was selected for. */
	if (strcmp(n->context_export, export.name) != 0)
		n->with &= ~(uint32_t)NBD_WITH_ALLOCATION;
	n->state = NBD_NEGOTIATE_TRANSMISSION;
}

static void
option_structured_reply(struct nbd_negotiation *n)
{
	if (n->in_bytes) {
		put_last(n, NBD_REP_ERR_INVALID,
			 "STRUCTURED_REPLY takes no data");
		return;
	}
	n->with |= NBD_WITH_STRUCTURED;
	put_ack(n);
}

static bool
query_is(const char *query, uint32_t bytes, const char *word)
{
	return bytes == strlen(word) && memcmp(query, word, bytes) == 0;
}

/* Do the queries name our context?  False: they are not well formed. */
static bool
queries_match(struct nbd_negotiation *n, struct cursor *c, uint32_t count,
	      bool *match)
{
	bool list = n->option == NBD_OPT_LIST_META_CONTEXT;

	/* Listing without a query lists all. */
	*match = list && count == 0;
	while (count--) {
		const char *query;
		uint32_t bytes;

		if (!take_string(c, &query, &bytes))
			return false;
		if (query_is(query, bytes, NBD_ALLOCATION_NAME) ||
		    (list && query_is(query, bytes, "base:")))
			*match = true;
	}
	return c->left == 0;
}

static void
put_context(struct nbd_negotiation *n, bool match)
{
	char item[4 + sizeof(NBD_ALLOCATION_NAME) - 1];

	if (match) {
		be32_put(item, n->option == NBD_OPT_SET_META_CONTEXT
				       ? NBD_ALLOCATION_CONTEXT
				       : 0);
		memcpy(item + 4, NBD_ALLOCATION_NAME, sizeof(item) - 4);
		(void)put_reply(n, NBD_REP_META_CONTEXT, item, sizeof(item));
	}
	put_ack(n);
}

static void
option_meta_context(struct nbd_negotiation *n)
{
	struct cursor c = {n->in, n->in_bytes};
	struct nbd_export export;
	const char *name;
	uint32_t name_bytes;
	uint32_t count;
	bool match;

	/* What was selected before is gone, whatever comes of this. */
	if (n->option == NBD_OPT_SET_META_CONTEXT)
		n->with &= ~(uint32_t)NBD_WITH_ALLOCATION;
	if (!(n->with & NBD_WITH_STRUCTURED)) {
		put_last(n, NBD_REP_ERR_INVALID,
			 "structured replies come first");
		return;
	}
	if (!take_string(&c, &name, &name_bytes) || !take_u32(&c, &count) ||
	    !queries_match(n, &c, count, &match)) {
		put_last(n, NBD_REP_ERR_INVALID, "lengths do not agree");
		return;
	}
	int rc = find_export(n, name, name_bytes, &export);

	if (rc) {
		put_no_export(n, rc);
		return;
	}
	if (match && n->option == NBD_OPT_SET_META_CONTEXT) {
		n->with |= NBD_WITH_ALLOCATION;
		memcpy(n->context_export, export.name,
		       sizeof(n->context_export));
	}
	put_context(n, match);
}

static void
step_data(struct nbd_negotiation *n)
{
	switch (n->option) {
	case NBD_OPT_EXPORT_NAME:
		option_export_name(n);
		break;
	case NBD_OPT_ABORT:
		put_ack(n);
		close_it(n);
		break;
	case NBD_OPT_LIST:
		option_list(n);
		break;
	case NBD_OPT_INFO:
	case NBD_OPT_GO:
		option_go(n);
		break;
	case NBD_OPT_STRUCTURED_REPLY:
		option_structured_reply(n);
		break;
	case NBD_OPT_LIST_META_CONTEXT:
	case NBD_OPT_SET_META_CONTEXT:
		option_meta_context(n);
		break;
	default:
		put_last(n, NBD_REP_ERR_UNSUP, "");
	}
	if (n->state == NBD_NEGOTIATE_DATA)
		want(n, NBD_NEGOTIATE_OPTION, NBD_OPTION_BYTES);
}

static void
step_option(struct nbd_negotiation *n)
{
	uint32_t bytes = be32_get(n->in + 12);

	n->option = be32_get(n->in + 8);
	if (be64_get(n->in) != NBD_OPTION_MAGIC ||
	    bytes > NBD_OPTION_DATA_MAX || ++n->options > NBD_OPTIONS_MAX ||
	    (!n->fixed && n->option != NBD_OPT_EXPORT_NAME)) {
		close_it(n);
		return;
	}
	want(n, NBD_NEGOTIATE_DATA, bytes);
	if (bytes == 0)
		step_data(n);
}

void
nbd_negotiate_step(struct nbd_negotiation *n)
{
	CHECK(n->in_bytes == n->want);
	CHECK(n->out_bytes == 0);
	switch (n->state) {
	case NBD_NEGOTIATE_FLAGS:
		step_flags(n);
		break;
	case NBD_NEGOTIATE_OPTION:
		step_option(n);
		break;
	case NBD_NEGOTIATE_DATA:
		step_data(n);
		break;
	case NBD_NEGOTIATE_TRANSMISSION:
	case NBD_NEGOTIATE_CLOSED:
		break;
	}
}
