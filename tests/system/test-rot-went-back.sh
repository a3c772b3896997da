#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Under PostgreSQL the file of a leg is replaced, in place, by a copy of it
# from before some hundred commits: raidd says that the leg went back in time,
# no client sees an error, and all data of the leg is as it should be in the end.
. "$(dirname "$0")/rot_postgres.sh"

conf_line limits read_error_budget 1000000
rot_begin
old_take "${members[1]}"
commits 300
sql -c "UPDATE rows SET number = number"
sql -c CHECKPOINT
old_put "${members[1]}"
rot_read
read_until_no_differences

# Told once, of the right leg, and healed.
says_back() {
	faults && jq -e '[.faults[] | select(.kind == "went-back") |
		[.leg, .outcome, .behind > 0, .set_offset]] ==
		[["0.1", "healed", true, null]]' "$dir/faults.json"
}
# Of a long list the oldest are not kept.
[ "$(jq '.legs[1]["went-back"]' <(ctl show "$array" --faults --json))" = 1 ] ||
	fail "no verdict that the leg went back"
faults
if [ "$(jq .faults_dropped "$dir/faults.json")" = 0 ]; then
	wait_for 30 "the leg's metadata" says_back
fi
jq -e '[.faults[] | select(.leg != "0.1" or .outcome != "healed")] == [] and
	([.legs[] | select(.leg != "0.1") | .mismatch, ."lost-write",
		."page-bad", ."went-back", .repaired] | add) == 0 and
	.legs[1].mismatch + .legs[1]."lost-write" > 1000 and
	.legs[1]."lost-write" > 0' "$dir/faults.json" >"$dir/jq.log" ||
	fail "other faults than one leg's, healed"
grep -q "member 0.1 ($dir/m1.*went back in time" "$dir/raidd.log" ||
	fail "the log does not say that 0.1 went back"
expect 0 ctl status "$array" --exit-code
rot_end
[ "$(flip differences | wc -l)" = 0 ]
raidd_stop
