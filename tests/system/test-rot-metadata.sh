#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Metadata of one leg rots: each page of sums in use, every block of the newest
# map, and all of the journal that a start replays.  No client sees an error.
# Bad pages are named and healed.  A bad map is made up for by the older one
# and the journal.  A leg with a bad journal is named, and not used.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
. "$top_srcdir/tests/system/rot.sh"
requires jq qemu-io nbdcopy python3

array=a
# So few sums may wait that pages are stored.
conf_line limits sums_max 2048
members 4 64M
raidd_start
ctl create a -y "${members[@]}"

# Ends with 2 everywhere.
write_much() {
	local at
	for value in 7 3 2; do
		for ((at = 0; at < 64; at += 8)); do
			echo "write -P $value ${at}M 8M"
		done
		echo flush
	done | qemu-io -f raw "$(uri a)" >"$dir/io"
	! grep -i -e failed -e error "$dir/io" || fail "a write failed"
}

read_much() {
	qemu-io -r -f raw -c "read -P 2 0 64M" "$(uri a)" >"$dir/io" 2>&1
	! grep -i -e failed -e error "$dir/io" || fail "a read failed"
}

# Here and there, so that it is now this leg that is asked and now the other.
read_some() {
	local at
	for at in $(shuf -i 0-255 -n 60); do
		echo "read -P 2 $((at * 256))k 4k"
		# The page is there now: the leg for the next one is another.
		[ $((RANDOM % 2)) = 0 ] || echo "read -P 2 $((at * 256))k 4k"
	done | qemu-io -r -f raw "$(uri a)" >"$dir/io" 2>&1
	! grep -i -e failed -e error "$dir/io" || fail "a read failed"
}

# Each verdict has come to its end.
healed() {
	faults
	[ "$(jq '[.faults[] | select(.outcome != "healed")] | length' \
		"$dir/faults.json")" = 0 ]
}

write_much
flip pages 1 >"$dir/flips"
[ "$(wc -l <"$dir/flips")" -ge 8 ] || fail "there are hardly any pages"
read_much

# A page is read from one of the legs, when raidd has none of it: at each start.
for ((i = 0; i < 30; i++)); do
	raidd_stop
	! good_on_each_leg >"$dir/good.out" 2>&1 || break
	raidd_start
	read_some
	read_much
	wait_for 60 "healing" healed
	jq -r '.faults[] | [.leg, .set_offset, .device_offset, .kind, .length] |
		map(tostring) | join(" ")' "$dir/faults.json" >>"$dir/found"
done
sed 's/$/ page-bad 4194304/' "$dir/flips" | sort >"$dir/wanted"
sort "$dir/found" >"$dir/told"
[ -z "$(comm -13 "$dir/wanted" "$dir/told")" ] ||
	fail "other pages than were flipped"
# A page that each start asks of the same leg is not seen on the other one.
[ "$(comm -23 "$dir/wanted" "$dir/told" | wc -l)" -le 4 ] ||
	fail "bad pages were not found"
if [ -n "$raidd_pid" ]; then
	write_much
	raidd_stop
	good_on_each_leg
fi

# The newest map: there is the one before, and the journal from there.  That a
# header makes no sense is said; who is to blame, nobody knows.
flip map 1 >"$dir/flips"
[ -s "$dir/flips" ]
raidd_start
read_much
[ "$(json '.faults | length' show a --faults)" = 0 ] ||
	fail "the disks are blamed"
for leg in 0.1 1.1; do
	grep -q "member $leg .*region map makes no sense" "$dir/raidd.log" ||
		fail "the bad map of $leg is not named"
done
expect 0 ctl status a --exit-code
write_much
read_much
raidd_kill

# The journal: what it said last is not known, so the leg is not to be used.
flip journal 1 >"$dir/flips"
[ -s "$dir/flips" ]
raidd_start
read_much
[ "$(json '[.arrays[0].sets[].legs[].state] | join(" ")' show a)" = \
	"in-sync failed in-sync failed" ] || fail "a leg without journal is used"
expect 1 ctl status a --exit-code
says "member 0.1 ($dir/m1"
grep -q "member 1.1 ($dir/m3.*not used" "$dir/raidd.log"
raidd_stop
