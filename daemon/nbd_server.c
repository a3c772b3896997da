/* SPDX-License-Identifier: MIT */
/*
 * The NBD front end's door: listening sockets, and clients until they have
 * chosen an export.  Control thread; nothing here waits.
 *
 * A client has ten seconds, and there are 64 at most; memory for one is taken
 * when it connects and is bounded.  Where 64 negotiate, more are turned away.
 */
#include "nbd.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "log.h"
#include "nbd_frontend.h"
#include "nbd_negotiate.h"
#include "poll.h"
#include "volume.h"

#define CLIENTS_MAX    64u
#define NEGOTIATION_NS 10000000000u
#define BACKLOG        128
#define PAUSE_NS       100000000u
/* Sent at once from here on; the kernel may grant less. */
#define SOCKET_BUFFER_BYTES (1 << 20)

struct nbd_server;

struct client {
	struct nbd_server *server;
	struct client *next;
	int fd;
	struct poll_watch *watch;
	struct poll_watch *deadline;
	uint32_t with; /* its listener's */
	uint32_t out_sent;
	bool sending; /* the watch is for EPOLLOUT */
	struct nbd_negotiation negotiation;
};

struct listener {
	struct nbd_server *server;
	int fd; /* -1: none */
	bool tcp;
	uint32_t with; /* what its clients get unasked: NBD_WITH_ */
	struct poll_watch *watch;
	struct poll_watch *pause; /* until it accepts again */
};

struct nbd_server {
	struct poller *poller;
	struct nbd_exports exports;
	struct nbd_lookup lookup;
	struct listener unix_listener;
	struct listener tcp_listener;
	struct sockaddr_un unix_address;
	struct client *clients;
	uint32_t client_count;
};

static void
export_describe(struct volume *v, struct nbd_export *out)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", volume_name(v));
	snprintf(out->description, sizeof(out->description),
		 "RAID 1+0 array %.64s", volume_name(v));
	out->bytes = volume_bytes(v);
	out->block_bytes = volume_block_bytes(v);
	out->preferred_bytes = 4096;
}

/* The default export, "", is the only one there is. */
static struct volume *
server_find_volume(const struct nbd_server *s, const char *name)
{
	if (name[0])
		return s->exports.find(s->exports.arg, name);
	if (s->exports.at(s->exports.arg, 1))
		return NULL;
	return s->exports.at(s->exports.arg, 0);
}

static int
server_find(void *arg, const char *name, struct nbd_export *out)
{
	struct volume *v = server_find_volume(arg, name);

	if (!v)
		return -ENOENT;
	if (volume_connections(v) >= NBD_CONNECTIONS_MAX)
		return -EMFILE;
	export_describe(v, out);
	return 0;
}

static int
server_at(void *arg, unsigned index, struct nbd_export *out)
{
	struct nbd_server *s = arg;
	struct volume *v = s->exports.at(s->exports.arg, index);

	if (!v)
		return -ENOENT;
	export_describe(v, out);
	return 0;
}

