/* SPDX-License-Identifier: MIT */
/* {"members": [{"uuid", "path", "serial", "model"}, ...]} */
#include "remember.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include <jansson.h>

#include "config.h"
#include "log.h"
#include "poll.h"
#include "probe.h"
#include "process.h"

static const char *
text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

void
remember_load(struct known **list, const char *path)
{
	json_error_t error;
	json_t *file;
	json_t *members;

	if (access(path, F_OK))
		return;
	file = json_load_file(path, 0, &error);
	if (!file)
		log_warning(NULL, "%s: %s; members seen before are forgotten",
			    path, error.text);
	members = json_object_get(file, "members");
	for (size_t i = 0; i < json_array_size(members); i++) {
		const json_t *one = json_array_get(members, i);
		uuid_t uuid;

		if (!uuid_parse(text_of(one, "uuid"), uuid) &&
		    text_of(one, "path")[0])
			known_recall(list, uuid, text_of(one, "path"),
				     text_of(one, "serial"),
				     text_of(one, "model"));
	}
	json_decref(file);
}

struct saving {
	char path[CONFIG_TEXT_MAX];
	char *text;
};

static void
saving_free(void *arg)
{
	struct saving *s = arg;

	free(s->text);
	free(s);
}

static int
write_all(int fd, const char *text, size_t bytes)
{
	ssize_t put = write(fd, text, bytes);

	if (put < 0)
		return -errno;
	if ((size_t)put < bytes)
		return -ENOSPC;
	return fsync(fd) ? -errno : 0;
}

/* A new file in the place of the old one: never half of it. */
static int
saving_look(void *arg)
{
	const struct saving *s = arg;
	char fresh[CONFIG_TEXT_MAX + 8];
	int err = process_make_folder(s->path);
	int fd;

	if (err)
		return err;
	snprintf(fresh, sizeof(fresh), "%s.new", s->path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, s->text, strlen(s->text));
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(fresh, s->path))
		err = -errno;
	if (err)
		unlink(fresh);
	return err;
}

static char *
members_text(const struct known *list)
{
	json_t *members = json_array();
	json_t *file = json_pack("{s:o}", "members", members);
	char *text;

	for (; list; list = list->next) {
		char uuid[UUID_STR_LEN];

		uuid_unparse_lower(list->member_uuid, uuid);
		json_array_append_new(
			members, json_pack("{s:s,s:s,s:s,s:s}", "uuid", uuid,
					   "path", list->path, "serial",
					   list->serial, "model", list->model));
	}
	text = file ? json_dumps(file, JSON_INDENT(1)) : NULL;
	json_decref(file);
	return text;
}

void
remember_save(const struct known *list, const char *path)
{
	static bool complained;
	struct saving *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return;
	snprintf(s->path, sizeof(s->path), "%s", path);
	s->text = members_text(list);
	if (!s->text) {
		saving_free(s);
		return;
	}
	err = probe(path, poll_clock_ns() + PROBE_NS, saving_look, s,
		    saving_free);
	if (err != -ETIMEDOUT && err != -ENOMEM)
		saving_free(s);
	if (err && !complained)
		log_warning(NULL,
			    "%s cannot be written (%s): after a restart, "
			    "members that are absent are named by UUID only",
			    path, strerror(-err));
	complained = err != 0;
}
