/* SPDX-License-Identifier: MIT */
/*
 * The control thread's loop: file descriptors and timers, level triggered
 * (epoll).  Not for I/O of arrays: that is volume.c's ring.  Control thread
 * only.
 *
 * A callback that must wait for something does it by poll_await: all other
 * watches go on being served, so that nobody else waits with it.  One may wait
 * at a time; who might want to (a scan, a change) asks poll_is_awaiting first
 * and comes again.
 */
#ifndef RAIDD_POLL_H
#define RAIDD_POLL_H

#include <stdbool.h>
#include <stdint.h>

struct poller;
struct poll_watch;

typedef void poll_f(uint32_t events, void *arg); /* EPOLLIN | ... */
typedef void poll_timer_f(void *arg);

int poller_new(struct poller **out);
void poller_free(struct poller *p);

/* The watch is the poller's; removed by poll_remove, also from inside cb. */
int poll_add(struct poller *p, int fd, uint32_t events, poll_f *cb, void *arg,
	     struct poll_watch **out);
int poll_change(struct poll_watch *w, uint32_t events);
void poll_remove(struct poll_watch *w);

/* Calls cb once after delay_ns; cancel with poll_remove. */
int poll_timer(struct poller *p, uint64_t delay_ns, poll_timer_f *cb, void *arg,
	       struct poll_watch **out);

/* Runs until poller_stop.  0 or -errno. */
int poller_run(struct poller *p);
void poller_stop(struct poller *p);

/* Serve all others until fd can be read.  0; -ETIMEDOUT: end_ns of
 * CLOCK_MONOTONIC has passed; with hurry also when poller_stop was called. */
int poll_await(int fd, uint64_t end_ns, bool hurry);
bool poll_is_awaiting(void);
/* poller_stop was called. */
bool poll_is_stopping(void);
uint64_t poll_clock_ns(void);

#endif
