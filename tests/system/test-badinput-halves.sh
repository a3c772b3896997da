#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Half of each pair is missing: who went on without whom?  Not by itself
# (R15); by the operator's word.  A stale member offered first is not
# believed; two halves that both went on are a fork, and never merged.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires jq qemu-io

conf_line raidd start_wait_s 1
conf_line raidd rescan_s 0
members 4 64M
raidd_start
ctl create a -y "${members[@]}"
pattern_write a 1
raidd_stop
mkdir "$dir/away" "$dir/fork"

# The first halves alone.
mv "$dir/m1" "$dir/m3" "$dir/away"
raidd_start
expect 7 ctl start a
says "error RD-1302"
says "0.1 (serial "
says "raidctl start a --degraded"
expect 8 ctl wait a --for started --timeout 1
for m in m0 m2; do cp --sparse=always "$dir/$m" "$dir/fork/$m"; done
expect 0 ctl start a --degraded
expect 1 ctl status a --exit-code
pattern_check a 1
pattern_write a 2
raidd_stop

# All there again: the halves left behind are stale, though they come first.
mv "$dir/m0" "$dir/mz0"
mv "$dir/m2" "$dir/mz2"
mv "$dir/away/m1" "$dir/m1"
mv "$dir/away/m3" "$dir/m3"
raidd_start
expect 1 ctl status a --exit-code
says "$dir/m1"
says "member 0.1 ($dir/m1, serial "
says "is stale"
says_not "(0.1)"
says_not RD-2007
[ "$(json '.arrays[0].sets[0].legs[1].state' status)" = stale ]
pattern_check a 2
raidd_stop

# The stale halves alone: what they lack is elsewhere.
mv "$dir/mz0" "$dir/mz2" "$dir/away"
raidd_start
expect 7 ctl start a
says "error RD-1302"
# Forced, they are the other branch of a fork.
expect 0 ctl start a --degraded
pattern_check a 1
pattern_write a 3
raidd_stop
mv "$dir/away/mz0" "$dir/away/mz2" "$dir"
raidd_start
expect 7 ctl start a
says "error RD-1304"
expect 7 ctl start a --degraded
expect 0 ctl status a
says "fork"

# The operator decides by taking one half away.
raidd_stop
mv "$dir/m1" "$dir/m3" "$dir/away"
raidd_start
expect 0 ctl start a --degraded
pattern_check a 2
raidd_stop
