/* SPDX-License-Identifier: MIT */
#include "kernel_nbd.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "run.h"

#define DEVICES_MAX 256u

static int
module_load(void)
{
	const char *const argv[] = {"modprobe", "-q", "nbd", NULL};
	char out[64];
	char err[256];

	if (!access("/sys/module/nbd", F_OK))
		return 0;
	if (run(argv, out, sizeof(out), err, sizeof(err)))
		return -ENOENT;
	return access("/sys/module/nbd", F_OK) ? -ENOENT : 0;
}

int
kernel_nbd_pick(char *device, size_t device_bytes)
{
	if (!run_exists("nbd-client") || module_load())
		return -ENOENT;
	for (unsigned i = 0; i < DEVICES_MAX; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/block/nbd%u", i);
		if (access(path, F_OK))
			return -ENOENT;
		/* It is there as long as somebody is connected. */
		snprintf(path, sizeof(path), "/sys/block/nbd%u/pid", i);
		if (!access(path, F_OK))
			continue;
		snprintf(device, device_bytes, "/dev/nbd%u", i);
		return 0;
	}
	return -ENOENT;
}

int
kernel_nbd_add(const char *device, const char *socket, const char *export_name,
	       char *why, size_t why_bytes)
{
	const char *const argv[] = {"nbd-client", "-unix",     socket, device,
				    "-N",         export_name, "-b",   "4096",
				    "-C",         "4",         NULL};
	char out[256];
	int res = run(argv, out, sizeof(out), why, why_bytes);

	return res > 0 ? -EIO : res;
}

int
kernel_nbd_remove(const char *device, char *why, size_t why_bytes)
{
	const char *const argv[] = {"nbd-client", "-d", device, NULL};
	char out[256];
	int res = run(argv, out, sizeof(out), why, why_bytes);

	return res > 0 ? -EIO : res;
}
