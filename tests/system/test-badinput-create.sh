#!/bin/bash
# SPDX-License-Identifier: MIT
#
# create refuses what it must not overwrite and what makes no array, and names
# the thing, what it found, and the way round it where there is one.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires mkfs.ext4 mkswap

raidd_start

# refused STATUS ID ARG...
refused() {
	local status=$1 id=$2
	shift 2
	expect "$status" ctl create a -y "$@"
	says "error $id:"
	case $id in
	RD-1205 | RD-1206 | RD-1208) says "remedy:" ;;
	esac
}

members 4 64M
refused 2 RD-1204 "${members[@]:0:3}"
refused 2 RD-1203 --legs 4 "${members[@]}"
refused 2 RD-1203 --legs 1 "${members[@]}"
refused 2 RD-1203 --chunk 100K "${members[@]}"
refused 2 RD-1203 --chunk 8M "${members[@]}"
refused 2 RD-1203 --chunk 4K "${members[@]}"
refused 2 RD-4001 --chunk x "${members[@]}"
refused 2 RD-1004 --force=everything "${members[@]}"
says "foreign-signature"
expect 2 ctl create 'a b' -y "${members[@]}"
says "error RD-1201"
expect 2 ctl create ../a -y "${members[@]}"
expect 2 ctl create "$(printf 'x%.0s' {1..64})" -y "${members[@]}"

# Not there, not a disk, too small.
refused 4 RD-1205 "$dir/m0" "$dir/nosuch"
says "$dir/nosuch: No such file"
refused 4 RD-1205 "$dir/m0" "$dir"
refused 4 RD-1205 "$dir/m0" /dev/null
truncate -s 1M "$dir/small"
refused 6 RD-1208 "$dir/m0" "$dir/small"
says "$dir/small"

# Doubled: the same name, a link, a hard link.
refused 6 RD-1207 "$dir/m0" "$dir/m0"
ln -s m0 "$dir/link"
refused 6 RD-1207 "$dir/m0" "$dir/link"
says "$dir/link are the same disk"
ln "$dir/m0" "$dir/hard"
refused 6 RD-1207 "$dir/m0" "$dir/hard"

# Something is on it.
mkfs.ext4 -q -L precious -F "$dir/m1"
sum=$(cksum <"$dir/m1")
refused 6 RD-1210 "$dir/m0" "$dir/m1"
says "$dir/m1 is not blank"
says "ext4 (label precious)"
says "--force=foreign-signature"
# One partition of 32 MiB from 1 MiB on, as DOS wrote it.
printf '\0\0\0\0\203\0\0\0\0\10\0\0\0\0\1\0' |
	dd of="$dir/m2" bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of="$dir/m2" bs=1 seek=510 conv=notrunc status=none
refused 6 RD-1210 "$dir/m0" "$dir/m2"
says "dos partition table"
mkswap -q "$dir/m3"
refused 6 RD-1210 "$dir/m0" "$dir/m3"
says "swap"
[ "$sum" = "$(cksum <"$dir/m1")" ] || fail "a refused member was written"

# In use: by another program, by a loop device.
rm -f "$dir"/m* "$dir/hard"
members 4 64M
exec 9<>"$dir/m1"
flock 9
refused 7 RD-1206 "$dir/m0" "$dir/m1"
says "$dir/m1 is in use"
exec 9>&-
if [ "$(id -u)" = 0 ] && loop=$(losetup --find --show "$dir/m1"); then
	cleanup_fn losetup -d "$loop"
	refused 7 RD-1206 "$dir/m0" "$dir/m1"
	says "backs $loop"
	mkfs.ext4 -q "$loop"
	mkdir "$dir/mnt"
	mount "$loop" "$dir/mnt"
	cleanup_fn umount "$dir/mnt"
	refused 7 RD-1206 "$dir/m0" "$loop"
	says "mounted at $dir/mnt"
	umount "$dir/mnt"
	losetup -d "$loop"
	wipefs -qa "$dir/m1"
fi

# Ours already: served, then stopped, then half destroyed.
ctl create a -y "$dir/m0" "$dir/m1"
expect 7 ctl create b -y "$dir/m1" "$dir/m2"
says "being served"
ctl stop a
expect 6 ctl create b -y "$dir/m1" "$dir/m2"
says "error RD-1211"
says "its array is 'a', leg 0.1"
copy_damage "$dir/m1" 0
copy_damage "$dir/m1" 1
copy_damage "$dir/m1" 2
copy_damage "$dir/m1" 3
expect 6 ctl create b -y "$dir/m1" "$dir/m2"
says "no copy of its superblock is whole"
expect 0 ctl create b -y --force=own-superblock "$dir/m1" "$dir/m2"
says "leaves its array"
expect 0 ctl wait b
raidd_stop
