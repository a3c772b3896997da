#!/bin/bash
# SPDX-License-Identifier: MIT
#
# SIGTERM while clients are busy, and while one does not read its replies: the
# daemon ends cleanly and soon all the same, and what was flushed is there.
# TCP is served on loopback only.
. "$(dirname "$0")/functions.sh"
requires fio nbdinfo qemu-io python3
fio --enghelp=nbd >/dev/null 2>&1 || skip "fio has no nbd engine"

members 4 96M
conf_line raidd nbd_tcp 127.0.0.1:0
raidd_start
ctl create a -y "${members[@]}"

tcp_port() {
	sed -n 's/.*NBD listens on 127.0.0.1 port \([0-9]*\).*/\1/p' \
		"$dir/raidd.log" | tail -n 1
}
u=nbd://127.0.0.1:$(tcp_port)/a
qemu-io -f raw -c 'write -q -P 5 100M 1M' -c flush "$u"
qemu-io -f raw -c 'read -q -P 5 100M 1M' "$(uri a)"

python3 "$top_srcdir/tests/system/nbd_lazy.py" "$nbd" a >"$dir/lazy" &
lazy=$!
(cd "$dir" && exec fio --name=x --ioengine=nbd --uri="$(uri a)" \
	--rw=randwrite --bs=8k --iodepth=32 --size=64M --time_based \
	--runtime=60 >"$dir/fio.log" 2>&1) &
busy=$!
(cd "$dir" && exec fio --name=y --ioengine=nbd --uri="$u" \
	--rw=randread --bs=64k --iodepth=8 --size=64M --time_based \
	--runtime=60 >"$dir/fio2.log" 2>&1) &
busy_tcp=$!
cleanup_fn eval "kill $lazy $busy $busy_tcp 2>/dev/null; wait"
writing() {
	[ "$(cat "$dir/lazy")" = asked ] || return 1
	ctl show a --json | python3 -c '
import json, sys
def find(at):
    if isinstance(at, dict):
        return at.get("writes", 0) or max([find(v) for v in at.values()] or [0])
    if isinstance(at, list):
        return max([find(v) for v in at] or [0])
    return 0
sys.exit(find(json.load(sys.stdin)) < 1000)'
}
wait_for 20 "clients at work" writing
raidd_stop
wait_for 20 "clients to notice" ended "$lazy"
wait_for 20 "fio to notice" ended "$busy"
wait_for 20 "fio on TCP to notice" ended "$busy_tcp"

raidd_start
qemu-io -f raw -c 'read -q -P 5 100M 1M' "$(uri a)"
ctl status a
raidd_stop

# Elsewhere than on loopback it would be open to everybody: refused.
rm -f "$conf"
conf_line raidd nbd_tcp 0.0.0.0:0
status=0
"$raidd" --config "$conf" --foreground >"$dir/out" 2>&1 </dev/null ||
	status=$?
[ $status -ne 0 ] || fail "served on 0.0.0.0"
grep -q loopback "$dir/out" || fail "$(cat "$dir/out")"
