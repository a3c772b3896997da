#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Under PostgreSQL the file of a leg is replaced, in place, by a copy of it
# from before some hundred commits: raidd says that the leg went back in time,
# no client sees an error, and in the end the leg alone holds all there is.
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

# In the counters: of a long list the oldest are not kept.
[ "$(jq '.legs[1]["went-back"]' <(ctl show "$array" --faults --json))" = 1 ] ||
	fail "no verdict that the leg went back"
wait_for 120 "the leg's metadata" grep -q \
	"member 0.1 ($dir/m1.*metadata written anew" "$dir/raidd.log"
faults
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
good_on_each_leg
