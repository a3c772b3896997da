/* SPDX-License-Identifier: MIT */
/*
 * raidd: options, the order of start and stop, signals.
 *
 * SIGTERM and SIGINT stop all arrays clean; a second one changes nothing,
 * since stopping is not a thing to hurry.  SIGHUP is ignored.
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "arrays.h"
#include "config.h"
#include "control.h"
#include "listener.h"
#include "log.h"
#include "nbd.h"
#include "poll.h"
#include "process.h"

#define EXIT_USAGE 2

struct raidd {
	struct config config;
	const char *config_path; /* NULL: the default one */
	const char *socket;
	const char *scan[CONFIG_GLOBS_MAX];
	unsigned scan_count;
	bool background;
	bool bare;
	uint32_t region_blocks;
	struct poller *poller;
	struct arrays arrays;
	struct control *control;
	struct nbd_server *nbd;
	int signals;
	struct poll_watch *signal_watch;
};

enum {
	OPT_SCAN = 256,
	OPT_DAEMON,
	OPT_DEFAULTS,
	/* For tests/bench/cost, and told to nobody. */
	OPT_BARE,
	OPT_REGION_BLOCKS,
};

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"socket", required_argument, NULL, 's'},
	{"scan", required_argument, NULL, OPT_SCAN},
	{"foreground", no_argument, NULL, 'f'},
	{"daemon", no_argument, NULL, OPT_DAEMON},
	{"defaults", no_argument, NULL, OPT_DEFAULTS},
	{"measure-bare", no_argument, NULL, OPT_BARE},
	{"measure-region-blocks", required_argument, NULL, OPT_REGION_BLOCKS},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void
usage(FILE *out)
{
	fprintf(out,
		"usage: raidd [--config FILE] [--socket PATH] [--scan "
		"GLOB]...\n"
		"             [--foreground | --daemon]\n"
		"       raidd --defaults | --version | --help\n"
		"\n"
		"  --config FILE   read FILE instead of " CONFIG_PATH_DEFAULT
		"\n"
		"  --socket PATH   control socket; the NBD socket lies beside "
		"it\n"
		"  --scan GLOB     where to look for members; instead of the\n"
		"                  configuration's list; may be repeated\n"
		"  --foreground    stay in the foreground (the default)\n"
		"  --daemon        return when ready, and go on in the "
		"background\n"
		"  --defaults      print every key of raidd.conf with its "
		"default\n");
}

/* -1: go on; else the exit code. */
static int
option_take(struct raidd *d, int c)
{
	switch (c) {
	case 'c':
		d->config_path = optarg;
		return -1;
	case 's':
		d->socket = optarg;
		return -1;
	case OPT_SCAN:
		if (d->scan_count == CONFIG_GLOBS_MAX) {
			fprintf(stderr, "raidd: too many --scan\n");
			return EXIT_USAGE;
		}
		d->scan[d->scan_count++] = optarg;
		return -1;
	case 'f':
		d->background = false;
		return -1;
	case OPT_DAEMON:
		d->background = true;
		return -1;
	case OPT_DEFAULTS:
		config_print_defaults(stdout);
		return 0;
	case OPT_BARE:
		d->bare = true;
		return -1;
	case OPT_REGION_BLOCKS:
		d->region_blocks = (uint32_t)strtoul(optarg, NULL, 10);
		return -1;
	case 'V':
		printf("raidd %s\n", PACKAGE_VERSION);
		return 0;
	case 'h':
		usage(stdout);
		return 0;
	default:
		usage(stderr);
		return EXIT_USAGE;
	}
}

static int
options_read(struct raidd *d, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:s:fVh", options, NULL)) != -1) {
		int code = option_take(d, c);

		if (code >= 0)
			return code;
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "raidd: '%s' is one word too many\n", argv[optind]);
	usage(stderr);
	return EXIT_USAGE;
}

static int
raidd_options_over_config(struct raidd *d, char *error, size_t error_bytes)
{
	struct config *c = &d->config;

	if (d->socket && strlen(d->socket) >= sizeof(c->socket)) {
		snprintf(error, error_bytes, "--socket: path too long");
		return -ENAMETOOLONG;
	}
	if (d->socket)
		snprintf(c->socket, sizeof(c->socket), "%s", d->socket);
	for (unsigned i = 0; i < d->scan_count; i++) {
		int err = config_add_glob(c, d->scan[i], i == 0);

		if (!err)
			continue;
		snprintf(error, error_bytes, "--scan: %s", strerror(-err));
		return err;
	}
	c->measure_bare = d->bare;
	c->measure_region_blocks = d->region_blocks;
	return config_finish(c, error, error_bytes);
}

/* What only this machine can tell. */
static int
raidd_check(const struct config *c, char *error, size_t error_bytes)
{
	const char *trouble =
		c->nbd_tcp[0] ? listener_tcp_trouble(c->nbd_tcp) : NULL;

	if (trouble) {
		snprintf(error, error_bytes, "nbd_tcp: '%s' %s", c->nbd_tcp,
			 trouble);
		return -EINVAL;
	}
	errno = 0;
	if (!c->group[0] || getgrnam(c->group))
		return 0;
	snprintf(error, error_bytes, "group: there is no group '%s' here%s%s",
		 c->group, errno ? ": " : "", errno ? strerror(errno) : "");
	return -EINVAL;
}

