#!/bin/bash
# SPDX-License-Identifier: MIT
#
# More blocks of a leg rot than the default budget of bad reads allows: the leg
# is failed, by name, and no client sees an error.  Of the set's last leg that
# is not done, however bad it is.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
. "$top_srcdir/tests/system/rot.sh"
requires jq qemu-io python3

array=a
members 4 64M
raidd_start
ctl create a -y "${members[@]}"
pattern_write a 1

leg() { # FILTER
	faults
	jq -r "$1" "$dir/faults.json"
}

flip data 0 200 1 >"$dir/flips"
[ "$(leg '.legs[0].budget')" = 20 ]
for ((i = 0; i < 100; i++)); do
	pattern_check a 1
	# The other leg's turn.
	qemu-io -r -f raw -c "read 0 4k" -c "read 256k 4k" "$(uri a)" \
		>"$dir/io"
	[ "$(json '[.arrays[0].sets[].in_sync] | add' show a)" -gt 2 ] || break
done
[ "$(json '[.arrays[0].sets[].legs[].state] | join(" ")' show a)" = \
	"failed in-sync failed in-sync" ] || fail "0.0 and 1.0 are not failed"

# One more than the budget, and each that was told is one we flipped.
for i in 0 2; do
	[ "$(leg ".legs[$i].mismatch")" = 21 ] || fail "not 21 verdicts"
done
leg '.faults[] | select(.kind != "mismatch") | .kind' >"$dir/other"
[ ! -s "$dir/other" ] || fail "$(cat "$dir/other")"
leg '.faults[] | [.leg, .set_offset, .device_offset] | map(tostring) |
	join(" ")' | sort >"$dir/told"
[ "$(uniq -d "$dir/told" | wc -l)" = 0 ] || fail "some are told twice"
[ "$(sort "$dir/flips" | comm -13 - "$dir/told" | wc -l)" = 0 ] ||
	fail "some are told that were not flipped"
[ "$(leg '[.faults[].outcome] | unique - ["healed"] | tostring')" = \
	'["leg-failed"]' ] || fail "what became of some is not said"
expect 1 ctl status a --exit-code
says RD-2001
says "member 0.0 ($dir/m0"
says_not "member 0.1 ("
grep -q "0\.0 ($dir/m0.*failed (too many bad reads)" "$dir/raidd.log" ||
	fail "the log does not say that 0.0 was failed"

# The last leg of a set stays, whatever it gives.
flip data 1 40 2 >"$dir/last"
while read -r _ _ at; do
	qemu-io -r -f raw -c "read $at 4k" "$(uri a)" >"$dir/io" 2>&1 || :
	grep -q "Input/output error" "$dir/io" || fail "what rotted was read"
done <"$dir/last"
[ "$(json '[.arrays[0].sets[].legs[].state] | join(" ")' show a)" = \
	"failed in-sync failed in-sync" ] || fail "a last leg was failed"
[ "$(json .lost.lost_bytes show a --lost)" = $((40 * 4096)) ]
