/* SPDX-License-Identifier: MIT */
/*
 * attach and detach: a block device of this machine for an array, by the best
 * way there is.  The kernel's NBD client where it is; else nbdfuse and a loop
 * device.
 *
 * What was made is written beside the control socket before and after each
 * step (attach/NAME/state.json), so that detach, which needs no raidd, can
 * undo whatever there is of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "kernel_nbd.h"
#include "look.h"
#include "loop.h"
#include "nbdfuse.h"

struct attach {
	char name[128];
	char dir[400];
	char state[480];
	struct nbdfuse fuse;
	int lock;
};

/* The folder is where raidd looks for it: beside the socket. */
static int
attach_paths(struct ctl *c, struct attach *at, const char *name)
{
	char socket[PATH_MAX];
	char *slash;
	int n;

	if (c->socket[0] == '/' || !realpath(c->socket, socket))
		snprintf(socket, sizeof(socket), "%s", c->socket);
	slash = strrchr(socket, '/');
	if (slash)
		*slash = '\0';
	if (strchr(name, '/') || strlen(name) >= sizeof(at->name) ||
	    name[0] == '.')
		return ctl_error(c, MSG_NAME_BAD, NULL, NULL,
				 "'%.80s' is no name for an array", name);
	snprintf(at->name, sizeof(at->name), "%s", name);
	n = snprintf(at->dir, sizeof(at->dir), "%s/attach/%s",
		     slash ? socket : ".", name);
	if (n < 0 || (size_t)n >= sizeof(at->dir))
		return ctl_error(c, MSG_ATTACH_FAILED, "its path is too long",
				 NULL, "no place for the attachment");
	snprintf(at->state, sizeof(at->state), "%s/state.json", at->dir);
	snprintf(at->fuse.mount, sizeof(at->fuse.mount), "%s/mnt", at->dir);
	snprintf(at->fuse.file, sizeof(at->fuse.file), "%s/mnt/%s", at->dir,
		 name);
	snprintf(at->fuse.pid_file, sizeof(at->fuse.pid_file), "%s/nbdfuse.pid",
		 at->dir);
	snprintf(at->fuse.log, sizeof(at->fuse.log), "%s/nbdfuse.log", at->dir);
	return EXIT_DONE;
}

static int
attach_needs_root(struct ctl *c)
{
	if (!geteuid())
		return EXIT_DONE;
	return ctl_error(c, MSG_NOT_PERMITTED, "block devices are root's",
			 "sudo raidctl ...", "%s needs root", c->verb);
}

/* One raidctl at a time for an attachment.  make: the folder too. */
static int
attach_lock(struct ctl *c, struct attach *at, bool make)
{
	int err = 0;

	if (make) {
		*strrchr(at->dir, '/') = '\0';
		if (mkdir(at->dir, 0700) < 0 && errno != EEXIST)
			err = -errno;
		at->dir[strlen(at->dir)] = '/';
		if (!err && mkdir(at->dir, 0700) < 0 && errno != EEXIST)
			err = -errno;
	}
	at->lock = err ? -1 : open(at->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at->lock >= 0 && !flock(at->lock, LOCK_EX))
		return EXIT_DONE;
	return ctl_error(c, MSG_ATTACH_FAILED, strerror(err ? -err : errno),
			 NULL, "%s", at->dir);
}

static int
state_write(const struct attach *at, const char *method, const char *device)
{
	json_t *state = json_pack("{s:s,s:s,s:s}", "name", at->name, "method",
				  method, "device", device);
	char tmp[500];
	int err;

	snprintf(tmp, sizeof(tmp), "%s.new", at->state);
	err = json_dump_file(state, tmp, JSON_INDENT(2)) ? -EIO : 0;
	json_decref(state);
	if (!err && rename(tmp, at->state) < 0)
		err = -errno;
	return err;
}

