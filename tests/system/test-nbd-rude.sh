#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A client that breaks every rule of NBD, and hangs up where it hurts: the
# server answers as the protocol says, goes on serving others, and what was
# acknowledged is there afterwards.
. "$(dirname "$0")/functions.sh"
requires python3 nbdcopy qemu-io

members 4 96M
raidd_start
ctl create a -y "${members[@]}"

# A part the rude ones do not touch.
head -c 16M /dev/urandom >"$dir/kept"
qemu-io -f raw -c "write -q -s $dir/kept 64M 16M" -c flush "$(uri a)"

python3 "$top_srcdir/tests/system/nbd_rude.py" "$nbd" a

no_connection() {
	! ss -xH state connected src "$nbd" | grep -q .
}
if command -v ss >/dev/null; then
	wait_for 10 "connections to go" no_connection
fi

kept_is_there() {
	nbdcopy "$(uri a)" "$dir/whole"
	cmp -n 16777216 -i 67108864:0 "$dir/whole" "$dir/kept"
}
kept_is_there
raidd_stop
raidd_start
kept_is_there
