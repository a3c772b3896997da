#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A member that is away is named by serial number and last path, also by a raidd
# that was started after it had gone; and not by what was written into the file
# it is remembered in by others.
# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires jq

conf_line raidd start_wait_s 1
members 2
raidd_start
ctl create a -y "${members[@]}"
serial=$(json '.arrays[0].sets[0].legs[0].serial' status a)
[ -n "$serial" ] && [ "$serial" != null ]
raidd_stop
mkdir "$dir/away"
mv "$dir/m0" "$dir/away/m0"
raidd_start
expect 7 ctl start a
says "0.0 (serial $serial, last seen as $dir/m0)"
[ "$(json '.arrays[0].sets[0].legs[0].serial' status a)" = "$serial" ]
ctl start a --degraded
ctl status a >"$dir/out" || :
says "serial $serial"
raidd_stop

# What is in the file is only shown; if it is bad it is not.
echo '{"members": [{"uuid": "x"}, 7, {"uuid": null, "path": 1}]}' \
	>"$dir/members.json"
raidd_start
ctl status a >"$dir/out" || :
says "not seen"
raidd_stop
grep -q "$dir/m1" "$dir/members.json" || fail "m1 is not remembered"
echo '{"members' >"$dir/members.json"
raidd_start
grep -q "members.json.*forgotten" "$dir/raidd.log" || fail "nothing said"
raidd_stop

# Nor does it matter that it cannot be written.
rm "$dir/members.json"
mkdir "$dir/members.json"
raidd_start
ctl list >"$dir/out"
grep -q "members.json cannot be written" "$dir/raidd.log" || fail "nothing said"
rmdir "$dir/members.json"
ctl stop a
mv "$dir/away/m0" "$dir/m0"

# Who is destroyed is forgotten.
ctl destroy a -y
ctl list >"$dir/out"
! grep -q '"uuid"' "$dir/members.json" || fail "$(cat "$dir/members.json")"
raidd_stop
