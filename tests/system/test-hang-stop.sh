#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The last leg of a set hangs (R7: it is not evicted).  A stop, a start and
# SIGTERM come to an end all the same, in hang_wait_s, and say which disk it is;
# what was acknowledged is there when it answers again.
# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
. "$top_srcdir/tests/system/hang.sh"
requires_hang
requires qemu-io nbdinfo

conf_line raidd hang_wait_s 5
conf_line raidd start_wait_s 2
conf_line raidd rescan_s 1
member_hanging 0
truncate -s 64M "$dir"/m{1,2,3}
raidd_start
ctl create a -y "$dir/m0" "$dir/m1"
ctl create b -y "$dir/m2" "$dir/m3"
pattern_write a 1
ctl member fail a 0.1 -y

# A stop.
hang 0
qemu-io -f raw -c "write -P 2 0 4k" "$(uri a)" >"$dir/io" 2>&1 &
client=$!
wait_for 10 "the write to hang" sh -c "'$raidctl' --socket '$socket' status --json a |
	jq -e '.. | objects | select(.leg? == \"0.0\") | .in_flight > 0'"
says_hangs() {
	ctl status a >"$dir/status.out" || :
	grep -q "$dir/m0.* has not answered for" "$dir/status.out"
}
wait_for 10 "status to name the disk" says_hangs
kill -9 $client
wait_for 10 "the client to go" sh -c "'$raidctl' --socket '$socket' status --json a |
	jq -e '.arrays[0].connections == 0'"
ctl stop a >"$dir/stop.out" 2>&1 &
stop=$!
for _ in 1 2 3 4; do
	soon ctl status b >"$dir/out"
	soon ctl status a >"$dir/out"
	sleep 0.5
done
status=0
wait "$stop" || status=$?
[ $status = 1 ] || fail "stop: status $status: $(cat "$dir/stop.out")"
grep -q "$dir/m0.* has not answered" "$dir/stop.out" ||
	fail "stop does not name the disk: $(cat "$dir/stop.out")"

# Nobody else gets its disks before; and it is said why.
expect 7 ctl start a
says "raidd itself still has it"
says "$dir/m0"
go_on 0
wait_for 30 "the array to start" ctl start a
pattern_check_rest() {
	qemu-io -r -f raw -c "read -P 1 4k 8188k" "$(uri a)" >"$dir/io" 2>&1 &&
		! grep -qi -e failed -e error "$dir/io"
}
pattern_check_rest || fail "data: $(cat "$dir/io")"

# SIGTERM, with the same disk.
hang 0
qemu-io -f raw -c "write -P 3 0 4k" "$(uri a)" >"$dir/io" 2>&1 &
client=$!
wait_for 10 "the write to hang" sh -c "'$raidctl' --socket '$socket' status --json a |
	jq -e '.. | objects | select(.leg? == \"0.0\") | .in_flight > 0'"
pid=$raidd_pid
raidd_pid=
: >"$dir/raidd.log"
kill "$pid"
gone() { ! kill -0 "$pid" || grep -q '^State:.*[ZX]' "/proc/$pid/status"; }
wait_for 15 "raidd to end" gone
grep -q "$dir/m0.* has not answered" "$dir/raidd.log" || fail "SIGTERM: no name"
grep -q "b: stopped" "$dir/raidd.log" || fail "b was not stopped clean"
kill -9 $client 2>/dev/null || :
go_on 0
status=0
wait "$pid" || status=$?
[ $status = 1 ] || fail "raidd ended with $status"

# A start.
raidd_start
wait_for 30 "the array" nbdinfo --size "$(uri a)"
pattern_check_rest || fail "data: $(cat "$dir/io")"
ctl stop a
raidd_stop
