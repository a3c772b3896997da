#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The life of an array by raidctl: made, written, stopped, started, killed,
# found again, destroyed.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires jq qemu-io

members 4 64M
raidd_start
expect 0 ctl status
says "no array"
ctl create a -y "${members[@]}"
pattern_write a 17
pattern_check a 17

# Not while somebody is connected.
qemu-io -f raw -c "sleep 60000" "$(uri a)" >/dev/null &
holder=$!
there() { [ "$(json .arrays[0].connections show a)" = "$1" ]; }
wait_for 10 "a client" there 1
expect 7 ctl stop a
says "error RD-1307"
expect 7 ctl destroy a -y
says "error RD-1307"
kill "$holder"
wait "$holder" || :
wait_for 10 "the client to go" there 0

expect 0 ctl stop a
expect 0 ctl stop a
says "stopped already"
expect 7 ctl attach a
says "raidctl start a"
expect 7 ctl member fail a 0.0 -y
expect 0 ctl wait a --for stopped
expect 0 ctl start a
expect 0 ctl start a
says "started already"
expect 0 ctl wait a --timeout 5
pattern_check a 17

# A clean stop of the daemon, and one that is none.
raidd_stop
raidd_start
pattern_check a 17
pattern_write a 34
raidd_kill
raidd_start
expect 0 ctl wait a --for optimal --timeout 30
pattern_check a 34

# By its UUID too.
uuid=$(json .arrays[0].uuid show a)
expect 0 ctl stop "$uuid"
expect 6 ctl destroy a </dev/null
expect 0 ctl destroy "$uuid" -y
expect 0 ctl status
says "no array"
expect 4 ctl show a
says "error RD-1101"
for m in "${members[@]}"; do
	expect 4 ctl examine "$m"
done

# What was destroyed is blank again, also while it is served.
ctl create b -y "${members[@]}"
expect 0 ctl destroy b -y
ctl create c -y "${members[@]}"
raidd_stop
