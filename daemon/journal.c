/* SPDX-License-Identifier: MIT */
/* Lines for the system journal, with the array in a field of its own. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "journal.h"

#include <systemd/sd-journal.h>

void
journal_send(int priority, const char *array, const char *text)
{
	if (array)
		sd_journal_send("PRIORITY=%d", priority, "RAIDD_ARRAY=%s",
				array, "MESSAGE=%s: %s", array, text, NULL);
	else
		sd_journal_send("PRIORITY=%d", priority, "MESSAGE=%s", text,
				NULL);
}