/* False: there is none.  Half done: device is "". */
static bool
state_read(const struct attach *at, char *method, size_t method_bytes,
	   char device[DEVICE_MAX])
{
	json_t *state = json_load_file(at->state, 0, NULL);

	method[0] = '\0';
	device[0] = '\0';
	if (!state)
		return false;
	snprintf(method, method_bytes, "%s", look_text(state, "method"));
	snprintf(device, DEVICE_MAX, "%s", look_text(state, "device"));
	json_decref(state);
	return true;
}

/* The loop devices of our file, whatever the state file says. */
static int
detach_loops(struct ctl *c, const struct attach *at)
{
	char device[DEVICE_MAX] = "";

	while (!loop_find(at->fuse.file, device)) {
		char users[512];
		char remedy[640];
		int err;

		device_users(device, users, sizeof(users));
		err = users[0] ? -EBUSY : loop_remove(device);
		if (!err)
			continue;
		if (err != -EBUSY)
			return ctl_error(c, MSG_DETACH_FAILED, strerror(-err),
					 NULL, "%s cannot be taken away",
					 device);
		snprintf(remedy, sizeof(remedy),
			 "end what uses it (umount %s), then: raidctl detach "
			 "%s",
			 device, at->name);
		return ctl_error(c, MSG_DETACH_BUSY,
				 users[0] ? users : "somebody has it open",
				 remedy, "%s is in use", device);
	}
	return EXIT_DONE;
}

static int
detach_kernel(struct ctl *c, const struct attach *at, const char *device)
{
	char users[512];
	char why[512];

	device_users(device, users, sizeof(users));
	if (users[0])
		return ctl_error(c, MSG_DETACH_BUSY, users,
				 "end what uses it first", "%s is in use",
				 device);
	if (!kernel_nbd_remove(device, why, sizeof(why)))
		return EXIT_DONE;
	return ctl_error(c, MSG_DETACH_FAILED, why, NULL,
			 "%s of %s cannot be taken away", device, at->name);
}

/* Undo all there is, in the right order. */
static int
detach_all(struct ctl *c, struct attach *at)
{
	char method[32];
	char device[DEVICE_MAX];
	int code = EXIT_DONE;
	int err;

	if (state_read(at, method, sizeof(method), device) &&
	    !strcmp(method, "nbd") && device[0])
		code = detach_kernel(c, at, device);
	if (!code)
		code = detach_loops(c, at);
	if (code)
		return code;
	err = nbdfuse_stop(&at->fuse);
	if (err)
		return ctl_error(c, MSG_DETACH_FAILED, strerror(-err), NULL,
				 "%s cannot be unmounted", at->fuse.mount);
	if (unlink(at->state) < 0 && errno != ENOENT)
		return ctl_error(c, MSG_DETACH_FAILED, strerror(errno), NULL,
				 "%s cannot be removed", at->state);
	return EXIT_DONE;
}

static int
attach_kernel(struct attach *at, const char *socket, const char *export_name,
	      char device[DEVICE_MAX])
{
	char why[512];
	int err = kernel_nbd_pick(device, DEVICE_MAX);

	if (!err)
		err = state_write(at, "nbd", device);
	if (!err)
		err = kernel_nbd_add(device, socket, export_name, why,
				     sizeof(why));
	if (err && err != -ENOENT)
		fprintf(stderr,
			"raidctl: the kernel's NBD client did not "
			"work (%s); trying nbdfuse\n",
			why);
	return err;
}

static int
attach_fuse(struct ctl *c, struct attach *at, const char *socket,
	    const char *export_name, char device[DEVICE_MAX])
{
	char why[1024] = "";
	int err = state_write(at, "loop", "");

	if (!err)
		err = nbdfuse_start(&at->fuse, socket, export_name, why,
				    sizeof(why));
	if (err)
		return ctl_error(c, MSG_ATTACH_FAILED,
				 why[0] ? why : strerror(-err),
				 "nbdfuse is in Debian's package libnbd-bin; "
				 "it needs /dev/fuse",
				 "nbdfuse does not serve %s", at->name);
	err = loop_add(at->fuse.file, device, why, sizeof(why));
	if (!err)
		err = state_write(at, "loop", device);
	if (err)
		return ctl_error(c, MSG_ATTACH_FAILED,
				 why[0] ? why : strerror(-err), NULL,
				 "no loop device for %s", at->name);
	return EXIT_DONE;
}

