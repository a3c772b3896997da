/* SPDX-License-Identifier: MIT */
/*
 * raidd.conf.  Policy only: the shape of arrays is in their superblocks.
 * Read once at start; every key has a default.
 */
#ifndef RAIDD_CONFIG_H
#define RAIDD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "raid.h"

#define SOCKET_DEFAULT      "/run/raidd/control.sock"
#define CONFIG_PATH_DEFAULT "/etc/raidd/raidd.conf"
#define CONFIG_GLOBS_MAX    64u
#define CONFIG_TEXT_MAX     256u

enum log_target { LOG_TARGET_AUTO, LOG_TARGET_STDERR, LOG_TARGET_JOURNAL };

struct config {
	char socket[CONFIG_TEXT_MAX];
	char nbd_socket[CONFIG_TEXT_MAX]; /* "": nbd.sock beside the socket */
	char nbd_tcp[CONFIG_TEXT_MAX];    /* "": off */
	bool nbd_write_through;
	bool nbd_tcp_write_through;
	char members_file[CONFIG_TEXT_MAX]; /* "": see config_finish */
	char state_dir[CONFIG_TEXT_MAX];
	char group[CONFIG_TEXT_MAX];        /* may read; "": root's alone */
	char globs[CONFIG_GLOBS_MAX][CONFIG_TEXT_MAX];
	uint64_t glob_count;
	uint64_t log_level;  /* enum log_level */
	uint64_t log_target; /* enum log_target */
	bool lock_memory;
	bool require_io_flusher;
	int64_t oom_score_adj;
	uint64_t start_wait_s;
	uint64_t hang_wait_s;
	uint64_t rescan_s; /* 0: never */
	uint64_t queue_depth;
	uint64_t parts_max; /* the fields of struct raid_limits; 0: default */
	uint64_t dirty_units_max;
	uint64_t sums_max;
	uint64_t sums_cache_mib; /* an array's; 0: see memory.h */
	uint64_t read_error_budget;
	uint64_t io_deadline_ms;
	uint64_t slow_read_ms;
	/* From the command line, for tests/bench/cost only. */
	bool measure_bare;
	uint32_t measure_region_blocks;
};

void config_init(struct config *c);

/*
 * Read one file over the defaults.  0; -ENOENT, -errno: could not be opened;
 * -EINVAL.  error says "FILE:LINE: what".
 */
int config_read(struct config *c, const char *path, char *error,
		size_t error_bytes);
int config_parse(struct config *c, FILE *f, const char *path, char *error,
		 size_t error_bytes);

/* One scan glob from the command line; the first empties the list. */
int config_add_glob(struct config *c, const char *glob, bool first);

/* Paths that follow from others; after everything was read.  0 or
 * -ENAMETOOLONG: a socket's path is longer than the system allows. */
int config_finish(struct config *c, char *error, size_t error_bytes);

/* Every key with its default and what it means: a raidd.conf. */
void config_print_defaults(FILE *out);

/* All but page_frames_max (memory.h). */
struct raid_limits config_limits(const struct config *c);

#endif
