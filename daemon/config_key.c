/* SPDX-License-Identifier: MIT */
#include "config_key.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "log.h"

static const char *const level_words[] = {
	[LOG_ERROR] = "error",   [LOG_WARNING] = "warning",
	[LOG_NOTICE] = "notice", [LOG_INFO] = "info",
	[LOG_DEBUG_] = "debug",  NULL,
};

static const char *const target_words[] = {
	[LOG_TARGET_AUTO] = "auto",
	[LOG_TARGET_STDERR] = "stderr",
	[LOG_TARGET_JOURNAL] = "journal",
	NULL,
};

#define AT(field) offsetof(struct config, field)
#define UINT(section, field, def, min, max, help)                          \
	{                                                                  \
		section, #field, KEY_UINT, AT(field), def, min, max, NULL, \
			help                                               \
	}
#define TEXT(section, field, def, help)                                     \
	{                                                                   \
		section, #field, KEY_TEXT, AT(field), def, 0, 0, NULL, help \
	}
#define BOOL(section, field, def, help)                                     \
	{                                                                   \
		section, #field, KEY_BOOL, AT(field), def, 0, 0, NULL, help \
	}
#define WORD(section, field, def, words, help)                               \
	{                                                                    \
		section, #field, KEY_WORD, AT(field), def, 0, 0, words, help \
	}

const struct key config_keys[] = {
	TEXT("raidd", socket, SOCKET_DEFAULT, "control socket, for raidctl"),
	TEXT("raidd", nbd_socket, "",
	     "NBD socket; empty: nbd.sock beside the control socket"),
	TEXT("raidd", nbd_tcp, "",
	     "address:port for NBD over TCP, loopback only; empty: off"),
	BOOL("raidd", nbd_write_through, "no",
	     "writes on the NBD socket are durable when answered"),
	BOOL("raidd", nbd_tcp_write_through, "yes",
	     "writes on NBD over TCP are durable when answered"),
	TEXT("raidd", members_file, "",
	     "disks seen, for messages; empty: /var/lib/raidd/members.json"),
	TEXT("raidd", state_dir, "/var/lib/raidd",
	     "where recoveries are written down"),
	TEXT("raidd", group, "",
	     "group that may read status over the control socket"),
	{"raidd", "scan", KEY_GLOBS, AT(globs),
	 "/dev/disk/by-id/* /dev/sd* /dev/vd* /dev/nvme*n* /dev/mapper/*", 0, 0,
	 NULL, "where members are looked for: patterns, split by spaces"},
	WORD("raidd", log_level, "info", level_words,
	     "error, warning, notice, info or debug"),
	WORD("raidd", log_target, "auto", target_words,
	     "stderr, journal, or auto: the journal under systemd"),
	BOOL("raidd", lock_memory, "yes", "keep all memory in RAM"),
	BOOL("raidd", require_io_flusher, "no",
	     "do not start without PR_SET_IO_FLUSHER"),
	{"raidd", "oom_score_adj", KEY_INT, AT(oom_score_adj), "-1000", -1000,
	 1000, NULL, "-1000: never chosen when memory runs out"},
	UINT("raidd", start_wait_s, "10", 0, 600,
	     "how long to wait for members that are busy, in seconds"),
	UINT("raidd", hang_wait_s, "60", 1, 3600,
	     "a start or a stop that takes longer is given up, in seconds"),
	UINT("raidd", rescan_s, "10", 0, 86400,
	     "look again this often while an array waits; 0: never"),
	UINT("limits", queue_depth, "128", 1, 4096,
	     "I/Os in flight on each member"),
	UINT("limits", parts_max, "0", 0, 65536,
	     "parts of requests in flight, each array; 0: the default"),
	UINT("limits", dirty_units_max, "0", 0, 16777216,
	     "units of 64 KiB that may be dirty, each set; 0: the default"),
	UINT("limits", sums_max, "0", 0, 268435456,
	     "sums no page holds yet, each set; 0: the default"),
	UINT("limits", sums_cache_mib, "0", 0, 16777216,
	     "memory for sums of an array, 1 MiB for 1 GiB of data; 0: for all "
	     "of it, within a quarter of the machine's memory"),
	UINT("limits", read_error_budget, "0", 0, 1000000,
	     "bad reads before a leg is dropped, halved hourly; 0: the "
	     "default"),
	UINT("limits", io_deadline_ms, "8000", 1000, 600000,
	     "a leg that takes longer is dropped if another answers, in ms"),
	UINT("limits", slow_read_ms, "50", 1, 600000,
	     "a read that takes longer is asked of another leg, in ms"),
};

const unsigned config_key_count = ARRAY_SIZE(config_keys);
static_assert(ARRAY_SIZE(config_keys) <= CONFIG_KEYS_MAX, "room for all keys");

int
text_set(char *to, size_t room, const char *text)
{
	size_t bytes = strlen(text) + 1;

	if (bytes > room)
		return -ENAMETOOLONG;
	memcpy(to, text, bytes);
	return 0;
}

int
config_add_glob(struct config *c, const char *glob, bool first)
{
	if (first)
		c->glob_count = 0;
	if (c->glob_count == CONFIG_GLOBS_MAX)
		return -E2BIG;
	if (text_set(c->globs[c->glob_count], CONFIG_TEXT_MAX, glob))
		return -ENAMETOOLONG;
	c->glob_count++;
	return 0;
}

static int
key_globs(struct config *c, const char *value, bool first)
{
	char copy[INI_LINE_BYTES * 2];
	char *save;
	int err = 0;

	if (first)
		c->glob_count = 0;
	if (text_set(copy, sizeof(copy), value))
		return -ENAMETOOLONG;
	for (char *w = strtok_r(copy, " \t", &save); w && !err;
	     w = strtok_r(NULL, " \t", &save))
		err = config_add_glob(c, w, false);
	return err;
}

static int
key_number(const struct key *k, const char *value, int64_t *out)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(value, &end, 10);
	if (errno || end == value || *end || isspace((unsigned char)*value))
		return -EINVAL;
	if (n < k->min || n > k->max)
		return -ERANGE;
	*out = n;
	return 0;
}

static int
key_bool(const char *value, bool *out)
{
	if (!strcmp(value, "yes") || !strcmp(value, "true"))
		*out = true;
	else if (!strcmp(value, "no") || !strcmp(value, "false"))
		*out = false;
	else
		return -EINVAL;
	return 0;
}

static int
key_word(const struct key *k, const char *value, uint64_t *out)
{
	for (unsigned i = 0; k->words[i]; i++) {
		if (!strcmp(k->words[i], value)) {
			*out = i;
			return 0;
		}
	}
	return -EINVAL;
}

int
key_set(struct config *c, const struct key *k, const char *value, bool more)
{
	void *at = (char *)c + k->at;
	int64_t n = 0;
	int err = 0;

	switch (k->type) {
	case KEY_TEXT:
		return text_set(at, CONFIG_TEXT_MAX, value);
	case KEY_GLOBS:
		return key_globs(c, value, !more);
	case KEY_BOOL:
		return key_bool(value, at);
	case KEY_WORD:
		return key_word(k, value, at);
	case KEY_UINT:
	case KEY_INT:
		err = key_number(k, value, &n);
		if (!err)
			memcpy(at, &n, sizeof(n));
		return err;
	}
	return -EINVAL;
}
