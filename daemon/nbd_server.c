/* SPDX-License-Identifier: MIT */
/*
 * The NBD front end's door: clients until they have chosen an export.  Control
 * thread; nothing here waits.
 *
 * A client has ten seconds, and there are 64 at most; memory for one is taken
 * when it connects and is bounded.  Where 64 negotiate, more are turned away.
 */
#include "nbd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"
#include "nbd_frontend.h"
#include "nbd_negotiate.h"
#include "poll.h"
#include "volume.h"

#define CLIENTS_MAX    64u
#define NEGOTIATION_NS 10000000000u

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

struct nbd_server {
	struct poller *poller;
	struct nbd_exports exports;
	struct nbd_lookup lookup;
	struct listener unix_listener;
	struct listener tcp_listener;
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
	out->read_only = volume_is_read_only(v);
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
server_accept(void *arg, int fd, uint32_t with)
{
	struct nbd_server *s = arg;

	if (s->client_count >= CLIENTS_MAX || client_new(s, fd, with))
		close(fd);
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
	listener_init(&s->unix_listener, p, server_accept, s,
		      listen->unix_write_through ? NBD_WITH_WRITE_THROUGH : 0);
	listener_init(&s->tcp_listener, p, server_accept, s,
		      listen->tcp_write_through ? NBD_WITH_WRITE_THROUGH : 0);
	int rc = listener_open_unix(&s->unix_listener, listen->unix_path);

	if (!rc && listen->tcp)
		rc = listener_open_tcp(&s->tcp_listener, listen->tcp);
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
	listener_close(&s->unix_listener);
	listener_close(&s->tcp_listener);
	while (s->clients)
		client_free(s->clients);
	free(s);
}
