/* SPDX-License-Identifier: MIT */
/* examine: what a member says of itself, without raidd. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "look.h"
#include "member.h"

static void
print_value(const char *head, const json_t *value)
{
	char *text;

	if (json_is_string(value)) {
		printf("%-18s %s\n", head, json_string_value(value));
		return;
	}
	text = json_dumps(value, JSON_ENCODE_ANY);
	printf("%-18s %s\n", head, text ? text : "");
	free(text);
}

/* Plain fields a line each, objects one level down, lists a line an entry. */
static void
print_object(const json_t *o)
{
	void *i = json_object_iter((json_t *)(uintptr_t)o);

	while (i) {
		const char *key = json_object_iter_key(i);
		json_t *value = json_object_iter_value(i);

		if (json_is_object(value)) {
			printf("%s:\n", key);
			print_object(value);
		} else if (json_is_array(value) &&
			   json_is_object(json_array_get(value, 0))) {
			for (size_t k = 0; k < json_array_size(value); k++)
				print_value(key, json_array_get(value, k));
		} else {
			print_value(key, value);
		}
		i = json_object_iter_next((json_t *)(uintptr_t)o, i);
	}
}

static int
examine_failed(struct ctl *c, int err)
{
	if (err == -ENOSPC)
		return ctl_error(c, MSG_NO_SUPERBLOCK,
				 "it is too small to be a member", NULL,
				 "%s carries no superblock", c->args[0]);
	if (err == -ENOENT || err == -ENXIO || err == -ENODEV)
		return ctl_error(c, MSG_NO_SUCH_DISK, strerror(-err),
				 "see what there is: lsblk -o "
				 "NAME,MODEL,SERIAL,SIZE",
				 "there is no disk %s", c->args[0]);
	if (err == -EACCES || err == -EPERM)
		return ctl_error(c, MSG_DISK_PERMISSION, strerror(-err),
				 "run it as root: sudo raidctl ...",
				 "%s may not be read", c->args[0]);
	return ctl_error(c, MSG_EXAMINE_FAILED, strerror(-err), NULL,
			 "%s cannot be read", c->args[0]);
}

static void
examine_fill(struct ctl *c, const struct member *m)
{
	json_t *meta;
	json_t *array;

	c->payload = json_pack("{s:s,s:I,s:b,s:o}", "path", c->args[0], "bytes",
			       (json_int_t)m->bytes, "held", m->held,
			       "superblocks", member_superblocks(m));
	if (m->chosen < 0)
		return;
	array = member_array(m);
	json_object_update(c->payload, array);
	json_decref(array);
	meta = member_metadata(m);
	json_object_update(c->payload, meta);
	json_decref(meta);
}

static int
examine_verdict(struct ctl *c, const struct member *m)
{
	if (m->chosen >= 0)
		return EXIT_DONE;
	switch (m->res) {
	case -ENOENT:
		return ctl_error(c, MSG_NO_SUPERBLOCK, NULL, NULL,
				 "%s carries no superblock", c->args[0]);
	case -EPROTONOSUPPORT:
		return ctl_error(c, MSG_EXAMINE_FAILED,
				 "its format is newer than this raidctl knows",
				 "use the raidctl that came with the raidd "
				 "that wrote it",
				 "%s cannot be understood", c->args[0]);
	default:
		return ctl_error(c, MSG_EXAMINE_FAILED,
				 "no copy of its superblock is whole", NULL,
				 "%s is damaged", c->args[0]);
	}
}

int
cmd_examine(struct ctl *c)
{
	struct member *m = malloc(sizeof(*m));
	int err = m ? member_open(m, c->args[0]) : -ENOMEM;
	int code;

	if (err) {
		free(m);
		return examine_failed(c, err);
	}
	if (m->held)
		fprintf(stderr,
			"raidctl: %s is in use: what is shown may be "
			"changing\n",
			c->args[0]);
	examine_fill(c, m);
	code = examine_verdict(c, m);
	if (!c->json)
		print_object(c->payload);
	member_close(m);
	free(m);
	return code;
}