/* The socket is closed unless it was given away. */
static void
client_free(struct client *c)
{
	struct nbd_server *s = c->server;
	struct client **at = &s->clients;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	s->client_count--;
	if (c->watch)
		poll_remove(c->watch);
	if (c->deadline)
		poll_remove(c->deadline);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static void
client_hand_over(struct client *c)
{
	const struct nbd_negotiation *n = &c->negotiation;
	struct volume *v = server_find_volume(c->server, n->export.name);
	int fd = c->fd;

	c->fd = -1;
	poll_remove(c->watch);
	c->watch = NULL;
	if (!v || volume_take_nbd(v, fd, n->with | c->with))
		close(fd);
}

/* Positive: so many; 0: not now; -errno: it is over. */
static ssize_t
again(ssize_t rc)
{
	if (rc > 0)
		return rc;
	if (rc < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return rc < 0 ? -errno : -ECONNRESET;
}

static ssize_t
client_send(struct client *c)
{
	struct nbd_negotiation *n = &c->negotiation;
	ssize_t put = again(send(c->fd, n->out + c->out_sent,
				 n->out_bytes - c->out_sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL));

	if (put <= 0)
		return put;
	c->out_sent += (uint32_t)put;
	if (c->out_sent == n->out_bytes) {
		c->out_sent = 0;
		n->out_bytes = 0;
	}
	return put;
}

static ssize_t
client_receive(struct client *c)
{
	struct nbd_negotiation *n = &c->negotiation;
	ssize_t got = again(recv(c->fd, n->in + n->in_bytes,
				 n->want - n->in_bytes, MSG_DONTWAIT));

	if (got <= 0)
		return got;
	n->in_bytes += (uint32_t)got;
	if (n->in_bytes == n->want)
		nbd_negotiate_step(n);
	return got;
}

/* As client_send; also -EPIPE where the negotiation is over. */
static ssize_t
client_advance(struct client *c)
{
	struct nbd_negotiation *n = &c->negotiation;

	if (n->out_bytes)
		return client_send(c);
	if (n->state == NBD_NEGOTIATE_TRANSMISSION) {
		client_hand_over(c);
		return -EPIPE;
	}
	if (n->state == NBD_NEGOTIATE_CLOSED)
		return -EPIPE;
	return client_receive(c);
}

static void
client_event(uint32_t events, void *arg)
{
	struct client *c = arg;
	ssize_t rc;

	(void)events;
	do
		rc = client_advance(c);
	while (rc > 0);
	bool sending = c->negotiation.out_bytes > 0;

	if (rc == 0 && sending != c->sending) {
		c->sending = sending;
		rc = poll_change(c->watch, sending ? EPOLLOUT : EPOLLIN);
	}
	if (rc < 0)
		client_free(c);
}

static void
client_late(void *arg)
{
	struct client *c = arg;

	c->deadline = NULL;
	client_free(c);
}

static int
client_new(struct nbd_server *s, int fd, uint32_t with)
{
	struct client *c = malloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	/* Not the buffers: they are touched as far as they are used. */
	memset(c, 0, offsetof(struct client, negotiation));
	c->server = s;
	c->fd = fd;
	c->with = with;
	nbd_negotiate_init(&c->negotiation, &s->lookup);
	int rc = poll_timer(s->poller, NEGOTIATION_NS, client_late, c,
			    &c->deadline);

	if (rc)
		goto err_client;
	/* There is a greeting to send. */
	c->sending = true;
	rc = poll_add(s->poller, fd, EPOLLOUT, client_event, c, &c->watch);
	if (rc)
		goto err_deadline;
	c->next = s->clients;
	s->clients = c;
	s->client_count++;
	return 0;

err_deadline:
	poll_remove(c->deadline);
err_client:
	free(c);
	return rc;
}

static void
socket_tune(int fd, bool tcp)
{
	int one = 1;
	int bytes = SOCKET_BUFFER_BYTES;

	/* All of these only make it faster. */
	if (tcp)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
				 sizeof(one));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes,
				 sizeof(bytes));
}

static void
listener_resume(void *arg)
{
	struct listener *l = arg;

	l->pause = NULL;
	(void)poll_change(l->watch, EPOLLIN);
}

/* Out of descriptors or memory: who knocks would wake us without end. */
static void
listener_pause(struct listener *l)
{
	if (poll_timer(l->server->poller, PAUSE_NS, listener_resume, l,
		       &l->pause) == 0)
		(void)poll_change(l->watch, 0);
}

static void
listener_event(uint32_t events, void *arg)
{
	struct listener *l = arg;
	struct nbd_server *s = l->server;

	(void)events;
	/* Blocking, as the ring wants it; negotiation says MSG_DONTWAIT. */
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			listener_pause(l);
		return;
	}
	socket_tune(fd, l->tcp);
	if (s->client_count >= CLIENTS_MAX || client_new(s, fd, l->with))
		close(fd);
}

static int
listener_start(struct listener *l, const struct sockaddr *address,
	       socklen_t bytes)
{
	if (bind(l->fd, address, bytes) || listen(l->fd, BACKLOG))
		return -errno;
	return poll_add(l->server->poller, l->fd, EPOLLIN, listener_event, l,
			&l->watch);
}

static void
listener_close(struct listener *l)
{
	if (l->fd < 0)
		return;
	if (l->pause)
		poll_remove(l->pause);
	if (l->watch)
		poll_remove(l->watch);
	close(l->fd);
	l->fd = -1;
}

