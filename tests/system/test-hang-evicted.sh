#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A disk hangs and is evicted; the array is stopped.  It still has I/O, so
# nobody gets it; the others are free at once, and the array starts with them.
# So it does if raidd is killed while a disk hangs.
# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
. "$top_srcdir/tests/system/hang.sh"
requires_hang
requires qemu-io nbdinfo

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
ctl stop a
ctl destroy a -y

# Killed with I/O at the disk.
ctl create a -y "$dir/m0" "$dir/m1" "$dir/m2" "$dir/m3"
pattern_write a 8
hang 0
timeout 20 qemu-io -f raw -c "write -P 8 0 8M" "$(uri a)" >"$dir/io" 2>&1 &
client=$!
in_flight() { [ "$(leg a 0.0 in_flight)" -gt 0 ]; }
wait_for 5 "I/O at the disk" in_flight
raidd_kill
wait $client || :
for i in 1 2 3; do
	wait_for 5 "m$i" flock -n "$dir/m$i" true
done
raidd_start
wait_for 20 "the array" nbdinfo --size "$(uri a)"
pattern_check a 8
go_on 0
raidd_stop
