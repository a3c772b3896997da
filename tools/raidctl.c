/* SPDX-License-Identifier: MIT */
/*
 * raidctl: one table of commands, which makes the help and the checks of what
 * was typed.
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ctl.h"
#include "size.h"

#define CHUNK_DEFAULT (256u << 10)

enum {
	OPT_JSON = 1 << 0,
	OPT_YES = 1 << 1,
	OPT_DRY_RUN = 1 << 2,
	OPT_LEGS = 1 << 3,
	OPT_CHUNK = 1 << 4,
	OPT_FORCE = 1 << 5,
	OPT_DEGRADED = 1 << 6,
	OPT_FOR = 1 << 7,
	OPT_TIMEOUT = 1 << 8,
	OPT_EXIT_CODE = 1 << 9,
	OPT_LOST = 1 << 10,
	OPT_SALVAGE = 1 << 11,
	OPT_ACCEPT_LOSS = 1 << 12,
	OPT_FAULTS = 1 << 13,
};

struct command {
	const char *verb;
	const char *sub; /* of a grouped one: member fail; or NULL */
	const char *schema;
	verb_f *run;
	int args_min;
	int args_max; /* -1: as many as you like */
	unsigned opts;
	const char *usage;
	const char *help;
};

static const struct command commands[] = {
	{"status", NULL, "status", cmd_status, 0, 1, OPT_JSON | OPT_EXIT_CODE,
	 "[NAME] [--exit-code]", "how it is and what to do (the default)"},
	{"list", NULL, "list", cmd_list, 0, 0, OPT_JSON, "",
	 "one line for each array"},
	{"show", NULL, "show", cmd_show, 1, 1,
	 OPT_JSON | OPT_LOST | OPT_SALVAGE | OPT_FAULTS,
	 "NAME [--lost|--salvage|--faults]",
	 "every field of one array; what of it is lost; what is salvaged; what\n"
	 "      its disks had wrong"},
	{"create", NULL, "create", cmd_create, 2, -1,
	 OPT_JSON | OPT_YES | OPT_DRY_RUN | OPT_LEGS | OPT_CHUNK | OPT_FORCE,
	 "NAME [--legs 2|3] [--chunk 256K] [--force=CHECK] [-n] MEMBER...",
	 "make an array; neighbours mirror each other"},
	{"start", NULL, "start", cmd_start, 1, 1,
	 OPT_JSON | OPT_DEGRADED | OPT_SALVAGE, "NAME [--degraded|--salvage]",
	 "start serving; --salvage: read-only, from what is left"},
	{"stop", NULL, "stop", cmd_stop, 1, 1, OPT_JSON, "NAME", "stop clean"},
	{"attach", NULL, "attach", cmd_attach, 1, 1, OPT_JSON, "NAME",
	 "make a block device of it; prints which"},
	{"detach", NULL, "detach", cmd_detach, 1, 1, OPT_JSON, "NAME",
	 "take the block device away"},
	{"verify", NULL, "verify", cmd_verify, 1, 1, OPT_JSON | OPT_EXIT_CODE,
	 "NAME [--exit-code]", "read all of it once; list what cannot be read"},
	{"recover", NULL, "recover", cmd_recover, 1, 1,
	 OPT_JSON | OPT_YES | OPT_DRY_RUN | OPT_ACCEPT_LOSS,
	 "NAME -n|--accept-loss",
	 "make an array start again that cannot, giving up what is lost"},
	{"member", "fail", "member.fail", cmd_member_fail, 2, 2,
	 OPT_JSON | OPT_YES, "NAME SET.LEG", "go on without a member"},
	{"examine", NULL, "examine", cmd_examine, 1, 1, OPT_JSON, "MEMBER",
	 "what is on a disk; needs no raidd"},
	{"destroy", NULL, "destroy", cmd_destroy, 1, 1, OPT_JSON | OPT_YES,
	 "NAME", "wipe the superblocks: all data is lost"},
	{"wait", NULL, "wait", cmd_wait, 1, 1, OPT_JSON | OPT_FOR | OPT_TIMEOUT,
	 "NAME [--for optimal|degraded|started|stopped] [--timeout SECONDS]",
	 "until the array is so"},
};