static int
attach_do(struct ctl *c, struct attach *at, const json_t *info)
{
	const json_t *export_info = json_object_get(info, "export");
	const char *socket = look_text(export_info, "nbd_socket");
	char device[DEVICE_MAX];
	char cause[1200];
	const char *method = "nbd";
	json_t *error;
	int code;

	if (attach_kernel(at, socket, at->name, device)) {
		method = "loop";
		code = attach_fuse(c, at, socket, at->name, device);
		if (code) {
			/* What failed is the news, not how it was undone. */
			error = json_incref(c->error);
			if (detach_all(c, at)) {
				snprintf(cause, sizeof(cause), "%s",
					 look_text(c->error, "message"));
				fprintf(stderr, "raidctl: %s\n", cause);
			}
			ctl_error_clear(c);
			c->error = error;
			return code;
		}
	}
	c->payload = json_pack("{s:s,s:s,s:s,s:b}", "name", at->name, "device",
			       device, "method", method, "already", false);
	return EXIT_DONE;
}

/* 0: it is there and works; else it must be made (anew). */
static int
attach_is_done(const struct attach *at, char device[DEVICE_MAX], char *method,
	       size_t method_bytes)
{
	if (!state_read(at, method, method_bytes, device) || !device[0])
		return -ENOENT;
	return device_try(device);
}

static int
attach_locked(struct ctl *c, struct attach *at, const json_t *info)
{
	char method[32];
	char device[DEVICE_MAX];
	int code;

	if (!attach_is_done(at, device, method, sizeof(method))) {
		c->payload = json_pack("{s:s,s:s,s:s,s:b}", "name", at->name,
				       "device", device, "method", method,
				       "already", true);
		return EXIT_DONE;
	}
	/* Half done, or cut off from a raidd that is no more. */
	code = detach_all(c, at);
	return code ? code : attach_do(c, at, info);
}

int
cmd_attach(struct ctl *c)
{
	struct attach at = {.lock = -1};
	json_t *info = NULL;
	int code = attach_needs_root(c);

	if (!code)
		code = client_call(c, "attach.info",
				   json_pack("{s:s}", "name", c->args[0]),
				   WAIT_READ_S, &info);
	/* It may have been asked for by UUID. */
	if (!code)
		code = attach_paths(
			c, &at,
			look_text(json_object_get(info, "export"), "name"));
	if (!code)
		code = attach_lock(c, &at, true);
	if (!code)
		code = attach_locked(c, &at, info);
	if (at.lock >= 0)
		close(at.lock);
	json_decref(info);
	if (!code && !c->json)
		printf("%s\n", look_text(c->payload, "device"));
	return code;
}

int
cmd_detach(struct ctl *c)
{
	struct attach at = {.lock = -1};
	char parent[400];
	int code = attach_needs_root(c);

	if (!code)
		code = attach_paths(c, &at, c->args[0]);
	if (code)
		return code;
	if (access(at.dir, F_OK)) {
		if (!c->json)
			printf("%s is not attached\n", at.name);
		c->payload = json_pack("{s:s}", "name", at.name);
		return EXIT_DONE;
	}
	code = attach_lock(c, &at, false);
	if (!code)
		code = detach_all(c, &at);
	if (!code) {
		rmdir(at.dir);
		snprintf(parent, sizeof(parent), "%s", at.dir);
		*strrchr(parent, '/') = '\0';
		/* Stays if another array is attached. */
		rmdir(parent);
		c->payload = json_pack("{s:s}", "name", at.name);
	}
	if (at.lock >= 0)
		close(at.lock);
	if (!code && !c->json)
		printf("%s is detached\n", at.name);
	return code;
}
