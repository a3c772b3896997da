/* SPDX-License-Identifier: MIT */
/*
 * Calls from other threads that an engine thread carries out between two
 * turns.  The caller waits for the call to be done, so a call and all it
 * points to can live on the caller's stack.
 */
#ifndef RAIDD_MAILBOX_H
#define RAIDD_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>

typedef void mailbox_f(void *arg);

struct mailbox_call;

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t finished;
	struct mailbox_call *head;
	struct mailbox_call **tail;
	bool closed;
	int eventfd; /* readable when there is a call */
};

/* 0 or -errno. */
int mailbox_init(struct mailbox *m);
void mailbox_fini(struct mailbox *m);

/* Any thread but the engine's: run fn(arg) over there, and wait.  False: it
 * was not run, the engine has come to its end. */
bool mailbox_call(struct mailbox *m, mailbox_f *fn, void *arg);

/* The engine thread: carry out what has come. */
void mailbox_run(struct mailbox *m);
/* The same, and nothing more after that. */
void mailbox_close(struct mailbox *m);

#endif
