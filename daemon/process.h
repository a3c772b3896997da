/* SPDX-License-Identifier: MIT */
/*
 * What a storage daemon asks of the kernel for itself: memory that stays,
 * allocations that do not wait for writeback (which may wait for us), and to
 * be the last that is killed.
 */
#ifndef RAIDD_PROCESS_H
#define RAIDD_PROCESS_H

#include <stdbool.h>

struct config;

/* Before any thread is made: they inherit it.  0, or -errno if something the
 * configuration requires was refused (logged). */
int process_harden(const struct config *c);

/* True: stderr goes to the system journal. */
bool process_logs_to_journal(void);

/*
 * Go to the background: the parent exits when process_ready() is called, or
 * with 1 if we end before.  0 or -errno.
 */
int process_background(void);
void process_ready(void);

/* Make the folder a socket will lie in.  0 or -errno. */
int process_make_folder(const char *socket_path);

#endif
