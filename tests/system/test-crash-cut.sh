#!/bin/bash
# SPDX-License-Identifier: MIT
#
# raidd on disks with a volatile cache, all killed at any moment, or one disk
# alone under it: what was flushed is there, what was not is there or is not.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/crash.sh"
requires_crash_disks
[ -x "$top_builddir/tests/system/crash_disk" ] ||
	skip "crash_disk is not built: there is no libfuse3"

crash_run cut 160 --life 16
