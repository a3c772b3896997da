/* SPDX-License-Identifier: MIT */
#include "candidate.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "rng.h"
#include "run.h"

/* For one that waits: the limit of processor time does not end it. */
#define CANDIDATE_SECONDS 300u

void
candidate_only(struct candidate *c, const uint64_t *ops, size_t count)
{
	c->ops.count = 0;
	for (size_t i = 0; i < count; i++)
		opset_append(&c->ops, ops[i]);
	c->options.only_ops = &c->ops;
}

void
candidate_copy(struct candidate *to, const struct candidate *from)
{
	struct opset ops = to->ops;

	*to = *from;
	to->ops = ops;
	to->ops.count = 0;
	if (from->options.only_ops == NULL)
		return;
	opset_copy(&to->ops, from->options.only_ops);
	to->options.only_ops = &to->ops;
}

void
candidate_fini(struct candidate *c)
{
	opset_fini(&c->ops);
}

struct verdict *
verdict_new(void)
{
	struct verdict *v = mmap(NULL, sizeof(*v), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(v != MAP_FAILED);
	return v;
}

_Noreturn static void
candidate_run(const struct candidate *c, unsigned seconds, struct verdict *v,
	      FILE *out)
{
	struct rlimit limit = {seconds, seconds + 1};
	int fd = out != NULL ? fileno(out) : open("/dev/null", O_WRONLY);

	CHECK(fd >= 0);
	/* A look at what would be is a child, and has the limit too. */
	CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
	limit = (struct rlimit){0, 0};
	CHECK(setrlimit(RLIMIT_CORE, &limit) == 0);
	alarm(CANDIDATE_SECONDS);
	CHECK(dup2(fd, STDOUT_FILENO) >= 0);
	if (out == NULL)
		CHECK(dup2(fd, STDERR_FILENO) >= 0);
	verdict_wanted = v;
	run_options(&c->options, c->seed, out != NULL);
	exit(0);
}

bool
candidate_fails(const struct candidate *c, unsigned seconds, struct verdict *v,
		FILE *out)
{
	int status;
	pid_t pid;

	memset(v, 0, sizeof(*v));
	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		candidate_run(c, seconds, v, out);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (status == 0)
		return false;
	if (v->invariant[0] != '\0')
		return true;
	if (WIFSIGNALED(status))
		snprintf(v->invariant, sizeof(v->invariant), "signal %d",
			 WTERMSIG(status));
	else
		snprintf(v->invariant, sizeof(v->invariant), "exit %d",
			 WEXITSTATUS(status));
	return true;
}

uint64_t *
candidate_sent(const struct candidate *c, const struct verdict *v,
	       size_t *count)
{
	uint64_t total = 0, *ops;

	for (unsigned run = 0; run <= SIM_RUN_CALM; run++)
		total += v->drawn[run];
	ops = calloc(total + 1, sizeof(*ops));
	CHECK(ops != NULL);
	*count = 0;
	for (unsigned run = 0; run <= SIM_RUN_CALM; run++)
		for (uint64_t i = 0; i < v->drawn[run]; i++) {
			uint64_t op = rng_index(run, i);

			if (c->options.only_ops == NULL ||
			    opset_has(c->options.only_ops, op))
				ops[(*count)++] = op;
		}
	return ops;
}
