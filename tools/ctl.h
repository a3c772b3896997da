/* SPDX-License-Identifier: MIT */
/*
 * One run of raidctl: what was asked, and what came of it.  A verb fills
 * payload (its JSON answer) or error; main prints the one or the other, as
 * JSON or for people.
 */
#ifndef RAIDCTL_CTL_H
#define RAIDCTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "messages.h"

#define SOCKET_DEFAULT "/run/raidd/control.sock"

enum message {
	MSG_NONE,
#define X(name, number, err, code, text) MSG_##name,
	MESSAGES(X)
#undef X
		MSG_COUNT
};

/* Exit codes (raidctl(8)); those of messages stand in messages.h. */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3,
	EXIT_UNKNOWN = 4,
};

#define FORCE_MAX 8

struct ctl {
	/* From the command line. */
	const char *socket;
	const char *verb; /* "member.fail": names the JSON schema */
	char *const *args;
	int arg_count;
	bool json;
	bool yes;
	bool dry_run;
	bool has_plan; /* the verb has a dry run */
	bool degraded;
	bool salvage;
	bool accept_loss;
	bool exit_code;
	bool lost;
	bool faults;
	uint64_t legs;
	uint64_t chunk_bytes;
	uint64_t timeout_s; /* 0: none */
	const char *wait_for;
	const char *force[FORCE_MAX];
	unsigned force_count;

	/* Made by the verb. */
	json_t *payload; /* an object, or NULL */
	json_t *error;   /* {id, message, cause, remedy, exit_code}, or NULL */
	const char *raidd_version;
};

typedef int verb_f(struct ctl *c);

verb_f cmd_status, cmd_list, cmd_show, cmd_create, cmd_start, cmd_stop;
verb_f cmd_attach, cmd_detach, cmd_member_fail, cmd_examine, cmd_destroy;
verb_f cmd_wait, cmd_lost, cmd_faults, cmd_recover, cmd_verify;

/* show --salvage */
int salvage_show(struct ctl *c);

/*
 * Something went wrong: sets c->error, returns the message's exit code.
 * cause and remedy may be NULL.
 */
int ctl_error(struct ctl *c, enum message message, const char *cause,
	      const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void ctl_error_clear(struct ctl *c);
int ctl_error_code(const struct ctl *c);

/* "error RD-1101: ..." with cause and remedy, to stderr. */
void ctl_print_error(const struct ctl *c);
/* The one JSON document of this run, to stdout. */
void ctl_print_json(const struct ctl *c);

/*
 * One request to raidd; takes params.  0 and a new reference in result; or
 * an exit code, and c->error.  wait_s: how long the answer may take.
 */
int client_call(struct ctl *c, const char *method, json_t *params,
		unsigned wait_s, json_t **result);

/* Looking, and things that take a while. */
#define WAIT_READ_S   60u
#define WAIT_CHANGE_S 1200u

/*
 * Ask to type the name, unless -y.  0, or an exit code and c->error: it was
 * not confirmed, or there is nobody to ask.
 */
int ctl_confirm(struct ctl *c, const char *name);

#endif
