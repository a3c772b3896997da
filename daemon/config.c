/* SPDX-License-Identifier: MIT */
/*
 * raidd.conf, driven by a table (config_key.c): parsing, defaults and their
 * printing.
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
#include "config_key.h"

struct config_run {
	struct config *config;
	FILE *file;
	const char *path;
	unsigned line;
	bool given[CONFIG_KEYS_MAX];
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

void
config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	for (unsigned i = 0; i < config_key_count; i++) {
		int err =
			key_set(c, &config_keys[i], config_keys[i].def, false);

		CHECK(!err);
	}
}

static bool
section_is_known(const char *section)
{
	for (unsigned i = 0; i < config_key_count; i++)
		if (!strcmp(config_keys[i].section, section))
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

	for (unsigned i = 0; i < config_key_count; i++) {
		int n;

		if (strcmp(config_keys[i].section, section))
			continue;
		n = snprintf(known + used, sizeof(known) - used, "%s%s",
			     used ? ", " : "", config_keys[i].name);
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
	for (unsigned i = 0; i < config_key_count; i++) {
		const struct key *k = &config_keys[i];
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

static void
path_beside(const char *socket, const char *name, char out[CONFIG_TEXT_MAX])
{
	const char *slash = strrchr(socket, '/');
	int dir = slash ? (int)(slash - socket) + 1 : 0;

	snprintf(out, CONFIG_TEXT_MAX, "%.*s%s", dir, socket, name);
}

int
config_finish(struct config *c, char *error, size_t error_bytes)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	int err = path_absolute(c->socket);

	if (!err)
		err = path_absolute(c->nbd_socket);
	if (!err)
		err = path_absolute(c->members_file);
	if (err) {
		snprintf(error, error_bytes, "%s: %s", c->socket,
			 strerror(-err));
		return err;
	}
	if (!c->nbd_socket[0])
		path_beside(c->socket, "nbd.sock", c->nbd_socket);
	/* What is beside the socket does not outlive a boot, but is not
	 * another raidd's either. */
	if (!c->members_file[0] && !strcmp(c->socket, SOCKET_DEFAULT))
		text_set(c->members_file, CONFIG_TEXT_MAX,
			 "/var/lib/raidd/members.json");
	if (!c->members_file[0])
		path_beside(c->socket, "members.json", c->members_file);
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

	for (unsigned i = 0; i < config_key_count; i++) {
		const struct key *k = &config_keys[i];

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
