/* SPDX-License-Identifier: MIT */
/* Other programs: run to their end, or left running. */
#ifndef RAIDCTL_RUN_H
#define RAIDCTL_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

bool run_exists(const char *program);

/*
 * Run to the end.  out, err: what it wrote there, cut to the room, last
 * newline gone.  0; >0: its exit status; -errno.
 */
int run(const char *const argv[], char *out, size_t out_bytes, char *err,
	size_t err_bytes);

/*
 * Leave running, in a session of its own, its output in a file.  It backs a
 * block device: it shall not be killed for memory, nor wait for writeback
 * that waits for it.  Its pid, or -errno.
 */
pid_t run_aside(const char *const argv[], const char *log_path);

#endif
