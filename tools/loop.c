/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define REMOVE_WAITS  100 /* of a tenth of a second */
#define PATH_TEXT_MAX (PATH_MAX + 64)

int
loop_add(const char *file, char device[DEVICE_MAX], char *why, size_t why_bytes)
{
	const char *const argv[] = {
		"losetup",       "--find", "--show", "--direct-io=on",
		"--sector-size", "4096",   file,     NULL};
	int res = run(argv, device, DEVICE_MAX, why, why_bytes);

	if (res < 0)
		return res;
	return res || strncmp(device, "/dev/", 5) ? -EIO : 0;
}

/* The first line of a file in sysfs. */
static bool
line_of(const char *path, char *out, size_t bytes)
{
	FILE *f = fopen(path, "re");
	bool got;

	if (!f)
		return false;
	got = fgets(out, (int)bytes, f) != NULL;
	fclose(f);
	out[got ? strcspn(out, "\n") : 0] = '\0';
	return got;
}

static bool
loop_has(unsigned number, const char *file)
{
	char path[128];
	char backing[PATH_MAX];
	size_t length = strlen(file);

	snprintf(path, sizeof(path), "/sys/block/loop%u/loop/backing_file",
		 number);
	/* Its mount may be gone already: "... (deleted)". */
	return line_of(path, backing, sizeof(backing)) &&
	       !strncmp(backing, file, length) &&
	       (!backing[length] || backing[length] == ' ');
}

int
loop_find(const char *file, char device[DEVICE_MAX])
{
	unsigned first = 0;
	unsigned best = UINT_MAX;
	struct dirent *e;
	DIR *d;

	if (sscanf(device, "/dev/loop%u", &first) == 1)
		first++;
	d = opendir("/sys/block");
	while (d && (e = readdir(d))) {
		unsigned number;

		if (sscanf(e->d_name, "loop%u", &number) == 1 &&
		    number >= first && number < best && loop_has(number, file))
			best = number;
	}
	if (d)
		closedir(d);
	if (best == UINT_MAX)
		return -ENOENT;
	snprintf(device, DEVICE_MAX, "/dev/loop%u", best);
	return 0;
}

static bool
loop_is_set(const char *device)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file",
		 device + strlen("/dev/"));
	return !access(path, F_OK);
}

int
loop_remove(const char *device)
{
	const struct timespec tenth = {.tv_nsec = 100000000};
	int fd = open(device, O_RDWR | O_CLOEXEC);
	int err = 0;

	if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM))
		fd = open(device, O_RDONLY | O_CLOEXEC); /* of a salvage */
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		fprintf(stderr,
			"raidctl: %s: the last flush failed: %s; if raidd "
			"ended while it was attached, that is to be expected: "
			"what had been flushed before is on the array\n",
			device, strerror(errno));
	if (ioctl(fd, LOOP_CLR_FD) < 0 && errno != ENXIO)
		err = -errno;
	close(fd);
	for (int i = 0; i < REMOVE_WAITS && !err; i++) {
		if (!loop_is_set(device))
			return 0;
		nanosleep(&tenth, NULL);
	}
	return err ? err : -EBUSY;
}

static void users_add(char *out, size_t bytes, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void
users_add(char *out, size_t bytes, const char *fmt, ...)
{
	size_t used = strlen(out);
	va_list ap;

	if (used && used + 2 < bytes) {
		memcpy(out + used, ", ", 3);
		used += 2;
	}
	va_start(ap, fmt);
	vsnprintf(out + used, bytes - used, fmt, ap);
	va_end(ap);
}

static void
users_mounts(dev_t dev, char *out, size_t bytes)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[2 * PATH_MAX];
	char point[PATH_MAX];
	unsigned maj;
	unsigned min;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &maj, &min,
			   point) == 3 &&
		    makedev(maj, min) == dev)
			users_add(out, bytes, "mounted at %s", point);
	if (f)
		fclose(f);
}

static void
users_holders(const char *device, char *out, size_t bytes)
{
	char path[128];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/block/%s/holders",
		 device + strlen("/dev/"));
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			users_add(out, bytes, "part of %s", e->d_name);
	if (d)
		closedir(d);
}

static void
users_swap(const char *device, char *out, size_t bytes)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[PATH_MAX];
	size_t length = strlen(device);

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, device, length) &&
		    isspace((unsigned char)line[length]))
			users_add(out, bytes, "swap");
	if (f)
		fclose(f);
}

/* Does this process have it open?  By the links' text: what they lead to may
 * not answer. */
static bool
process_has(const char *pid, const char *device)
{
	char path[PATH_TEXT_MAX];
	char target[PATH_MAX];
	struct dirent *e;
	bool has = false;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	d = opendir(path);
	while (d && !has && (e = readdir(d))) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, e->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		has = !strcmp(target, device);
	}
	if (d)
		closedir(d);
	return has;
}

static void
users_processes(const char *device, char *out, size_t bytes)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[PATH_TEXT_MAX];
		char name[64] = "?";

		if (!isdigit((unsigned char)e->d_name[0]) ||
		    atoi(e->d_name) == getpid() ||
		    !process_has(e->d_name, device))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		line_of(path, name, sizeof(name));
		users_add(out, bytes, "open by %s (pid %s)", name, e->d_name);
	}
	if (d)
		closedir(d);
}

void
device_users(const char *device, char *out, size_t out_bytes)
{
	struct stat st;

	out[0] = '\0';
	if (stat(device, &st) < 0)
		return;
	users_mounts(st.st_rdev, out, out_bytes);
	users_holders(device, out, out_bytes);
	users_swap(device, out, out_bytes);
	users_processes(device, out, out_bytes);
}

int
device_try(const char *device)
{
	void *buf;
	int err = 0;
	int fd = open(device, O_RDONLY | O_CLOEXEC | O_DIRECT);

	if (fd < 0)
		return -errno;
	if (posix_memalign(&buf, 4096, 4096)) {
		close(fd);
		return -ENOMEM;
	}
	if (pread(fd, buf, 4096, 0) != 4096)
		err = errno ? -errno : -EIO;
	free(buf);
	close(fd);
	return err;
}
