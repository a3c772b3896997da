#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The checker of the crash tests is no blind one: it complains of servers that
# lose, mix up, or go back, and of nothing else.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/crash.sh"
requires_crash
requires nbdkit

python3 -B "$top_srcdir/tests/system/crash_checker.py" "$dir" "$stamp"
