#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A disk hangs and is evicted; the array is stopped.  It still has I/O, so
# nobody gets it; the others are free at once, and the array starts with them.
# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
. "$top_srcdir/tests/system/hang.sh"
requires_hang
requires qemu-io

conf_line raidd start_wait_s 2
conf_line limits io_deadline_ms 1000
member_hanging 0
truncate -s 64M "$dir"/m{1,2,3}
raidd_start
ctl create a -y "$dir/m0" "$dir/m1" "$dir/m2" "$dir/m3"
hang 0
pattern_write a 7
[ "$(leg a 0.0 state)" = failed ] || fail "leg 0.0 is $(leg a 0.0 state)"
ctl stop a
ctl start a
pattern_check a 7
[ "$(leg a 0.0 state)" != in-sync ] || fail "the leg came back"
expect 8 ctl create b -y "$dir/m0" "$dir/m1"
says "$dir/m0"

# When it answers it is free, and is not used.
go_on 0
wait_for 30 "raidd to let it go" grep -q "its disks answer again" "$dir/raidd.log"
wait_for 10 "its lock" flock -n "$dir/m0" true
ctl stop a
ctl start a
pattern_check a 7
[ "$(leg a 0.0 state)" != in-sync ] || fail "the leg came back"
raidd_stop
