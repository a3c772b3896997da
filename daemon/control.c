/* SPDX-License-Identifier: MIT */
/*
 * Listening, clients, their lines.  What a line means is rpc.c's business.
 *
 * A line may take long: a disk hangs, and poll_await serves others meanwhile.
 * So long its client is busy, and has no watch.  What others want to look at
 * is answered; what they want to change is put off, and they have no watch
 * either, until the first is through.
 */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "poll.h"
#include "rpc.h"

#define CLIENTS_MAX  32u
#define IDLE_SECONDS 60u
#define SWEEP_NS     1000000000ull
#define READ_BYTES   65536u

struct control_client {
	struct control_client *next;
	struct control *control;
	int fd;
	struct rpc_client who;
	struct poll_watch *watch; /* NULL: busy or put off */
	uint64_t active_s;        /* when it last sent or took something */
	char *in;                 /* a line that is not whole yet */
	size_t in_bytes;
	size_t in_room;
	char *out; /* an answer it has not taken yet */
	size_t out_bytes;
	size_t out_sent;
	bool closing; /* once out is sent */
	bool busy;    /* its line is being carried out */
	bool put_off; /* its line waits for another's */
};

struct control {
	struct poller *poller;
	struct arrays *arrays;
	int lock;
	int listener;
	char path[CONFIG_TEXT_MAX];
	struct poll_watch *watch;
	struct poll_watch *sweep;
	struct control_client *clients;
	unsigned count;
};

static uint64_t
clock_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

static void
client_close(struct control_client *cl)
{
	struct control_client **at = &cl->control->clients;

	while (*at != cl)
		at = &(*at)->next;
	*at = cl->next;
	cl->control->count--;
	if (cl->watch)
		poll_remove(cl->watch);
	close(cl->fd);
	free(cl->in);
	free(cl->out);
	free(cl);
}

/* Send what waits.  False: the client is gone. */
static bool
client_send(struct control_client *cl)
{
	while (cl->out_sent < cl->out_bytes) {
		ssize_t n = send(cl->fd, cl->out + cl->out_sent,
				 cl->out_bytes - cl->out_sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return !poll_change(cl->watch, EPOLLOUT);
		if (n < 0)
			return false;
		cl->out_sent += (size_t)n;
		cl->active_s = clock_s();
	}
	free(cl->out);
	cl->out = NULL;
	cl->out_bytes = 0;
	cl->out_sent = 0;
	return !cl->closing && !poll_change(cl->watch, EPOLLIN);
}

/* Takes the answer.  False: the client is gone. */
static bool
client_answer(struct control_client *cl, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

	json_decref(answer);
	if (!text)
		return false;
	cl->out_bytes = strlen(text) + 1;
	/* The newline takes the place of the terminating zero. */
	text[cl->out_bytes - 1] = '\n';
	cl->out = text;
	cl->out_sent = 0;
	return client_send(cl);
}

static bool
client_refuse(struct control_client *cl, enum message message, const char *what)
{
	struct failure f;

	failure_set(&f, message, "%s", what);
	cl->closing = true;
	return client_answer(cl, rpc_error(NULL, RPC_INVALID_REQUEST, &f));
}

static void client_event(uint32_t events, void *arg);

static void
client_unwatch(struct control_client *cl)
{
	poll_remove(cl->watch);
	cl->watch = NULL;
}

static bool
client_watch(struct control_client *cl)
{
	return !poll_add(cl->control->poller, cl->fd, EPOLLIN, client_event, cl,
			 &cl->watch);
}

/* One line of so many bytes, and its newline.  False: the client is gone. */
static bool
client_line(struct control_client *cl, size_t length)
{
	json_t *answer;
	bool later;

	client_unwatch(cl);
	cl->busy = true;
	answer = rpc_handle(cl->control->arrays, &cl->who, cl->in, length,
			    &later);
	cl->busy = false;
	/* It may have taken a while. */
	cl->active_s = clock_s();
	cl->put_off = later;
	if (later)
		return true;
	cl->in_bytes -= length + 1;
	memmove(cl->in, cl->in + length + 1, cl->in_bytes);
	if (client_watch(cl))
		return client_answer(cl, answer);
	json_decref(answer);
	return false;
}

/*
 * The whole lines that have come, one after the other; while an answer waits
 * to be taken, the next line waits too.  False: the client is gone.
 */
static bool
client_lines(struct control_client *cl)
{
	while (!cl->out && !cl->put_off) {
		char *end = memchr(cl->in, '\n', cl->in_bytes);

		if (!end)
			break;
		if (!client_line(cl, (size_t)(end - cl->in)))
			return false;
	}
	if (!cl->out && !cl->put_off && cl->in_bytes > RPC_LINE_MAX)
		return client_refuse(cl, MSG_REQUEST_TOO_LONG,
				     "the request is longer than 1 MiB");
	return true;
}

static bool
client_room(struct control_client *cl)
{
	size_t room = cl->in_bytes + READ_BYTES;
	char *in;

	if (room <= cl->in_room)
		return true;
	in = realloc(cl->in, room);
	if (!in)
		return false;
	cl->in = in;
	cl->in_room = room;
	return true;
}

static bool
client_receive(struct control_client *cl)
{
	ssize_t n;

	if (!client_room(cl))
		return false;
	n = recv(cl->fd, cl->in + cl->in_bytes, READ_BYTES, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		return false;
	cl->in_bytes += (size_t)n;
	cl->active_s = clock_s();
	return client_lines(cl);
}

/* From here on in the list, who was put off; NULL: nobody. */
static struct control_client *
next_put_off(struct control_client *cl)
{
	while (cl && !cl->put_off)
		cl = cl->next;
	return cl;
}

static void
client_try_again(struct control_client *cl)
{
	cl->put_off = false;
	if (!client_watch(cl) || !client_lines(cl))
		client_close(cl);
}

/* Each may have to be waited for, and then others come and go. */
void
control_go_on(struct control *c)
{
	struct control_client *cl;

	while (!poll_is_awaiting() && (cl = next_put_off(c->clients)))
		client_try_again(cl);
	if (!poll_is_awaiting())
		return;
	/* Perhaps they may look at least. */
	for (cl = next_put_off(c->clients); cl;) {
		struct control_client *next = next_put_off(cl->next);

		client_try_again(cl);
		cl = next;
	}
}

static void
client_event(uint32_t events, void *arg)
{
	struct control_client *cl = arg;
	struct control *c = cl->control;
	bool alive;

	if (cl->out)
		alive = !(events & (EPOLLERR | EPOLLHUP)) && client_send(cl) &&
			client_lines(cl);
	else
		alive = client_receive(cl);
	if (!alive)
		client_close(cl);
	if (!poll_is_awaiting())
		control_go_on(c);
}

static void
control_sweep(void *arg)
{
	struct control *c = arg;
	struct control_client *next;
	uint64_t now = clock_s();

	c->sweep = NULL;
	control_go_on(c);
	for (struct control_client *cl = c->clients; cl; cl = next) {
		int waiting = 0;

		next = cl->next;
		/* It may be us who were busy, not it that was idle. */
		if (ioctl(cl->fd, FIONREAD, &waiting) < 0)
			waiting = 0;
		if (now - cl->active_s >= IDLE_SECONDS && !waiting &&
		    !cl->busy && !cl->put_off)
			client_close(cl);
	}
	if (poll_timer(c->poller, SWEEP_NS, control_sweep, c, &c->sweep))
		log_error(NULL, "no timer: idle control clients stay");
}

static int
client_who(int fd, struct rpc_client *who)
{
	struct ucred cred;
	socklen_t bytes = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &bytes) < 0)
		return -errno;
	who->uid = cred.uid;
	who->may_change = cred.uid == 0 || cred.uid == geteuid();
	return 0;
}

