#!/bin/bash
# SPDX-License-Identifier: MIT
#
# raidd on files, killed at any moment, often while it recovers from the kill
# before: what was acknowledged is there, what was not is there or is not.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/crash.sh"
requires_crash

crash_run kill 240
