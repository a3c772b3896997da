/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"

#define PROBE_S 5

struct look {
	struct look *next; /* among those that did not answer */
	char *path;
	int (*look)(void *result);
	void *result;
	void (*result_free)(void *result);
	int res;
	sem_t done;
};

/* They did not answer in time.  The control thread's. */
static struct look *hung;

static void
look_free(struct look *l)
{
	sem_destroy(&l->done);
	free(l->path);
	free(l);
}

static void *
look_main(void *arg)
{
	struct look *l = arg;

	l->res = l->look(l->result);
	sem_post(&l->done);
	return NULL;
}

/* Those that came back after all. */
static void
hung_sweep(void)
{
	struct look **at = &hung;

	while (*at) {
		struct look *l = *at;

		if (sem_trywait(&l->done)) {
			at = &l->next;
			continue;
		}
		log_notice("scan", "%s answers again", l->path);
		*at = l->next;
		l->result_free(l->result);
		look_free(l);
	}
}

static bool
is_hung(const char *path)
{
	for (const struct look *l = hung; l; l = l->next)
		if (!strcmp(l->path, path))
			return true;
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
	sem_init(&l->done, 0, 0);
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

static bool
look_wait(struct look *l)
{
	struct timespec end;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += PROBE_S;
	do {
		rc = sem_clockwait(&l->done, CLOCK_MONOTONIC, &end);
	} while (rc && errno == EINTR);
	return rc == 0;
}

int
probe(const char *path, int (*fn)(void *result), void *result,
      void (*result_free)(void *result))
{
	struct look *l;
	int res;

	hung_sweep();
	if (is_hung(path)) {
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
	if (!look_wait(l)) {
		log_warning("scan",
			    "%s does not answer; it is left out until it does",
			    path);
		l->next = hung;
		hung = l;
		return -ETIMEDOUT;
	}
	res = l->res;
	look_free(l);
	return res;
}
