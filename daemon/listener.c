/* SPDX-License-Identifier: MIT */
#include "listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "poll.h"

#define BACKLOG  128
#define PAUSE_NS 100000000u
/* Sent at once from here on; the kernel may grant less. */
#define SOCKET_BUFFER_BYTES (1 << 20)

void
listener_init(struct listener *l, struct poller *p, listener_accept_f *accept,
	      void *arg, uint32_t with)
{
	*l = (struct listener){.poller = p,
			       .accept = accept,
			       .arg = arg,
			       .fd = -1,
			       .with = with};
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
	if (poll_timer(l->poller, PAUSE_NS, listener_resume, l, &l->pause) == 0)
		(void)poll_change(l->watch, 0);
}

static void
listener_event(uint32_t events, void *arg)
{
	struct listener *l = arg;

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
	l->accept(l->arg, fd, l->with);
}

static int
listener_start(struct listener *l, const struct sockaddr *address,
	       socklen_t bytes)
{
	if (bind(l->fd, address, bytes) || listen(l->fd, BACKLOG))
		return -errno;
	return poll_add(l->poller, l->fd, EPOLLIN, listener_event, l,
			&l->watch);
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

int
listener_open_unix(struct listener *l, const char *path)
{
	struct sockaddr_un *address = &l->address;

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
tcp_listen(struct listener *l, const struct addrinfo *ai)
{
	int one = 1;

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

const char *
listener_tcp_trouble(const char *text)
{
	struct addrinfo *ai;
	bool loopback;

	if (tcp_parse(text, &ai))
		return "is not address:port, in numbers";
	loopback = is_loopback(ai->ai_addr);
	freeaddrinfo(ai);
	return loopback ? NULL
			: "is not a loopback address: without TLS NBD is "
			  "served to this machine only";
}

int
listener_open_tcp(struct listener *l, const char *text)
{
	struct addrinfo *ai;
	int rc = tcp_parse(text, &ai);

	if (rc)
		return rc;
	l->tcp = true;
	rc = is_loopback(ai->ai_addr) ? tcp_listen(l, ai) : -EPERM;
	freeaddrinfo(ai);
	return rc;
}

void
listener_close(struct listener *l)
{
	if (l->fd < 0)
		return;
	/* Only the one we made: with a watch it was bound and listens. */
	if (l->watch && l->address.sun_path[0])
		unlink(l->address.sun_path);
	if (l->pause)
		poll_remove(l->pause);
	if (l->watch)
		poll_remove(l->watch);
	close(l->fd);
	l->fd = -1;
}
