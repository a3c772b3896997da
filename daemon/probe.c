/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"
#include "log.h"
#include "poll.h"

struct look {
	struct look *next; /* among those that did not answer */
	char *path;
	int (*look)(void *result);
	void *result;
	void (*result_free)(void *result);
	int res;
	int done; /* an eventfd: readable when it is over */
};

/* They did not answer in time.  The control thread's. */
static struct look *hung;

static void
look_free(struct look *l)
{
	close(l->done);
	free(l->path);
	free(l);
}

static void *
look_main(void *arg)
{
	struct look *l = arg;

	l->res = l->look(l->result);
	/* From here on it may be freed. */
	ssize_t put = write(l->done, &(uint64_t){1}, sizeof(uint64_t));

	CHECK(put == (ssize_t)sizeof(uint64_t));
	return NULL;
}

static bool
look_is_over(const struct look *l)
{
	uint64_t one;

	return read(l->done, &one, sizeof(one)) == (ssize_t)sizeof(one);
}

/* Those that came back after all. */
static void
hung_sweep(void)
{
	struct look **at = &hung;

	while (*at) {
		struct look *l = *at;

		if (!look_is_over(l)) {
			at = &l->next;
			continue;
		}
		log_notice("scan", "%s answers again", l->path);
		*at = l->next;
		l->result_free(l->result);
		look_free(l);
	}
}

/* Is there still one for this path, at end_ns? */
static bool
is_hung(const char *path, uint64_t end_ns)
{
	struct look *l = hung;

	while (l && strcmp(l->path, path))
		l = l->next;
	if (!l || poll_await(l->done, end_ns, true))
		return l != NULL;
	hung_sweep();
	return false;
}

static struct look *
look_new(const char *path, int (*fn)(void *result), void *result,
	 void (*result_free)(void *result))
{
	struct look *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->path = strdup(path);
	if (!l->path) {
		free(l);
		return NULL;
	}
	l->look = fn;
	l->result = result;
	l->result_free = result_free;
	l->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->done < 0) {
		free(l->path);
		free(l);
		return NULL;
	}
	return l;
}

/* Signals are the control thread's. */
static int
look_spawn(struct look *l)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int rc = pthread_create(&thread, &attr, look_main, l);

	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

int
probe(const char *path, uint64_t end_ns, int (*fn)(void *result), void *result,
      void (*result_free)(void *result))
{
	uint64_t quick_ns = poll_clock_ns() + PROBE_QUICK_NS;
	struct look *l;
	int res;

	hung_sweep();
	if (is_hung(path, end_ns)) {
		result_free(result);
		return -ETIMEDOUT;
	}
	l = look_new(path, fn, result, result_free);
	if (!l || look_spawn(l)) {
		if (l)
			look_free(l);
		result_free(result);
		return -ENOMEM;
	}
	if (end_ns < quick_ns)
		end_ns = quick_ns;
	if (poll_await(l->done, end_ns, true)) {
		/* When we are being stopped it has not had its time. */
		if (poll_clock_ns() >= end_ns)
			log_warning("scan",
				    "%s does not answer; it is left out until "
				    "it does",
				    path);
		l->next = hung;
		hung = l;
		return -ETIMEDOUT;
	}
	res = l->res;
	look_free(l);
	/* A disk's driver may say so itself. */
	if (res == -ETIMEDOUT || res == -ENOMEM)
		result_free(result);
	return res;
}
