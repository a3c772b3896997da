/* SPDX-License-Identifier: MIT */
#include "nbd_read.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GREETING_MAGIC  0x4e42444d41474943ull
#define OPTION_MAGIC    0x49484156454f5054ull
#define REQUEST_MAGIC   0x25609513u
#define REPLY_MAGIC     0x67446698u
#define OPT_EXPORT_NAME 1u
#define FIXED_NO_ZEROES 3u
#define CMD_READ        0u
#define NBD_EIO         5u

struct nbd_request {
	uint32_t magic;
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;
	uint64_t offset;
	uint32_t length;
} __attribute__((packed));

struct nbd_reply {
	uint32_t magic;
	uint32_t error;
	uint64_t cookie;
} __attribute__((packed));

static int
send_all(int fd, const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes) {
		ssize_t n = send(fd, at, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int
receive_all(int fd, void *data, size_t bytes)
{
	char *at = data;

	while (bytes) {
		ssize_t n = recv(fd, at, bytes, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ECONNRESET;
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int
reader_connect(struct nbd_reader *r, const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (snprintf(to.sun_path, sizeof(to.sun_path), "%s", path) >=
	    (int)sizeof(to.sun_path))
		return -ENAMETOOLONG;
	r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (r->fd < 0)
		return -errno;
	return connect(r->fd, (const struct sockaddr *)&to, sizeof(to)) < 0
		       ? -errno
		       : 0;
}

/* The oldest way to choose an export: its size and flags are the answer. */
static int
reader_negotiate(struct nbd_reader *r, const char *name)
{
	struct {
		uint64_t greeting, option;
		uint16_t flags;
	} __attribute__((packed)) hello;
	struct {
		uint32_t flags;
		uint64_t magic;
		uint32_t option, length;
	} __attribute__((packed)) choose = {
		.flags = htobe32(FIXED_NO_ZEROES),
		.magic = htobe64(OPTION_MAGIC),
		.option = htobe32(OPT_EXPORT_NAME),
		.length = htobe32((uint32_t)strlen(name)),
	};
	struct {
		uint64_t bytes;
		uint16_t flags;
	} __attribute__((packed)) export;
	int err = receive_all(r->fd, &hello, sizeof(hello));

	if (!err && (be64toh(hello.greeting) != GREETING_MAGIC ||
		     be64toh(hello.option) != OPTION_MAGIC))
		err = -EPROTO;
	if (!err)
		err = send_all(r->fd, &choose, sizeof(choose));
	if (!err)
		err = send_all(r->fd, name, strlen(name));
	if (!err)
		err = receive_all(r->fd, &export, sizeof(export));
	if (!err)
		r->bytes = be64toh(export.bytes);
	return err;
}

int
nbd_reader_open(struct nbd_reader *r, const char *socket, const char *name)
{
	int err;

	*r = (struct nbd_reader){.fd = -1};
	err = reader_connect(r, socket);
	if (!err)
		err = reader_negotiate(r, name);
	if (err)
		nbd_reader_close(r);
	return err;
}

void
nbd_reader_close(struct nbd_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

int
nbd_reader_read(struct nbd_reader *r, uint64_t offset, uint32_t length,
		void *buf)
{
	struct nbd_request ask = {
		.magic = htobe32(REQUEST_MAGIC),
		.type = htobe16(CMD_READ),
		.cookie = offset,
		.offset = htobe64(offset),
		.length = htobe32(length),
	};
	struct nbd_reply reply;
	int err = send_all(r->fd, &ask, sizeof(ask));

	if (!err)
		err = receive_all(r->fd, &reply, sizeof(reply));
	if (err)
		return err;
	if (be32toh(reply.magic) != REPLY_MAGIC || reply.cookie != ask.cookie)
		return -EPROTO;
	if (be32toh(reply.error) == NBD_EIO)
		return -EIO;
	if (reply.error)
		return -ECONNABORTED;
	return receive_all(r->fd, buf, length);
}
