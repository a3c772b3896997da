/* SPDX-License-Identifier: MIT */
/*
 * The control thread's loop, on epoll; a timer is a timerfd.
 *
 * A watch removed while its own or an earlier callback of the same turn runs
 * may still be named by an event already fetched, so it is only marked, and
 * freed when the turn is over: the outermost, since a callback may wait and
 * have turns of its own (poll_await).
 */
#include "poll.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define EVENTS_PER_TURN 32

struct poll_watch {
	struct poller *poller;
	int fd;
	bool removed;
	poll_f *cb;          /* a descriptor's */
	poll_timer_f *timer; /* a timer's; then fd is ours */
	void *arg;
	struct poll_watch *next; /* of the removed */
};

struct poller {
	int epoll;
	bool stopping;
	struct poll_watch *removed;
};

/* The process has one; before it is there, waiting is waiting. */
static struct poller *the_poller;
static bool awaiting;

int
poller_new(struct poller **out)
{
	struct poller *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0) {
		int err = -errno;

		free(p);
		return err;
	}
	the_poller = p;
	*out = p;
	return 0;
}

static void
poll_free_removed(struct poller *p)
{
	while (p->removed) {
		struct poll_watch *w = p->removed;

		p->removed = w->next;
		free(w);
	}
}

void
poller_free(struct poller *p)
{
	if (!p)
		return;
	poll_free_removed(p);
	close(p->epoll);
	free(p);
	the_poller = NULL;
}

static int
watch_new(struct poller *p, int fd, uint32_t events, struct poll_watch **out)
{
	struct poll_watch *w = calloc(1, sizeof(*w));
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (!w)
		return -ENOMEM;
	w->poller = p;
	w->fd = fd;
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int err = -errno;

		free(w);
		return err;
	}
	*out = w;
	return 0;
}

int
poll_add(struct poller *p, int fd, uint32_t events, poll_f *cb, void *arg,
	 struct poll_watch **out)
{
	struct poll_watch *w;
	int err = watch_new(p, fd, events, &w);

	if (err)
		return err;
	w->cb = cb;
	w->arg = arg;
	*out = w;
	return 0;
}

int
poll_change(struct poll_watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	CHECK(!w->removed);
	if (epoll_ctl(w->poller->epoll, EPOLL_CTL_MOD, w->fd, &ev) < 0)
		return -errno;
	return 0;
}

void
poll_remove(struct poll_watch *w)
{
	CHECK(!w->removed);
	w->removed = true;
	epoll_ctl(w->poller->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	if (w->timer)
		close(w->fd);
	w->next = w->poller->removed;
	w->poller->removed = w;
}

int
poll_timer(struct poller *p, uint64_t delay_ns, poll_timer_f *cb, void *arg,
	   struct poll_watch **out)
{
	struct itimerspec when = {0};
	struct poll_watch *w;
	int err;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	when.it_value.tv_sec = (time_t)(delay_ns / 1000000000u);
	when.it_value.tv_nsec = (long)(delay_ns % 1000000000u);
	/* All zeros would disarm it. */
	if (!delay_ns)
		when.it_value.tv_nsec = 1;
	if (timerfd_settime(fd, 0, &when, NULL) < 0)
		err = -errno;
	else
		err = watch_new(p, fd, EPOLLIN, &w);
	if (err) {
		close(fd);
		return err;
	}
	w->timer = cb;
	w->arg = arg;
	*out = w;
	return 0;
}

static void
poll_dispatch(struct poll_watch *w, uint32_t events)
{
	if (w->removed)
		return;
	if (w->timer) {
		poll_timer_f *cb = w->timer;
		void *arg = w->arg;

		/* Once: gone before its callback may ask for the next. */
		poll_remove(w);
		cb(arg);
		return;
	}
	w->cb(events, w->arg);
}

/* One turn; 0 or -errno. */
static int
poll_turn(struct poller *p, int timeout_ms)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int n = epoll_wait(p->epoll, events, EVENTS_PER_TURN, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++)
		poll_dispatch(events[i].data.ptr, events[i].events);
	return 0;
}

int
poller_run(struct poller *p)
{
	int err = 0;

	while (!p->stopping && !err) {
		err = poll_turn(p, -1);
		poll_free_removed(p);
	}
	return err;
}

void
poller_stop(struct poller *p)
{
	p->stopping = true;
}

uint64_t
poll_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void
poll_awaited(uint32_t events, void *arg)
{
	bool *there = arg;

	(void)events;
	*there = true;
}

/* For one turn: 0 when there is nothing left. */
static int
await_ms(uint64_t end_ns)
{
	uint64_t now_ns = poll_clock_ns();

	if (now_ns >= end_ns)
		return 0;
	/* Rounded up, so that the last turn is not spent in a circle. */
	uint64_t ms = (end_ns - now_ns) / 1000000 + 1;

	return ms < 1000 ? (int)ms : 1000;
}

/* Without others. */
static int
await_alone(int fd, uint64_t end_ns)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int ms;

	while ((ms = await_ms(end_ns)) > 0)
		if (poll(&pfd, 1, ms) > 0)
			return 0;
	return poll(&pfd, 1, 0) > 0 ? 0 : -ETIMEDOUT;
}

int
poll_await(int fd, uint64_t end_ns, bool hurry)
{
	struct poller *p = the_poller;
	struct poll_watch *w;
	bool there = false;

	CHECK(!awaiting);
	if (!p || poll_add(p, fd, EPOLLIN, poll_awaited, &there, &w))
		return await_alone(fd, end_ns);
	awaiting = true;
	while (!there && !(hurry && p->stopping)) {
		int ms = await_ms(end_ns);

		/* One look without waiting is always due. */
		if (poll_turn(p, ms) || (!ms && !there))
			break;
	}
	awaiting = false;
	poll_remove(w);
	return there ? 0 : -ETIMEDOUT;
}

bool
poll_is_awaiting(void)
{
	return awaiting;
}

bool
poll_is_stopping(void)
{
	return the_poller && the_poller->stopping;
}