static const struct option options[] = {
	{"json", optional_argument, NULL, 'j'},
	{"yes", no_argument, NULL, 'y'},
	{"dry-run", no_argument, NULL, 'n'},
	{"legs", required_argument, NULL, 'l'},
	{"chunk", required_argument, NULL, 'c'},
	{"force", required_argument, NULL, 'F'},
	{"degraded", no_argument, NULL, 'd'},
	{"for", required_argument, NULL, 'w'},
	{"timeout", required_argument, NULL, 't'},
	{"exit-code", no_argument, NULL, 'e'},
	{"lost", no_argument, NULL, 'L'},
	{"salvage", no_argument, NULL, 'S'},
	{"accept-loss", no_argument, NULL, 'A'},
	{"faults", no_argument, NULL, 'f'},
	{"socket", required_argument, NULL, 's'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct {
	int letter;
	unsigned opt;
	const char *name;
} option_bits[] = {
	{'j', OPT_JSON, "--json"},         {'y', OPT_YES, "--yes"},
	{'n', OPT_DRY_RUN, "--dry-run"},   {'l', OPT_LEGS, "--legs"},
	{'c', OPT_CHUNK, "--chunk"},       {'F', OPT_FORCE, "--force"},
	{'d', OPT_DEGRADED, "--degraded"}, {'w', OPT_FOR, "--for"},
	{'t', OPT_TIMEOUT, "--timeout"},   {'e', OPT_EXIT_CODE, "--exit-code"},
	{'L', OPT_LOST, "--lost"},
	{'S', OPT_SALVAGE, "--salvage"},
	{'A', OPT_ACCEPT_LOSS, "--accept-loss"},
	{'f', OPT_FAULTS, "--faults"},
};

_Noreturn void
check_failed(const char *expr, const char *file, int line, const char *func)
{
	fprintf(stderr, "raidctl: CHECK failed: %s (%s:%d, %s)\n", expr, file,
		line, func);
	abort();
}

static void
help(void)
{
	printf("usage: raidctl [--socket PATH] [--json] VERB ...\n\n");
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *cmd = &commands[i];

		printf("  %s%s%s%s%s\n      %s\n", cmd->verb,
		       cmd->sub ? " " : "", cmd->sub ? cmd->sub : "",
		       cmd->usage[0] ? " " : "", cmd->usage, cmd->help);
	}
	printf("\n"
	       "  --json         one JSON document on standard output\n"
	       "  --socket PATH  raidd's control socket, instead of\n"
	       "                 $RAIDD_SOCKET or " SOCKET_DEFAULT "\n"
	       "  -y, --yes      do not ask\n"
	       "  -n, --dry-run  print the plan, change nothing\n"
	       "  --force=CHECK  override one refusal: foreign-signature,\n"
	       "                 own-superblock, mixed-sectors\n"
	       "  --version, --help\n"
	       "\n"
	       "exit codes: 0 done, 1 failed, 2 usage, 3 raidd unreachable,\n"
	       "4 no such array or member, 5 not permitted, 6 refused for\n"
	       "safety or not confirmed, 7 wrong state or busy, 8 timed out\n");
}

/* How far two words are from each other: for "did you mean". */
static unsigned
word_distance(const char *a, const char *b)
{
	unsigned row[32];
	size_t length = strlen(b);

	if (length >= ARRAY_SIZE(row))
		return 99;
	for (unsigned i = 0; i <= length; i++)
		row[i] = i;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (unsigned k = 1; k <= length; k++) {
			unsigned best = corner + (a[i - 1] != b[k - 1]);

			corner = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[length];
}

static int
unknown_verb(struct ctl *c, const char *typed)
{
	const char *best = NULL;
	unsigned distance = 3;
	char remedy[128];

	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		unsigned d = word_distance(typed, commands[i].verb);

		if (d >= distance)
			continue;
		distance = d;
		best = commands[i].verb;
	}
	if (best)
		snprintf(remedy, sizeof(remedy), "did you mean '%s'?", best);
	else
		snprintf(remedy, sizeof(remedy), "see raidctl --help");
	return ctl_error(c, MSG_USAGE, NULL, remedy, "there is no verb '%.80s'",
			 typed);
}

/* The command typed, and where its arguments begin. */
static const struct command *
find_command(struct ctl *c, int count, char *const *words, int *used)
{
	const struct command *half = NULL;

	*used = count ? 1 : 0;
	if (!count)
		return &commands[0];
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *cmd = &commands[i];

		if (strcmp(cmd->verb, words[0]))
			continue;
		if (!cmd->sub)
			return cmd;
		half = cmd;
		*used = 2;
		if (count > 1 && !strcmp(cmd->sub, words[1]))
			return cmd;
	}
	if (half)
		ctl_error(c, MSG_USAGE, NULL, "see raidctl --help",
			  "%s: what of it?  there is: %s %s", half->verb,
			  half->verb, half->sub);
	else
		unknown_verb(c, words[0]);
	return NULL;
}

