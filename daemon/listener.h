/* SPDX-License-Identifier: MIT */
/*
 * A socket on which NBD clients knock: a UNIX one, root's alone, or TCP on a
 * loopback address.  Control thread.
 */
#ifndef RAIDD_LISTENER_H
#define RAIDD_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

struct poll_watch;
struct poller;

/* The socket becomes the callee's.  with: what listener_init was given. */
typedef void listener_accept_f(void *arg, int fd, uint32_t with);

struct listener {
	struct poller *poller;
	listener_accept_f *accept;
	void *arg;
	int fd; /* -1: none */
	bool tcp;
	uint32_t with; /* what its clients get unasked: NBD_WITH_ */
	struct sockaddr_un address;
	struct poll_watch *watch;
	struct poll_watch *pause; /* until it accepts again */
};

void listener_init(struct listener *l, struct poller *p,
		   listener_accept_f *accept, void *arg, uint32_t with);

/* 0 or -errno; whatever they answer, listener_close() follows.  -EADDRINUSE:
 * a daemon listens there. */
int listener_open_unix(struct listener *l, const char *path);
/* "address:port", "[address]:port": numbers only, loopback only. */
int listener_open_tcp(struct listener *l, const char *text);
/* Would it?  NULL, or what is wrong with the text. */
const char *listener_tcp_trouble(const char *text);

/* Nothing, if it was never opened. */
void listener_close(struct listener *l);

#endif
