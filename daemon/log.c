/* SPDX-License-Identifier: MIT */
/*
 * One message, one line, one write(2): lines of different threads never mix.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "journal.h"

#define LINE_BYTES_MAX 2048

static struct {
	enum log_level max;
	bool journal;
} log_state = {.max = LOG_INFO};

static const struct {
	const char *word;
	int priority; /* syslog's */
} log_levels[] = {
	[LOG_ERROR] = {"error", 3},   [LOG_WARNING] = {"warning", 4},
	[LOG_NOTICE] = {"notice", 5}, [LOG_INFO] = {"info", 6},
	[LOG_DEBUG_] = {"debug", 7},
};

void
log_open(enum log_level max, bool journal)
{
	log_state.max = max;
	log_state.journal = journal;
}

/* What a member or a client chose must not forge lines. */
static void
log_clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static void
log_stderr(enum log_level level, const char *array, const char *text)
{
	char line[LINE_BYTES_MAX + 256];
	char when[32];
	struct timespec now;
	struct tm tm;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(line, sizeof(line), "%s.%03ldZ %s %s%s%s\n", when,
		     now.tv_nsec / 1000000, log_levels[level].word,
		     array ? array : "", array ? ": " : "", text);
	if (n >= (int)sizeof(line))
		n = (int)sizeof(line) - 1;
	/* Nobody to tell if this fails. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

void
log_line(enum log_level level, const char *array, const char *fmt, ...)
{
	char text[LINE_BYTES_MAX];
	va_list ap;

	if (level > log_state.max)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_clean(text);
	if (log_state.journal)
		journal_send(log_levels[level].priority, array, text);
	else
		log_stderr(level, array, text);
}

_Noreturn void
check_failed(const char *expr, const char *file, int line, const char *func)
{
	log_error(NULL, "CHECK failed: %s (%s:%d, %s); aborting", expr, file,
		  line, func);
	abort();
}
