#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Two daemons: on one socket the second is refused; on one set of members it
# finds them busy and names them.  A socket left by a dead one is no obstacle.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires qemu-io

conf_line raidd start_wait_s 1
members 4 64M
raidd_start
ctl create a -y "${members[@]}"

expect 1 "$raidd" --config "$conf"
says "another raidd has the control socket $socket"
expect 0 ctl wait a

sed "s|$dir/nbd|$dir/nbd2|" "$conf" >"$dir/two.conf"
"$raidd" --config "$dir/two.conf" --socket "$dir/two.sock" --scan "$dir/m*" \
	2>"$dir/two.log" &
two=$!
cleanup_fn kill "$two"
ctl2() { "$raidctl" --socket "$dir/two.sock" "$@"; }
wait_for 20 "the second daemon" ctl2 list
expect 7 ctl2 start a
says "error RD-1206"
says "$dir/m0 is busy"
expect 7 ctl2 create b -y "${members[@]:0:2}"
says "error RD-1206"
expect 7 ctl2 destroy a -y
pattern_write a 9
pattern_check a 9

# The first ends: the second takes over by itself, or when asked.
raidd_kill
expect 0 ctl2 start a
expect 0 ctl2 wait a --for optimal --timeout 20
expect 3 ctl list
says "error RD-4002"
kill $two
wait_for 30 "the second to end" ended "$two"
raidd_start
expect 0 ctl wait a --timeout 20
pattern_check a 9
raidd_stop