/* A socket that nobody listens on is left over from a daemon that died. */
static int
unix_clear(const struct sockaddr_un *address)
{
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (lstat(address->sun_path, &st))
		rc = errno == ENOENT ? 0 : -errno;
	else if (!S_ISSOCK(st.st_mode))
		rc = -EEXIST;
	else if (!connect(fd, (const struct sockaddr *)address,
			  sizeof(*address)) ||
		 errno != ECONNREFUSED)
		rc = -EADDRINUSE;
	else if (unlink(address->sun_path))
		rc = -errno;
	close(fd);
	return rc;
}

static int
unix_start(struct nbd_server *s, const char *path)
{
	struct sockaddr_un *address = &s->unix_address;
	struct listener *l = &s->unix_listener;

	address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memcpy(address->sun_path, path, strlen(path) + 1);
	int rc = unix_clear(address);

	if (rc)
		return rc;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	/* Before bind, so that it is never open to others. */
	if (fchmod(l->fd, 0600))
		return -errno;
	return listener_start(l, (struct sockaddr *)address, sizeof(*address));
}

/* "address:port", "[address]:port": numbers only. */
static int
tcp_parse(const char *text, struct addrinfo **out)
{
	static const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	char host[64];
	const char *colon = strrchr(text, ':');

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	size_t bytes = (size_t)(colon - text);

	memcpy(host, text, bytes);
	host[bytes] = '\0';
	char *start = host;

	if (bytes >= 2 && host[0] == '[' && host[bytes - 1] == ']') {
		host[bytes - 1] = '\0';
		start++;
	}
	return getaddrinfo(start, colon + 1, &hints, out) ? -EINVAL : 0;
}

static bool
is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	}
	const struct sockaddr_in6 *in6 = (const void *)address;

	return address->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

/* With port 0 the kernel chose one: say which. */
static void
tcp_announce(int fd)
{
	struct sockaddr_storage address;
	socklen_t bytes = sizeof(address);
	char host[64];
	char port[16];

	if (getsockname(fd, (struct sockaddr *)&address, &bytes) ||
	    getnameinfo((struct sockaddr *)&address, bytes, host, sizeof(host),
			port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	log_notice(NULL, "NBD listens on %s port %s", host, port);
}

static int
tcp_listen(struct nbd_server *s, const char *text, const struct addrinfo *ai)
{
	struct listener *l = &s->tcp_listener;
	int one = 1;

	if (!is_loopback(ai->ai_addr)) {
		log_error(NULL,
			  "nbd: %s is not a loopback address: without TLS "
			  "NBD is served to this machine only",
			  text);
		return -EPERM;
	}
	l->fd = socket(ai->ai_family,
		       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	(void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	int rc = listener_start(l, ai->ai_addr, ai->ai_addrlen);

	if (!rc)
		tcp_announce(l->fd);
	return rc;
}

static int
tcp_start(struct nbd_server *s, const char *text)
{
	struct addrinfo *ai;
	int rc = tcp_parse(text, &ai);

	if (rc) {
		log_error(NULL, "nbd: \"%s\" is not address:port", text);
		return rc;
	}
	rc = tcp_listen(s, text, ai);
	freeaddrinfo(ai);
	return rc;
}

int
nbd_server_start(struct nbd_server **out, struct poller *p,
		 const struct nbd_exports *exports,
		 const struct nbd_listen *listen)
{
	struct nbd_server *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->poller = p;
	s->exports = *exports;
	s->lookup.find = server_find;
	s->lookup.at = server_at;
	s->lookup.arg = s;
	s->unix_listener.server = s;
	s->unix_listener.fd = -1;
	s->tcp_listener.server = s;
	s->tcp_listener.fd = -1;
	s->tcp_listener.tcp = true;
	if (listen->unix_write_through)
		s->unix_listener.with = NBD_WITH_WRITE_THROUGH;
	if (listen->tcp_write_through)
		s->tcp_listener.with = NBD_WITH_WRITE_THROUGH;
	int rc = unix_start(s, listen->unix_path);

	if (!rc && listen->tcp)
		rc = tcp_start(s, listen->tcp);
	if (rc) {
		nbd_server_stop(s);
		return rc;
	}
	*out = s;
	return 0;
}

void
nbd_server_stop(struct nbd_server *s)
{
	/* Only the one we made: with a watch it was bound and listens. */
	if (s->unix_listener.watch)
		unlink(s->unix_address.sun_path);
	listener_close(&s->unix_listener);
	listener_close(&s->tcp_listener);
	while (s->clients)
		client_free(s->clients);
	free(s);
}
