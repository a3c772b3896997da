#!/bin/bash
# SPDX-License-Identifier: MIT
#
# As test-crash-cut.sh, with disks that nbdkit's cache filter serves: a cut
# loses all that was not flushed, on all of them.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/crash.sh"
requires_crash_disks
requires nbdkit nbdfuse

crash_run nbdkit 60 --life 12
