/* SPDX-License-Identifier: MIT */
/*
 * stamp: writes to an NBD export, and remembers what the server owes.
 *
 *     stamp --socket PATH --export NAME --log FILE [--seed N] [--windows N]
 *           [--no-trim]
 *
 * It outlives the server, which is killed under it.  Whoever kills tells it, a
 * line each on standard input, and it answers on standard output:
 *
 *     up      there is a server, or soon will be: connect, and load it.
 *             "verified" when all that a crash left has been read
 *     kill    the server was killed.  "down", with counts
 *     cut     the server was, and its disks lost what was not flushed.  "down"
 *     rest    end the load, read everything, flush, disconnect.  "rest"
 *
 * "FAIL ..." and status 1: the server broke a promise (stamp_history.h).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stamp_client.h"

#define CONNECT_AGAIN_MS 2
#define LOG_BYTES_MAX	 (64 << 20)

enum state { DOWN, CONNECTING, RUNNING, DROPPED };

struct stamper {
	struct client *client;
	enum state state;
	enum client_mode mode;
	bool verified; /* said so */
	char line[64]; /* a command, as far as it has come */
	size_t length;
	FILE *log;
};

static void
say(const struct stamper *s, const char *what)
{
	struct client_counts n = client_counts(s->client);

	printf("%s reads %llu writes %llu flushes %llu holes %llu lost %llu"
	       " decided %llu\n", what, (unsigned long long)n.reads,
	       (unsigned long long)n.writes, (unsigned long long)n.flushes,
	       (unsigned long long)n.holes, (unsigned long long)n.lost,
	       (unsigned long long)n.decided);
}

static void
start(struct stamper *s, enum client_mode mode)
{
	s->mode = mode;
	s->verified = false;
	client_begin(s->client, mode);
}

static void
crash(struct stamper *s, bool cut)
{
	client_crash(s->client, cut);
	s->state = DOWN;
	/* What is long past would not help to understand a failure. */
	if (ftell(s->log) > LOG_BYTES_MAX) {
		rewind(s->log);
		if (ftruncate(fileno(s->log), 0))
			abort();
	}
	say(s, "down");
}

static void
obey(struct stamper *s, const char *command)
{
	if (strcmp(command, "up") == 0) {
		s->state = CONNECTING;
	} else if (strcmp(command, "kill") == 0) {
		crash(s, false);
	} else if (strcmp(command, "cut") == 0) {
		crash(s, true);
	} else if (strcmp(command, "rest") == 0 && s->state == RUNNING) {
		start(s, CLIENT_READ);
	} else {
		fprintf(stderr, "stamp: what is '%s' now?\n", command);
		exit(2);
	}
}

/* Takes what has come on standard input; false at its end. */
static bool
listen_to_it(struct stamper *s)
{
	ssize_t got = read(STDIN_FILENO, s->line + s->length,
			   sizeof(s->line) - s->length);
	char *end;

	if (got <= 0)
		return false;
	s->length += (size_t)got;
	while ((end = memchr(s->line, '\n', s->length))) {
		size_t used = (size_t)(end + 1 - s->line);

		*end = '\0';
		obey(s, s->line);
		s->length -= used;
		memmove(s->line, end + 1, s->length);
	}
	return s->length < sizeof(s->line);
}

static void
go_on(struct stamper *s, const struct pollfd *fds)
{
	if (!client_turn(s->client, fds)) {
		/* Somebody will say why, or it was not meant to be. */
		printf("dropped\n");
		s->state = DROPPED;
		return;
	}
	if (!s->verified && client_has_read_all(s->client)) {
		s->verified = true;
		if (s->mode == CLIENT_LOAD)
			printf("verified\n");
	}
	if (client_is_done(s->client)) {
		client_leave(s->client);
		s->state = DOWN;
		say(s, "rest");
	}
}

static void
run(struct stamper *s)
{
	for (;;) {
		struct pollfd fds[1 + STAMP_WRITERS] = {
			{.fd = STDIN_FILENO, .events = POLLIN},
			{.fd = -1},
			{.fd = -1},
		};
		int wait_ms = s->state == CONNECTING ? CONNECT_AGAIN_MS : -1;

		if (s->state == RUNNING) {
			client_fill(s->client);
			client_poll(s->client, fds + 1);
			/* One has died: nothing will be told by its fd. */
			if (fds[1].fd < 0 || fds[2].fd < 0)
				wait_ms = 0;
		}
		if (poll(fds, 1 + STAMP_WRITERS, wait_ms) < 0 && errno != EINTR)
			abort();
		if (fds[0].revents && !listen_to_it(s))
			return;
		if (s->state == RUNNING) {
			go_on(s, fds + 1);
		} else if (s->state == CONNECTING && client_connect(s->client)) {
			s->state = RUNNING;
			printf("up\n");
			start(s, CLIENT_LOAD);
		}
	}
}

static void
usage(void)
{
	fprintf(stderr, "usage: stamp --socket PATH --export NAME --log FILE"
			" [--seed N] [--windows N] [--no-trim]\n");
	exit(2);
}

static const struct option options[] = {
	{"socket", required_argument, NULL, 's'},
	{"export", required_argument, NULL, 'e'},
	{"log", required_argument, NULL, 'l'},
	{"seed", required_argument, NULL, 'n'},
	{"windows", required_argument, NULL, 'w'},
	{"no-trim", no_argument, NULL, 't'},
	{NULL, 0, NULL, 0},
};

int
main(int argc, char **argv)
{
	struct client_config cfg = {.seed = 1, .windows = 24};
	struct stamper s = {.state = DOWN};
	const char *log_path = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's': cfg.socket = optarg; break;
		case 'e': cfg.export_name = optarg; break;
		case 'l': log_path = optarg; break;
		case 'n': cfg.seed = strtoull(optarg, NULL, 0); break;
		case 'w': cfg.windows = (uint32_t)atoi(optarg); break;
		case 't': cfg.no_trim = true; break;
		default: usage();
		}
	}
	if (!cfg.socket || !cfg.export_name || !log_path || cfg.windows < 2)
		usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	s.log = cfg.log = fopen(log_path, "we");
	if (!s.log) {
		perror(log_path);
		return 2;
	}
	s.client = client_new(&cfg);
	run(&s);
	client_free(s.client);
	return fclose(s.log) ? 2 : 0;
}
