#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A disk that hangs, whatever is asked of it: raidd goes on answering for other
# arrays while it starts, creates or destroys with that disk, and says which it
# is.
# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/hang.sh"
requires_hang
requires nbdinfo

conf_line raidd hang_wait_s 5
conf_line raidd rescan_s 1
member_hanging 0
truncate -s 64M "$dir"/m{1,2,3,4}
raidd_start
ctl create a -y "$dir/m0" "$dir/m1"
ctl create b -y "$dir/m2" "$dir/m3"
ctl stop a

# A change of a waits; looking does not, nor does another array's client.
hang 0
sleep 2 # what the kernel knows of the path is forgotten
ctl start a >"$dir/start.out" 2>&1 &
start=$!
for _ in 1 2 3 4 5; do
	soon ctl status b >"$dir/out"
	soon ctl list >"$dir/out"
	soon nbdinfo --size "$(uri b)" >"$dir/out"
	sleep 0.5
done
# Another change has to wait, but not for ever.
timeout 60 "$raidctl" --socket "$socket" stop b
wait "$start" || [ $? = 7 ] || fail "$(cat "$dir/start.out")"
grep -q "m0.* does not answer" "$dir/raidd.log" || fail "the log does not name m0"

# New arrays of it, and the end of old ones.
expect 8 ctl create c -y "$dir/m0" "$dir/m4"
says "$dir/m0"
says "does not answer"
soon ctl list >"$dir/out"

# It comes back by itself.
go_on 0
expect 0 ctl wait a --timeout 60
ctl start b
[ "$(leg a 0.0 state)" = in-sync ] || fail "leg 0.0 is $(leg a 0.0 state)"
ctl stop a
hang 0
sleep 2
ctl destroy a -y >"$dir/destroy.out" 2>&1 &
destroy=$!
for _ in 1 2 3; do
	soon ctl status b >"$dir/out"
	sleep 0.5
done
wait "$destroy" || :
go_on 0
raidd_stop
