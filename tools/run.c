/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_NO_EXEC 127

bool
run_exists(const char *program)
{
	const char *path = getenv("PATH");
	char full[4096];

	while (path && *path) {
		size_t length = strcspn(path, ":");

		snprintf(full, sizeof(full), "%.*s/%s", (int)length, path,
			 program);
		if (!access(full, X_OK))
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

/* What a temporary file has, in a text. */
static void
take_text(int fd, char *text, size_t bytes)
{
	ssize_t n = pread(fd, text, bytes - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
}

static int
temporary(void)
{
	char name[] = "/tmp/raidctl.XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	if (fd >= 0)
		unlink(name);
	return fd;
}

static _Noreturn void
child_exec(const char *const argv[], int in, int out, int err)
{
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
	    dup2(err, STDERR_FILENO) >= 0)
		/* It takes them as char *, and leaves them alone. */
		execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(EXIT_NO_EXEC);
}

static int
run_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!WIFEXITED(status))
		return -EINTR;
	return WEXITSTATUS(status) == EXIT_NO_EXEC ? -ENOENT
						   : WEXITSTATUS(status);
}

int
run(const char *const argv[], char *out, size_t out_bytes, char *err,
    size_t err_bytes)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out_fd = temporary();
	int err_fd = temporary();
	int res = -EIO;

	out[0] = '\0';
	err[0] = '\0';
	if (null >= 0 && out_fd >= 0 && err_fd >= 0) {
		pid_t pid = fork();

		if (!pid)
			child_exec(argv, null, out_fd, err_fd);
		res = pid < 0 ? -errno : run_wait(pid);
		take_text(out_fd, out, out_bytes);
		take_text(err_fd, err, err_bytes);
	}
	if (null >= 0)
		close(null);
	if (out_fd >= 0)
		close(out_fd);
	if (err_fd >= 0)
		close(err_fd);
	return res;
}

/* As good as it goes: without the capability it runs all the same. */
static void
child_harden(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : write(fd, "-1000", 5);

	if (fd >= 0)
		close(fd);
	if (n < 0 || prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) < 0)
		return;
}

pid_t
run_aside(const char *const argv[], const char *log_path)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int log =
		open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t pid = -EIO;

	if (null >= 0 && log >= 0) {
		pid = fork();
		if (!pid) {
			setsid();
			if (chdir("/") < 0)
				_exit(EXIT_NO_EXEC);
			child_harden();
			child_exec(argv, null, log, log);
		}
		if (pid < 0)
			pid = -errno;
	}
	if (null >= 0)
		close(null);
	if (log >= 0)
		close(log);
	return pid;
}
