/* SPDX-License-Identifier: MIT */
/* The other end of the control socket: one line there, one line back. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl.h"

#define ANSWER_MAX (64u << 20)

static int
client_unreachable(struct ctl *c, int err)
{
	char cause[512];
	char remedy[512];
	struct stat st;
	const struct group *g;

	if (err == -EACCES) {
		/* A group helps only where the socket is open to one. */
		g = stat(c->socket, &st) || !(st.st_mode & S_IWGRP)
			    ? NULL
			    : getgrgid(st.st_gid);
		snprintf(cause, sizeof(cause), "%s: %s", c->socket,
			 strerror(-err));
		snprintf(remedy, sizeof(remedy), "run it as root, or %s%s",
			 g ? "be a member of group "
			   : "let a group read: group = NAME in raidd.conf",
			 g ? g->gr_name : "");
		return ctl_error(c, MSG_NO_PERMISSION, cause, remedy,
				 "the control socket may not be opened");
	}
	if (err == -EAGAIN)
		return ctl_error(c, MSG_UNREACHABLE,
				 "it took the request and did not answer in "
				 "time: it may still be starting an array",
				 "see its log; then try again",
				 "raidd does not answer");
	snprintf(cause, sizeof(cause), "%s: %s", c->socket, strerror(-err));
	snprintf(remedy, sizeof(remedy),
		 "start it: raidd --daemon; if its "
		 "socket is elsewhere: --socket PATH");
	return ctl_error(c, MSG_UNREACHABLE, cause, remedy,
			 "raidd cannot be reached");
}

static int
client_connect(const char *path, unsigned wait_s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct timeval wait = {.tv_sec = wait_s};
	int fd;
	int err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int
client_send(int fd, const char *text)
{
	size_t length = strlen(text);

	while (length) {
		ssize_t n = send(fd, text, length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		/* It may have said why before it closed. */
		if (n < 0)
			return errno == EPIPE ? 0 : -errno;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

/* A line without its end, to be freed; NULL and *err. */
static char *
client_receive(int fd, int *err)
{
	size_t used = 0;
	size_t room = 65536;
	char *line = malloc(room);

	while (line) {
		ssize_t n = recv(fd, line + used, room - used - 1, 0);
		char *grown;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			*err = n < 0 ? -errno : -ECONNRESET;
			free(line);
			return NULL;
		}
		used += (size_t)n;
		line[used] = '\0';
		if (line[used - 1] == '\n')
			return line;
		if (room - used > 1)
			continue;
		room *= 2;
		grown = room > ANSWER_MAX ? NULL : realloc(line, room);
		if (!grown)
			free(line);
		line = grown;
	}
	*err = -ENOMEM;
	return NULL;
}

static int
client_answer_bad(struct ctl *c, const char *why)
{
	return ctl_error(c, MSG_ANSWER_BAD, why,
			 "raidctl and raidd may be of different versions",
			 "raidd's answer made no sense");
}

/* Takes answer. */
static int
client_decode(struct ctl *c, json_t *answer, json_t **result)
{
	json_t *error = json_object_get(answer, "error");
	json_t *data = json_object_get(error, "data");
	int code;

	if (json_is_object(data)) {
		ctl_error_clear(c);
		c->error = json_incref(data);
		json_decref(answer);
		return ctl_error_code(c);
	}
	*result = json_object_get(answer, "result");
	if (json_is_object(*result)) {
		json_incref(*result);
		json_decref(answer);
		return EXIT_DONE;
	}
	json_decref(answer);
	code = client_answer_bad(c, "neither result nor error");
	return code;
}

int
client_call(struct ctl *c, const char *method, json_t *params, unsigned wait_s,
	    json_t **result)
{
	json_t *request = json_pack("{s:s,s:i,s:s,s:o}", "jsonrpc", "2.0", "id",
				    1, "method", method, "params", params);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	char *line = NULL;
	json_t *answer;
	json_error_t error;
	int fd;
	int err;

	json_decref(request);
	if (!text)
		return ctl_error(c, MSG_USAGE, "an argument is not UTF-8", NULL,
				 "the request cannot be put into words");
	fd = client_connect(c->socket, wait_s);
	err = fd < 0 ? fd : client_send(fd, text);
	if (!err)
		err = client_send(fd, "\n");
	free(text);
	if (!err)
		line = client_receive(fd, &err);
	if (fd >= 0)
		close(fd);
	if (!line)
		return client_unreachable(c, err);
	answer = json_loads(line, 0, &error);
	free(line);
	return answer ? client_decode(c, answer, result)
		      : client_answer_bad(c, error.text);
}