static int
option_number(struct ctl *c, const char *name, const char *text, uint64_t *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || strspn(text, "0123456789") != strlen(text) ||
	    n > 1000000)
		return ctl_error(c, MSG_USAGE, NULL, NULL,
				 "%s: '%s' is no number that makes sense", name,
				 text);
	*out = n;
	return EXIT_DONE;
}

static int
option_force(struct ctl *c, const char *check)
{
	if (c->force_count == FORCE_MAX)
		return ctl_error(c, MSG_USAGE, NULL, NULL, "too many --force");
	c->force[c->force_count++] = check;
	return EXIT_DONE;
}

static int
option_value(struct ctl *c, int letter)
{
	switch (letter) {
	case 'j':
		c->json = true;
		if (!optarg || !strcmp(optarg, "1"))
			return EXIT_DONE;
		return ctl_error(c, MSG_USAGE, NULL, "--json, or --json=1",
				 "there is no version %s of the JSON", optarg);
	case 'y':
		c->yes = true;
		return EXIT_DONE;
	case 'n':
		c->dry_run = true;
		return EXIT_DONE;
	case 'l':
		return option_number(c, "--legs", optarg, &c->legs);
	case 't':
		return option_number(c, "--timeout", optarg, &c->timeout_s);
	case 'c':
		if (!size_parse(optarg, &c->chunk_bytes) &&
		    c->chunk_bytes <= 1u << 30)
			return EXIT_DONE;
		return ctl_error(c, MSG_USAGE, NULL, "256K, 1M, ...",
				 "--chunk: '%s' is no size", optarg);
	case 'F':
		return option_force(c, optarg);
	case 'd':
		c->degraded = true;
		return EXIT_DONE;
	case 'w':
		c->wait_for = optarg;
		return EXIT_DONE;
	case 'e':
		c->exit_code = true;
		return EXIT_DONE;
	case 'L':
		c->lost = true;
		return EXIT_DONE;
	case 'S':
		c->salvage = true;
		return EXIT_DONE;
	case 'A':
		c->accept_loss = true;
		return EXIT_DONE;
	case 'f':
		c->faults = true;
		return EXIT_DONE;
	case 's':
		c->socket = optarg;
		return EXIT_DONE;
	default:
		CHECK(false);
	}
}

/* letter: as getopt_long gave it; typed: the word it looked at. */
static int
option_bad(struct ctl *c, int letter, const char *typed)
{
	bool is_long = optopt == 0;
	char one[3] = {'-', (char)optopt, '\0'};

	for (unsigned i = 0; options[i].name; i++)
		is_long |= options[i].val == optopt;
	return ctl_error(c, MSG_USAGE, NULL, "see raidctl --help",
			 letter == ':' ? "%.80s lacks its value"
				       : "there is no option %.80s",
			 is_long ? typed : one);
}

/* Options may stand anywhere; which were given goes to *given.  After an error
 * only --json counts: the error is told in JSON, too. */
static int
read_options(struct ctl *c, int argc, char **argv, unsigned *given)
{
	int letter;
	int code = EXIT_DONE;

	opterr = 0;
	while ((letter = getopt_long(argc, argv, ":ynhV", options, NULL)) !=
	       -1) {
		if (code) {
			c->json |= letter == 'j';
			continue;
		}
		if (letter == 'h') {
			help();
			exit(EXIT_DONE);
		}
		if (letter == 'V') {
			printf("raidctl %s\n", PACKAGE_VERSION);
			exit(EXIT_DONE);
		}
		for (unsigned i = 0; i < ARRAY_SIZE(option_bits); i++)
			if (option_bits[i].letter == letter)
				*given |= option_bits[i].opt;
		code = letter == '?' || letter == ':'
			       ? option_bad(c, letter, argv[optind - 1])
			       : option_value(c, letter);
	}
	return code;
}

