/* SPDX-License-Identifier: MIT */
/* The daemon as a process. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "log.h"

static int ready_pipe = -1;

/* The flag is read back: a kernel that ignores it must not pass for one that
 * took it. */
static int
io_flusher_set(void)
{
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0) == 1 ? 0 : -ENOSYS;
}

static int
oom_score_set(int64_t score)
{
	char text[16];
	int err = 0;
	int n = snprintf(text, sizeof(text), "%d", (int)score);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)n) != n)
		err = -errno;
	close(fd);
	return err;
}

static void
files_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_info(NULL, "number of open files stays limited: %s",
			 strerror(errno));
}

int
process_harden(const struct config *c)
{
	int err;

	files_limit_raise();
	if (c->lock_memory &&
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_warning(NULL,
			    "memory cannot be locked (%s): under memory "
			    "pressure the daemon may stall",
			    strerror(errno));
	err = oom_score_set(c->oom_score_adj);
	if (err)
		log_warning(NULL, "oom_score_adj %d was refused: %s",
			    (int)c->oom_score_adj, strerror(-err));
	err = io_flusher_set();
	if (!err)
		return 0;
	log_line(c->require_io_flusher ? LOG_ERROR : LOG_WARNING, NULL,
		 "PR_SET_IO_FLUSHER was refused (%s): a file system of this "
		 "machine on an array of ours may deadlock when memory is "
		 "short; it takes CAP_SYS_RESOURCE%s",
		 strerror(-err),
		 c->require_io_flusher ? ", and require_io_flusher is set"
				       : "");
	return c->require_io_flusher ? err : 0;
}

bool
process_logs_to_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev;
	unsigned long long ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == dev &&
	       st.st_ino == ino;
}

static _Noreturn void
parent_wait(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	_exit(n == 1 ? 0 : 1);
}

int
process_background(void)
{
	int fds[2];
	pid_t pid;
	int null;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(fds[1]);
		parent_wait(fds[0]);
	}
	close(fds[0]);
	ready_pipe = fds[1];
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0)
		return -errno;
	close(null);
	return 0;
}

void
process_ready(void)
{
	if (ready_pipe < 0)
		return;
	if (write(ready_pipe, "", 1) != 1)
		log_info(NULL, "nobody waited for us to be ready");
	close(ready_pipe);
	ready_pipe = -1;
}

int
process_make_folder(const char *socket_path)
{
	char dir[CONFIG_TEXT_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", socket_path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	for (slash = strchr(dir + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}
