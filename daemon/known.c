/* SPDX-License-Identifier: MIT */
/* A list: a daemon sees some hundred members at most. */
#include "known.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct known *
known_get(struct known *list, const uint8_t member_uuid[16])
{
	while (list && memcmp(list->member_uuid, member_uuid, 16))
		list = list->next;
	return list;
}

int
known_note(struct known **list, const uint8_t member_uuid[16], const char *path,
	   const char *serial, const char *model)
{
	struct known *k = known_get(*list, member_uuid);
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k) {
			free(copy);
			return -ENOMEM;
		}
		memcpy(k->member_uuid, member_uuid, 16);
		k->next = *list;
		*list = k;
	}
	free(k->path);
	k->path = copy;
	k->seen = true;
	snprintf(k->serial, sizeof(k->serial), "%s", serial);
	snprintf(k->model, sizeof(k->model), "%s", model);
	return 0;
}

void
known_recall(struct known **list, const uint8_t member_uuid[16],
	     const char *path, const char *serial, const char *model)
{
	if (known_get(*list, member_uuid) ||
	    known_note(list, member_uuid, path, serial, model))
		return;
	(*list)->seen = false;
}

bool
known_is_news(const struct known *list, const uint8_t member_uuid[16],
	      const char *path, const char *serial)
{
	const struct known *k = known_find(list, member_uuid);

	return !k || strcmp(k->path, path) || strcmp(k->serial, serial);
}

void
known_forget(struct known **list, const uint8_t member_uuid[16])
{
	struct known *k;

	while (*list && memcmp((*list)->member_uuid, member_uuid, 16))
		list = &(*list)->next;
	k = *list;
	if (!k)
		return;
	*list = k->next;
	free(k->path);
	free(k);
}

const struct known *
known_find(const struct known *list, const uint8_t member_uuid[16])
{
	while (list && memcmp(list->member_uuid, member_uuid, 16))
		list = list->next;
	return list;
}

const char **
known_paths(const struct known *list)
{
	const char **paths;
	size_t count = 0;

	for (const struct known *k = list; k; k = k->next)
		count++;
	paths = calloc(count + 1, sizeof(*paths));
	if (!paths)
		return NULL;
	count = 0;
	for (const struct known *k = list; k; k = k->next)
		if (k->seen)
			paths[count++] = k->path;
	return paths;
}

void
known_free(struct known **list)
{
	while (*list) {
		struct known *k = *list;

		*list = k->next;
		free(k->path);
		free(k);
	}
}