static int
raidd_configure(struct raidd *d)
{
	const char *path =
		d->config_path ? d->config_path : CONFIG_PATH_DEFAULT;
	char error[1024] = "";
	int err;

	config_init(&d->config);
	err = config_read(&d->config, path, error, sizeof(error));
	/* Only a file that was asked for must be there. */
	if (err == -ENOENT && !d->config_path)
		err = 0;
	if (!err)
		err = raidd_options_over_config(d, error, sizeof(error));
	if (!err)
		err = raidd_check(&d->config, error, sizeof(error));
	if (err)
		fprintf(stderr, "raidd: %s\n", error);
	return err;
}

static void
raidd_signal(uint32_t events, void *arg)
{
	struct raidd *d = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(d->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		return;
	log_notice(NULL, "%s: stopping", strsignal((int)info.ssi_signo));
	poller_stop(d->poller);
}

/* Blocked before any thread is made, so that none of them is interrupted. */
static int
raidd_signals(struct raidd *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signals < 0)
		return -errno;
	return poll_add(d->poller, d->signals, EPOLLIN, raidd_signal, d,
			&d->signal_watch);
}

static int
raidd_control(struct raidd *d)
{
	const struct config *c = &d->config;
	int err = process_make_folder(c->socket);

	if (!err)
		err = control_start(&d->control, d->poller, &d->arrays, c);
	if (err == -EADDRINUSE)
		log_error(NULL,
			  "another raidd has the control socket %s; give this "
			  "one its own: --socket PATH",
			  c->socket);
	else if (err)
		log_error(NULL, "control socket %s: %s", c->socket,
			  strerror(-err));
	return err;
}

static int
raidd_nbd(struct raidd *d)
{
	const struct config *c = &d->config;
	struct nbd_exports exports = arrays_exports(&d->arrays);
	struct nbd_listen listen = {
		.unix_path = c->nbd_socket,
		.tcp = c->nbd_tcp[0] ? c->nbd_tcp : NULL,
		.unix_write_through = c->nbd_write_through,
		.tcp_write_through = c->nbd_tcp_write_through,
	};
	int err = nbd_server_start(&d->nbd, d->poller, &exports, &listen);

	if (err)
		log_error(NULL, "NBD on %s%s%s: %s%s", c->nbd_socket,
			  c->nbd_tcp[0] ? " and " : "", c->nbd_tcp,
			  strerror(-err),
			  err == -EADDRINUSE
				  ? "; give this raidd its own: nbd_socket"
				  : "");
	return err;
}

static void
raidd_warn(const struct raidd *d)
{
	if (d->bare)
		log_warning(NULL, "--measure-bare: arrays made now verify "
				  "nothing and keep nothing");
}

/* In the foreground of what process_harden() and the lock allow. */
static int
raidd_start(struct raidd *d)
{
	int err = poller_new(&d->poller);

	if (!err)
		err = raidd_signals(d);
	if (err) {
		log_error(NULL, "cannot start: %s", strerror(-err));
		return err;
	}
	arrays_init(&d->arrays, &d->config, d->poller);
	err = raidd_control(d);
	if (!err)
		err = process_harden(&d->config);
	return err ? err : raidd_nbd(d);
}

static int
raidd_stop(struct raidd *d)
{
	int err;

	sd_notify(0, "STOPPING=1");
	if (d->nbd)
		nbd_server_stop(d->nbd);
	err = arrays_stop_all(&d->arrays);
	arrays_fini(&d->arrays);
	control_stop(d->control);
	if (d->signal_watch) {
		poll_remove(d->signal_watch);
		close(d->signals);
	}
	poller_free(d->poller);
	return err;
}

static void
raidd_ready(struct raidd *d)
{
	sd_notify(0, "READY=1");
	process_ready();
	raidd_warn(d);
	log_notice(NULL, "raidd %s is ready; control socket %s",
		   PACKAGE_VERSION, d->config.socket);
}

static int
raidd_run(struct raidd *d)
{
	int err = raidd_start(d);
	int stop_err;

	if (!err) {
		arrays_start_all(&d->arrays);
		control_go_on(d->control);
		/* Else it was broken off. */
		if (!poll_is_stopping())
			raidd_ready(d);
		err = poller_run(d->poller);
		if (err)
			log_error(NULL, "event loop: %s", strerror(-err));
	}
	stop_err = raidd_stop(d);
	return err || stop_err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	static struct raidd d;
	bool journal;
	int code = options_read(&d, argc, argv);
	int err;

	if (code >= 0)
		return code;
	if (raidd_configure(&d))
		return EXIT_USAGE;
	journal = d.config.log_target == LOG_TARGET_JOURNAL ||
		  (d.config.log_target == LOG_TARGET_AUTO &&
		   process_logs_to_journal());
	log_open((enum log_level)d.config.log_level, journal);
	err = d.background ? process_background() : 0;
	if (err) {
		log_error(NULL, "cannot go to the background: %s",
			  strerror(-err));
		return EXIT_FAILURE;
	}
	return raidd_run(&d);
}
