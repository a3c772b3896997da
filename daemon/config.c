/* SPDX-License-Identifier: MIT */
/*
 * raidd.conf, driven by one table: parsing, defaults and their printing.
 *
 * libinih calls its handler while a line is being worked on, so the reader
 * given to it counts the lines; it also looks for what libinih would let
 * pass: lines cut at its limit and unknown sections without a key.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "log.h"

/* As Debian's libinih was built. */
#define INI_LINE_BYTES 200

enum key_type { KEY_TEXT, KEY_GLOBS, KEY_BOOL, KEY_UINT, KEY_INT, KEY_WORD };

struct key {
	const char *section;
	const char *name;
	enum key_type type;
	size_t at; /* in struct config */
	const char *def;
	int64_t min;
	int64_t max;
	const char *const *words;
	const char *help;
};

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

static const struct key keys[] = {
	TEXT("raidd", socket, "/run/raidd/control.sock",
	     "control socket, for raidctl"),
	TEXT("raidd", nbd_socket, "",
	     "NBD socket; empty: nbd.sock beside the control socket"),
	TEXT("raidd", nbd_tcp, "",
	     "address:port for NBD over TCP, loopback only; empty: off"),
	BOOL("raidd", nbd_write_through, "no",
	     "writes on the NBD socket are durable when answered"),
	BOOL("raidd", nbd_tcp_write_through, "yes",
	     "writes on NBD over TCP are durable when answered"),
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

struct config_run {
	struct config *config;
	FILE *file;
	const char *path;
	unsigned line;
	bool scan_given; /* the file's list replaces the default */
	bool given[ARRAY_SIZE(keys)];
	char *error; /* the first one; "": none yet */
	size_t error_bytes;
};

static int config_error(struct config_run *run, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Returns 0, libinih's word for failure. */
static int
config_error(struct config_run *run, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (run->error[0])
		return 0;
	n = snprintf(run->error, run->error_bytes, "%s:%u: ", run->path,
		     run->line);
	if (n < 0 || (size_t)n >= run->error_bytes)
		return 0;
	va_start(ap, fmt);
	vsnprintf(run->error + n, run->error_bytes - (size_t)n, fmt, ap);
	va_end(ap);
	return 0;
}

/* Whole, or not at all. */
static int
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

/* more: a further line of a list. */
static int
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

void
config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		int err = key_set(c, &keys[i], keys[i].def, false);

		CHECK(!err);
	}
}

static bool
section_is_known(const char *section)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].section, section))
			return true;
	return false;
}

static int
key_error(struct config_run *run, const struct key *k, const char *value,
	  int err)
{
	switch (k->type) {
	case KEY_BOOL:
		return config_error(run, "%s: '%s' is neither yes nor no",
				    k->name, value);
	case KEY_WORD:
		return config_error(run, "%s: '%s' is not one of: %s", k->name,
				    value, k->help);
	case KEY_UINT:
	case KEY_INT:
		return config_error(run,
				    "%s: '%s' is not a whole number from %lld "
				    "to %lld",
				    k->name, value, (long long)k->min,
				    (long long)k->max);
	case KEY_TEXT:
	case KEY_GLOBS:
		break;
	}
	return config_error(run, "%s: %s", k->name,
			    err == -E2BIG ? "too many patterns"
					  : "value too long");
}

static int
key_unknown(struct config_run *run, const char *section, const char *name)
{
	char known[512] = "";
	size_t used = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		int n;

		if (strcmp(keys[i].section, section))
			continue;
		n = snprintf(known + used, sizeof(known) - used, "%s%s",
			     used ? ", " : "", keys[i].name);
		if (n < 0 || (size_t)n >= sizeof(known) - used)
			break;
		used += (size_t)n;
	}
	return config_error(run, "unknown key '%s' in [%s]; known: %s", name,
			    section, known);
}

static int
config_handler(void *arg, const char *section, const char *name,
	       const char *value)
{
	struct config_run *run = arg;

	if (run->error[0])
		return 0;
	if (!section[0])
		return config_error(run, "key '%s' before any [section]", name);
	if (!section_is_known(section))
		return config_error(run, "unknown section [%s]", section);
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct key *k = &keys[i];
		int err;

		if (strcmp(k->section, section) || strcmp(k->name, name))
			continue;
		if (run->given[i] && k->type != KEY_GLOBS)
			return config_error(run, "%s is given twice", name);
		err = key_set(run->config, k, value, run->given[i]);
		run->given[i] = true;
		return err ? key_error(run, k, value, err) : 1;
	}
	return key_unknown(run, section, name);
}

