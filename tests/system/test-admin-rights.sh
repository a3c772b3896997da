#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Who may do what: root and raidd's user everything, the group looks, others
# nothing.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires_root
requires setpriv

members 2 64M
conf_line raidd group games
raidd_start
ctl create a -y "${members[@]}"
as() { setpriv --reuid=nobody --regid="$1" --clear-groups "${@:2}"; }
expect 5 as nogroup "$raidctl" --socket "$socket" list
says "error RD-4011"
says "group games"
expect 0 as games "$raidctl" --socket "$socket" status
says optimal
expect 5 as games "$raidctl" --socket "$socket" stop a
says "error RD-1006"
expect 5 as games "$raidctl" --socket "$socket" destroy a -y
expect 5 as games "$raidctl" --socket "$socket" member fail a 0.0 -y
expect 0 ctl wait a --for optimal
raidd_stop
