# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced after functions.sh and admin.sh: bits that rot in members' files, and
# what raidd says of them.  $array is the array's name.

# flip VERB ...: see flip.py.
flip() {
	local verb=$1
	shift
	python3 "$top_srcdir/tests/system/flip.py" "$verb" "$@" \
		"${members[@]}"
}

# read_whole: the device, from its beginning to its end; no error may be seen.
read_whole() {
	nbdcopy "$(uri "$array")" null: 2>"$dir/nbdcopy.log" ||
		fail "reading the device: $(cat "$dir/nbdcopy.log")"
}

# read_until_same FILE...: until the blocks that FILE lists are the same on all
# legs, in the members' files.  A read is of one leg, so it takes several.
read_until_same() {
	local end=$((SECONDS + 300)) left
	while :; do
		left=$(for f; do flip differ "$f"; done | wc -l)
		[ "$left" -gt 0 ] || return 0
		[ $SECONDS -lt $end ] || fail "$left flipped blocks remain"
		read_whole
	done
}

faults() {
	ctl show "$array" --faults --json >"$dir/faults.json"
}

# faults_are_flips FILE...: what raidd says it found is what was flipped, each
# named once and healed, and nothing else.
faults_are_flips() {
	faults
	python3 "$top_srcdir/tests/system/faults_check.py" \
		"$dir/faults.json" "$@" || {
		cp "$dir/faults.json" "$dir/faults.log"
		fail "other faults than were made"
	}
}

# cache_drop DIR: that what is read there is read from the device.
cache_drop() {
	python3 - "$1" <<-'END'
	import os, sys
	for at, _, names in os.walk(sys.argv[1]):
	    for name in names:
	        try:
	            fd = os.open(os.path.join(at, name), os.O_RDONLY)
	        except OSError:  # a socket, or gone meanwhile
	            continue
	        os.fdatasync(fd)
	        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
	        os.close(fd)
	END
}

# good_on_each_leg: after a stop, each leg holds what its sums say, by
# member_read.py, and the same as the other.
good_on_each_leg() {
	local leg
	for leg in 0 1; do
		python3 "$top_srcdir/tests/system/member_read.py" --leg $leg \
			"${members[@]}" | sha256sum >"$dir/sha.$leg"
	done
	cmp "$dir/sha.0" "$dir/sha.1"
}

# old_take MEMBER: a copy, of one moment, in $dir/old.
old_take() {
	[ -z "$raidd_pid" ] || kill -STOP "$raidd_pid"
	cp --sparse=always "$1" "$dir/old"
	[ -z "$raidd_pid" ] || kill -CONT "$raidd_pid"
}

# old_put MEMBER: in one moment, into the file that raidd has open.
old_put() {
	[ -z "$raidd_pid" ] || kill -STOP "$raidd_pid"
	dd if="$dir/old" of="$1" bs=1M conv=notrunc oflag=direct status=none
	[ -z "$raidd_pid" ] || kill -CONT "$raidd_pid"
}

# Until what is written is the same on all legs.
read_until_no_differences() {
	local end=$((SECONDS + 300)) left
	while :; do
		left=$(flip differences | wc -l)
		[ "$left" -gt 0 ] || return 0
		[ $SECONDS -lt $end ] || fail "$left blocks differ"
		read_whole
	done
}
