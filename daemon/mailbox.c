/* SPDX-License-Identifier: MIT */
/* A list under a lock; the eventfd wakes the ring that the engine sleeps on. */
#include "mailbox.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"

struct mailbox_call {
	mailbox_f *fn;
	void *arg;
	struct mailbox_call *next;
	bool done;
};

int
mailbox_init(struct mailbox *m)
{
	/* Blocking: the ring waits on it. */
	m->eventfd = eventfd(0, EFD_CLOEXEC);
	if (m->eventfd < 0)
		return -errno;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->finished, NULL);
	m->head = NULL;
	m->tail = &m->head;
	m->closed = false;
	return 0;
}

void
mailbox_fini(struct mailbox *m)
{
	CHECK(!m->head);
	pthread_cond_destroy(&m->finished);
	pthread_mutex_destroy(&m->lock);
	close(m->eventfd);
}

bool
mailbox_call(struct mailbox *m, mailbox_f *fn, void *arg)
{
	struct mailbox_call call = {.fn = fn, .arg = arg};
	uint64_t one = 1;

	pthread_mutex_lock(&m->lock);
	if (m->closed) {
		pthread_mutex_unlock(&m->lock);
		return false;
	}
	*m->tail = &call;
	m->tail = &call.next;
	ssize_t put = write(m->eventfd, &one, sizeof(one));

	CHECK(put == (ssize_t)sizeof(one));
	while (!call.done)
		pthread_cond_wait(&m->finished, &m->lock);
	pthread_mutex_unlock(&m->lock);
	return true;
}

static struct mailbox_call *
mailbox_take(struct mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	struct mailbox_call *call = m->head;

	if (call) {
		m->head = call->next;
		if (!m->head)
			m->tail = &m->head;
	}
	pthread_mutex_unlock(&m->lock);
	return call;
}

void
mailbox_run(struct mailbox *m)
{
	struct mailbox_call *call;

	while ((call = mailbox_take(m))) {
		call->fn(call->arg);
		pthread_mutex_lock(&m->lock);
		call->done = true;
		pthread_cond_broadcast(&m->finished);
		pthread_mutex_unlock(&m->lock);
	}
}

void
mailbox_close(struct mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	m->closed = true;
	pthread_mutex_unlock(&m->lock);
	mailbox_run(m);
}