static int
client_new(struct control *c, int fd)
{
	struct control_client *cl = calloc(1, sizeof(*cl));
	int err;

	if (!cl)
		return -ENOMEM;
	cl->control = c;
	cl->fd = fd;
	cl->active_s = clock_s();
	err = client_who(fd, &cl->who);
	if (!err)
		err = poll_add(c->poller, fd, EPOLLIN, client_event, cl,
			       &cl->watch);
	if (err) {
		free(cl);
		return err;
	}
	cl->next = c->clients;
	c->clients = cl;
	c->count++;
	if (c->count > CLIENTS_MAX &&
	    !client_refuse(cl, MSG_CLIENTS_MAX, "too many control clients"))
		client_close(cl);
	return 0;
}

static void
control_accept(uint32_t events, void *arg)
{
	struct control *c = arg;
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	/* One a turn: in between, those who left make room. */
	if (client_new(c, fd))
		close(fd);
}

static int
control_lock(struct control *c)
{
	char path[CONFIG_TEXT_MAX + 8];
	int err;

	snprintf(path, sizeof(path), "%s.lock", c->path);
	c->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->lock < 0)
		return -errno;
	if (flock(c->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	err = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	close(c->lock);
	return err;
}

/* Root's alone, or also the group's that may read. */
static int
control_permit(const struct config *cfg)
{
	struct group *g;

	if (!cfg->group[0])
		return chmod(cfg->socket, 0600) < 0 ? -errno : 0;
	errno = 0;
	g = getgrnam(cfg->group);
	if (!g) {
		log_error(NULL, "group '%s' is not known", cfg->group);
		return errno ? -errno : -ENOENT;
	}
	if (chown(cfg->socket, (uid_t)-1, g->gr_gid) < 0 ||
	    chmod(cfg->socket, 0660) < 0)
		return -errno;
	return 0;
}

static int
control_listen(struct control *c, const struct config *cfg)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int err = 0;
	mode_t mask;

	c->listener =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listener < 0)
		return -errno;
	/* config_finish() has seen to the length. */
	memcpy(addr.sun_path, c->path, strlen(c->path) + 1);
	/* Whoever left it there is gone: we hold the lock. */
	unlink(c->path);
	mask = umask(0177);
	if (bind(c->listener, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		err = -errno;
	umask(mask);
	if (!err)
		err = control_permit(cfg);
	if (!err && listen(c->listener, 128) < 0)
		err = -errno;
	if (err)
		close(c->listener);
	return err;
}

int
control_start(struct control **out, struct poller *p, struct arrays *a,
	      const struct config *cfg)
{
	struct control *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->poller = p;
	c->arrays = a;
	snprintf(c->path, sizeof(c->path), "%s", cfg->socket);
	err = control_lock(c);
	if (err)
		goto err_free;
	err = control_listen(c, cfg);
	if (err)
		goto err_lock;
	err = poll_add(p, c->listener, EPOLLIN, control_accept, c, &c->watch);
	if (err)
		goto err_listen;
	err = poll_timer(p, SWEEP_NS, control_sweep, c, &c->sweep);
	if (err)
		goto err_watch;
	*out = c;
	return 0;

err_watch:
	poll_remove(c->watch);
err_listen:
	close(c->listener);
	unlink(c->path);
err_lock:
	close(c->lock);
err_free:
	free(c);
	return err;
}

void
control_stop(struct control *c)
{
	if (!c)
		return;
	while (c->clients)
		client_close(c->clients);
	if (c->sweep)
		poll_remove(c->sweep);
	poll_remove(c->watch);
	close(c->listener);
	unlink(c->path);
	/* The lock file stays: a name others may be waiting on. */
	close(c->lock);
	free(c);
}
