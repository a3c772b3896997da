#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Members that are missing, shrunken, doubled, of another array, damaged, or
# of a newer format.  Each is named with what is wrong; what can start starts,
# and with every byte; the rest waits.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires jq qemu-io

conf_line raidd start_wait_s 1
conf_line raidd rescan_s 1
members 4 64M
raidd_start
ctl create a -y "${members[@]}"
pattern_write a 3
raidd_stop

# again NAME: one more life, with what the members are now.
again() {
	raidd_start
	expect "$1" ctl status a --exit-code
}
keep() {
	local m
	for m in "${members[@]}"; do
		cp --sparse=always "$m" "$m.kept"
		mv "$m.kept" "$dir/kept.${m##*/}"
	done
}
restore() {
	local m
	for m in "${members[@]}"; do
		cp --sparse=always "$dir/kept.${m##*/}" "$m"
	done
}
keep

# One superblock copy torn, then three of four: no harm, and it is said.
for n in 0 1 3; do
	copy_damage "$dir/m0" $n
	again 0
	pattern_check a 3
	raidd_stop
	grep -qF "$dir/m0" "$dir/raidd.log"
done
grep -q "superblock copies are damaged" "$dir/raidd.log"
restore

# All copies torn: the member is not usable; set 1 is whole, so it starts.
for n in 0 1 2 3; do copy_damage "$dir/m0" $n; done
again 1
says "$dir/m0 (serial file:"
says "no copy of its superblock is whole"
pattern_check a 3
raidd_stop
restore

# A newer format, an unknown feature: left alone, and not a byte written.
for change in version=99 incompat=1024; do
	sb_edit "$dir/m1" "$change"
	sum=$(cksum <"$dir/m1")
	again 1
	says "its format is newer than this raidd knows"
	pattern_check a 3
	raidd_stop
	[ "$sum" = "$(cksum <"$dir/m1")" ] || fail "it was written"
	restore
done

# Checksum right, contents impossible.
sb_edit "$dir/m1" sets=77
again 1
says "$dir/m1"
raidd_stop
restore

# Shorter than it was: the end is gone, and with it data.
truncate -s 32M "$dir/m2"
again 1
says "it is smaller than when it became a member"
pattern_check a 3
raidd_stop
restore

# Doubled by a copy: neither is used.
cp --sparse=always "$dir/m3" "$dir/m9"
again 1
says "$dir/m9"
pattern_check a 3
raidd_stop
rm "$dir/m9"
restore

# One missing: it starts, since the other set is whole.
rm "$dir/m1"
again 1
says "is absent"
pattern_check a 3
pattern_write a 4
raidd_stop
# ... and the one left behind is not taken back as if nothing had been.
cp --sparse=always "$dir/kept.m1" "$dir/m1"
again 1
says "$dir/m1"
pattern_check a 4
raidd_stop
restore

# A whole set missing: it does not start, says what it waits for, goes on by
# itself when that comes.
rm "$dir/m2" "$dir/m3"
again 2
says "RD-1303"
says "1.0 (serial "
expect 7 ctl start a
says "a set has no in-sync leg"
expect 7 ctl start a --degraded
cp --sparse=always "$dir/kept.m2" "$dir/m2"
cp --sparse=always "$dir/kept.m3" "$dir/m3"
expect 0 ctl wait a --for optimal --timeout 20
pattern_check a 3
raidd_stop
restore

# A member of another array in the place of one of ours.
truncate -s 64M "$dir/o0" "$dir/o1"
raidd_start
ctl create other -y "$dir/o0" "$dir/o1"
raidd_stop
mv "$dir/o0" "$dir/m1"
again 1
says "is absent"
pattern_check a 3
expect 0 ctl status other
says "other"
raidd_stop