/* Options of which one at most may be given. */
static const unsigned alternatives[] = {
	OPT_LOST | OPT_SALVAGE | OPT_FAULTS,
	OPT_DEGRADED | OPT_SALVAGE,
};

static int
check_alternatives(struct ctl *c, const struct command *cmd, unsigned given,
		   const char *remedy)
{
	for (unsigned i = 0; i < ARRAY_SIZE(alternatives); i++) {
		unsigned both = given & alternatives[i];

		if (both & (both - 1))
			return ctl_error(c, MSG_USAGE, NULL, remedy,
					 "%s: these options do not go together",
					 cmd->verb);
	}
	return EXIT_DONE;
}

/* The word that should have been typed, as the usage has it: those that are
 * options, or in brackets, need not be.  used: how many were. */
static void
missing_word(const struct command *cmd, int used, char *out, size_t bytes)
{
	const char *at = cmd->usage;
	int brackets = 0;

	while (*at) {
		size_t length = strcspn(at, " ");
		bool inside = brackets > 0 || *at == '[' || *at == '-';

		for (size_t i = 0; i < length; i++)
			brackets += (at[i] == '[') - (at[i] == ']');
		if (!inside && used-- == 0) {
			snprintf(out, bytes, "%.*s", (int)length, at);
			return;
		}
		at += length;
		at += strspn(at, " ");
	}
	CHECK(false);
}

static int
check_usage(struct ctl *c, const struct command *cmd, unsigned given)
{
	char remedy[256];
	char missing[64];

	snprintf(remedy, sizeof(remedy), "raidctl %s%s%s%s%s", cmd->verb,
		 cmd->sub ? " " : "", cmd->sub ? cmd->sub : "",
		 cmd->usage[0] ? " " : "", cmd->usage);
	for (unsigned i = 0; i < ARRAY_SIZE(option_bits); i++)
		if (given & option_bits[i].opt & ~cmd->opts)
			return ctl_error(c, MSG_USAGE, NULL, remedy,
					 "%s does not take %s", cmd->verb,
					 option_bits[i].name);
	if (c->arg_count < cmd->args_min) {
		missing_word(cmd, c->arg_count, missing, sizeof(missing));
		return ctl_error(c, MSG_USAGE, NULL, remedy, "%s%s%s lacks %s",
				 cmd->verb, cmd->sub ? " " : "",
				 cmd->sub ? cmd->sub : "", missing);
	}
	if (cmd->args_max >= 0 && c->arg_count > cmd->args_max)
		return ctl_error(c, MSG_USAGE, NULL, remedy,
				 "%s: '%s' is one word too many", cmd->verb,
				 c->args[cmd->args_max]);
	return check_alternatives(c, cmd, given, remedy);
}

static int
run_command(struct ctl *c, int argc, char **argv)
{
	const struct command *cmd;
	unsigned given = 0;
	int used;
	int code = read_options(c, argc, argv, &given);

	if (code)
		return code;
	cmd = find_command(c, argc - optind, argv + optind, &used);
	if (!cmd)
		return ctl_error_code(c);
	c->verb = cmd->schema;
	c->has_plan = cmd->opts & OPT_DRY_RUN;
	c->args = argv + optind + used;
	c->arg_count = argc - optind - used;
	code = check_usage(c, cmd, given);
	return code ? code : cmd->run(c);
}

/* Who reads what was printed, and not all of it, has to know. */
static int
output_end(int code)
{
	bool failed = ferror(stdout);

	errno = 0;
	if (!fflush(stdout) && !failed)
		return code;
	fprintf(stderr, "raidctl: the output could not be written%s%s\n",
		errno ? ": " : "", errno ? strerror(errno) : "");
	return code ? code : EXIT_FAILED;
}

int
main(int argc, char **argv)
{
	const char *socket = getenv("RAIDD_SOCKET");
	struct ctl c = {
		.socket = socket ? socket : SOCKET_DEFAULT,
		.verb = "usage",
		.legs = 2,
		.chunk_bytes = CHUNK_DEFAULT,
		.wait_for = "optimal",
	};
	int code;

	setlocale(LC_ALL, "");
	code = run_command(&c, argc, argv);
	if (c.json)
		ctl_print_json(&c);
	if (c.error)
		ctl_print_error(&c);
	json_decref(c.payload);
	ctl_error_clear(&c);
	return output_end(code);
}