/* A section that no key follows never reaches the handler. */
static void
config_look_at_section(struct config_run *run, const char *line)
{
	char section[INI_LINE_BYTES];
	const char *end;

	while (isspace((unsigned char)*line))
		line++;
	if (*line != '[')
		return;
	end = strchr(line, ']');
	if (!end)
		return;
	snprintf(section, sizeof(section), "%.*s", (int)(end - line - 1),
		 line + 1);
	if (!section_is_known(section))
		config_error(run, "unknown section [%s]", section);
}

static char *
config_reader(char *buf, int bytes, void *stream)
{
	struct config_run *run = stream;
	size_t length;

	if (run->error[0] || !fgets(buf, bytes, run->file))
		return NULL;
	run->line++;
	length = strlen(buf);
	if (length && buf[length - 1] != '\n' && !feof(run->file)) {
		config_error(run, "line longer than %d characters", bytes - 2);
		return NULL;
	}
	config_look_at_section(run, buf);
	return buf;
}

int
config_parse(struct config *c, FILE *f, const char *path, char *error,
	     size_t error_bytes)
{
	struct config_run run = {.config = c,
				 .file = f,
				 .path = path,
				 .error = error,
				 .error_bytes = error_bytes};
	int line;

	error[0] = '\0';
	line = ini_parse_stream(config_reader, &run, config_handler, &run);
	if (line < 0)
		return -ENOMEM;
	if (line > 0 && !error[0]) {
		run.line = (unsigned)line;
		config_error(&run, "neither [section], key = value nor "
				   "; comment");
	}
	if (!error[0] && ferror(f)) {
		snprintf(error, error_bytes, "%s: cannot be read", path);
		return -EIO;
	}
	return error[0] ? -EINVAL : 0;
}

int
config_read(struct config *c, const char *path, char *error, size_t error_bytes)
{
	FILE *f = fopen(path, "re");
	int err;

	if (!f) {
		err = -errno;
		snprintf(error, error_bytes, "%s: %s", path, strerror(-err));
		return err;
	}
	err = config_parse(c, f, path, error, error_bytes);
	fclose(f);
	return err;
}

/* raidctl is told these paths, and runs elsewhere. */
static int
path_absolute(char path[CONFIG_TEXT_MAX])
{
	char dir[CONFIG_TEXT_MAX];
	char whole[2 * CONFIG_TEXT_MAX + 2];

	if (!path[0] || path[0] == '/')
		return 0;
	if (!getcwd(dir, sizeof(dir)))
		return -errno;
	snprintf(whole, sizeof(whole), "%s/%s", dir, path);
	return text_set(path, CONFIG_TEXT_MAX, whole);
}

int
config_finish(struct config *c, char *error, size_t error_bytes)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	int err = path_absolute(c->socket);

	if (!err)
		err = path_absolute(c->nbd_socket);
	if (err) {
		snprintf(error, error_bytes, "%s: %s", c->socket,
			 strerror(-err));
		return err;
	}
	if (!c->nbd_socket[0]) {
		const char *slash = strrchr(c->socket, '/');
		int dir = slash ? (int)(slash - c->socket) + 1 : 0;

		snprintf(c->nbd_socket, sizeof(c->nbd_socket), "%.*snbd.sock",
			 dir, c->socket);
	}
	if (strlen(c->socket) > max || strlen(c->nbd_socket) > max) {
		snprintf(error, error_bytes,
			 "%s: longer than the %zu characters a socket's path "
			 "may have",
			 c->socket, max);
		return -ENAMETOOLONG;
	}
	return 0;
}

void
config_print_defaults(FILE *out)
{
	const char *section = "";

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct key *k = &keys[i];

		if (strcmp(section, k->section))
			fprintf(out, "%s[%s]\n", section[0] ? "\n" : "",
				k->section);
		section = k->section;
		fprintf(out, "; %s\n%s = %s\n", k->help, k->name, k->def);
	}
}

struct raid_limits
config_limits(const struct config *c)
{
	return (struct raid_limits){
		.parts_max = (uint32_t)c->parts_max,
		.dirty_units_max = (uint32_t)c->dirty_units_max,
		.io_deadline_ns = c->io_deadline_ms * 1000000,
		.slow_read_ns = c->slow_read_ms * 1000000,
		.sums_max = (uint32_t)c->sums_max,
		.read_error_budget = (uint32_t)c->read_error_budget,
	};
}
