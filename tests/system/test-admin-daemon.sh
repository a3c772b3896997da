#!/bin/bash
# SPDX-License-Identifier: MIT
#
# raidd as a process: --daemon returns when it is ready and fails when it is
# not; SIGHUP is nothing; SIGTERM, even twice, is a clean stop.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires qemu-io jq

members 4 64M
conf_default
"$raidd" --config "$conf" --scan "$dir/m*" --daemon </dev/null \
	2>>"$dir/raidd.log"
# Ready: no waiting here.
raidd_pid=$(rpc '{"jsonrpc":"2.0","id":1,"method":"version"}' &&
	jq .result.pid "$dir/rpc")
expect 0 ctl create a -y "${members[@]}"
expect 1 "$raidd" --config "$conf" --daemon
pattern_write a 8

kill -HUP "$raidd_pid"
expect 0 ctl wait a
grep -q "VmLck:[[:space:]]*[1-9]" "/proc/$raidd_pid/status" ||
	grep -q "memory cannot be locked" "$dir/raidd.log"

kill -TERM "$raidd_pid"
kill -TERM "$raidd_pid" 2>/dev/null || :
wait_for 30 "raidd to end" ended "$raidd_pid"
raidd_pid=
grep -q "a: stopped" "$dir/raidd.log"
[ ! -e "$socket" ]

# Readiness, as a supervisor hears it.
python3 - "$dir/notify" >"$dir/heard" <<'END' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(60)
s.bind(sys.argv[1])
while True:
    word = s.recv(4096).decode()
    print(word, flush=True)
    if "STOPPING" in word:
        break
END
wait_for 10 "the supervisor" test -e "$dir/notify"
export NOTIFY_SOCKET=$dir/notify
raidd_start
wait_for 10 "READY" grep -q READY=1 "$dir/heard"
pattern_check a 8
raidd_stop
wait_for 10 "STOPPING" grep -q STOPPING=1 "$dir/heard"
! grep -q "resync" "$dir/raidd.log" || fail "the stop was not clean"
