# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced after functions.sh: raidd killed under a checker.
#
#   CRASH_SEED=N      draw the same again (but for the times things take)
#   CRASH_KILLS=N     so many crashes, for long runs by hand
#   CRASH_KEEP=DIR    where members and logs of a failure are copied to

stamp=$top_builddir/tests/system/stamp

requires_crash() {
	requires_root
	requires python3
	[ -x "$stamp" ] || skip "stamp is not built: there is no libnbd"
}

# For members that lose their cache.
requires_crash_disks() {
	requires_crash
	[ -e /dev/fuse ] || skip "no /dev/fuse"
	cleanup_fn crash_unmount
}

# What a killed crash.py left.
crash_unmount() {
	local at
	while read -r _ at _; do
		case $at in "$dir"/*) umount -l "$at" ;; esac
	done </proc/self/mounts
}

crash_keep() {
	cp -a --sparse=always "$dir/." "$CRASH_KEEP"
}

# crash_run MODE CRASHES [OPTION...]: see crash.py.
crash_run() {
	local mode=$1 crashes=${CRASH_KILLS:-$2} status=0
	shift 2
	# A slow machine gets fewer; a run by hand gets what it asked for.
	[ -n "${CRASH_KILLS:-}" ] || set -- --seconds 300 "$@"
	python3 -B "$top_srcdir/tests/system/crash.py" "$mode" --dir "$dir" \
		--raidd "$raidd" --raidctl "$raidctl" --stamp "$stamp" \
		--disk "$top_builddir/tests/system/crash_disk" \
		--preload "$top_builddir/tests/system/crash_fs.so" \
		--seed "${CRASH_SEED:-$RANDOM}" --crashes "$crashes" "$@" ||
		status=$?
	[ $status -eq 0 ] && return
	[ -z "${CRASH_KEEP:-}" ] || crash_keep
	fail "crash.py ended with status $status"
}
