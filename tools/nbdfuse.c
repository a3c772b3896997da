/* SPDX-License-Identifier: MIT */
#include "nbdfuse.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define START_WAITS 300 /* of a tenth of a second */
#define STOP_WAITS  50
#define CONNECTIONS "4"

static void
tenth(void)
{
	const struct timespec t = {.tv_nsec = 100000000};

	nanosleep(&t, NULL);
}

/* A path in a URI: only what cannot be misread stays as it is. */
static void
uri_quote(const char *text, char *out, size_t bytes)
{
	size_t used = 0;

	for (; *text && used + 4 < bytes; text++) {
		unsigned char c = (unsigned char)*text;

		if (isalnum(c) || strchr("/._-~", c))
			out[used++] = (char)c;
		else
			used += (size_t)snprintf(out + used, bytes - used,
						 "%%%02X", c);
	}
	out[used] = '\0';
}

static void
last_words(const char *log, char *why, size_t bytes)
{
	int fd = open(log, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, why, bytes - 1);

	why[n < 0 ? 0 : n] = '\0';
	for (char *c = why; *c; c++)
		if (*c == '\n')
			*c = c[1] ? ';' : '\0';
	if (fd >= 0)
		close(fd);
}

static pid_t
pid_of(const char *pid_file)
{
	FILE *f = fopen(pid_file, "re");
	int pid = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return pid;
}

/* Older ones take one connection only. */
static bool
takes_connections(void)
{
	const char *const argv[] = {"nbdfuse", "--help", NULL};
	char out[8192];
	char err[256];

	return !run(argv, out, sizeof(out), err, sizeof(err)) &&
	       strstr(out, "--connections");
}

/* Until its pid file says that it serves. */
static int
wait_until_ready(const struct nbdfuse *f, pid_t child)
{
	for (int i = 0; i < START_WAITS; i++) {
		int status;

		if (pid_of(f->pid_file) && nbdfuse_is_mounted(f) &&
		    !access(f->file, F_OK))
			return 0;
		if (waitpid(child, &status, WNOHANG) == child)
			return -EIO;
		tenth();
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return -ETIMEDOUT;
}

int
nbdfuse_start(const struct nbdfuse *f, const char *socket,
	      const char *export_name, char *why, size_t why_bytes)
{
	char quoted[1024];
	char uri[1400];
	const char *argv[10];
	int n = 0;
	pid_t child;
	int err;

	why[0] = '\0';
	uri_quote(socket, quoted, sizeof(quoted));
	snprintf(uri, sizeof(uri), "nbd+unix:///%s?socket=%s", export_name,
		 quoted);
	if (mkdir(f->mount, 0700) < 0 && errno != EEXIST)
		return -errno;
	unlink(f->pid_file);
	argv[n++] = "nbdfuse";
	argv[n++] = "-P";
	argv[n++] = f->pid_file;
	if (takes_connections()) {
		argv[n++] = "-C";
		argv[n++] = CONNECTIONS;
	}
	argv[n++] = f->file;
	argv[n++] = uri;
	argv[n] = NULL;
	child = run_aside(argv, f->log);
	if (child < 0)
		return child;
	err = wait_until_ready(f, child);
	if (err)
		last_words(f->log, why, why_bytes);
	return err;
}

/* mountinfo has "\\040" for a space. */
static void
unescape(char *text)
{
	char *to = text;

	while (*text) {
		unsigned c;

		if (text[0] == '\\' && sscanf(text + 1, "%3o", &c) == 1) {
			*to++ = (char)c;
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

bool
nbdfuse_is_mounted(const struct nbdfuse *f)
{
	FILE *info = fopen("/proc/self/mountinfo", "re");
	char line[2 * PATH_MAX];
	char point[PATH_MAX];
	bool mounted = false;

	while (info && !mounted && fgets(line, sizeof(line), info)) {
		if (sscanf(line, "%*d %*d %*s %*s %4095s", point) != 1)
			continue;
		unescape(point);
		mounted = !strcmp(point, f->mount);
	}
	if (info)
		fclose(info);
	return mounted;
}

/* A number in a file may be another process's by now. */
static bool
pid_is_nbdfuse(pid_t pid)
{
	char path[64];
	char name[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(name, sizeof(name), f))
		name[0] = '\0';
	fclose(f);
	return !strcmp(name, "nbdfuse\n");
}

static void
see_out(pid_t pid)
{
	const int signals[] = {0, SIGTERM, SIGKILL};

	if (pid <= 0)
		return;
	for (unsigned s = 0; s < 3; s++) {
		for (int i = 0; i < STOP_WAITS; i++) {
			/* It may be our own child, of an attach that failed. */
			waitpid(pid, NULL, WNOHANG);
			if (!pid_is_nbdfuse(pid))
				return;
			if (!i && signals[s])
				kill(pid, signals[s]);
			tenth();
		}
	}
}

int
nbdfuse_stop(const struct nbdfuse *f)
{
	pid_t pid = pid_of(f->pid_file);
	int err = 0;

	for (int i = 0; i < STOP_WAITS && nbdfuse_is_mounted(f); i++) {
		if (!umount2(f->mount, UMOUNT_NOFOLLOW))
			break;
		err = -errno;
		if (err != -EBUSY)
			break;
		tenth();
	}
	if (nbdfuse_is_mounted(f) &&
	    umount2(f->mount, MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return -errno;
	see_out(pid);
	unlink(f->pid_file);
	unlink(f->log);
	if (rmdir(f->mount) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}
