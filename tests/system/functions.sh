# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced by each system test (bash): a directory, a daemon and sockets of its
# own, all gone again at exit, so tests run beside each other.
#
#   . "$(dirname "$0")/functions.sh"
#   requires_root
#   requires nbdinfo
#   members 4 64M                     # $dir/m0 .. m3, in ${members[@]}
#   raidd_start
#   ctl create a -y "${members[@]}"
#   nbdinfo "$(uri a)"
#
# What is set: dir, socket (control), nbd (NBD's), raidd, raidctl, conf.
# A test passes by reaching its end; it fails by fail, or by any command that
# fails (set -e); it is skipped by exit 77.

set -Eeuo pipefail
trap 'echo "failed: line $LINENO: $BASH_COMMAND" >&2' ERR

top_srcdir=${top_srcdir:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
top_builddir=${top_builddir:-$top_srcdir/build/gcc}
raidd=$top_builddir/raidd
raidctl=$top_builddir/raidctl

# On a real file system, not a tmpfs: members are opened with O_DIRECT.
dir=$(mktemp -d "${RAIDD_TEST_DIR:-/var/tmp}/raidd-test.XXXXXX")
chmod 755 "$dir"
socket=$dir/raidd.sock
nbd=$dir/nbd.sock
conf=$dir/raidd.conf
raidd_pid=
members=()

# Things to undo, last one first; each a command line.
cleanup_list=()

# cleanup_fn COMMAND ARG...: to be run at exit, whatever happens.
cleanup_fn() {
	cleanup_list+=("$(printf '%q ' "$@")")
}

# Why a test failed: the ends of the logs it left.
cleanup_show() {
	local f
	for f in "$dir"/*.log "$dir"/*/log; do
		[ -s "$f" ] || continue
		echo "--- the end of ${f#"$dir"/}"
		tail -n 30 "$f"
	done >&2
}

cleanup_run() {
	local status=$? i
	trap - ERR EXIT
	set +e
	for ((i = ${#cleanup_list[@]} - 1; i >= 0; i--)); do
		eval "${cleanup_list[i]}"
	done
	raidd_reap
	[ $status -eq 0 ] || [ $status -eq 77 ] || cleanup_show
	rm -rf --one-file-system "$dir"
	exit $status
}
trap cleanup_run EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

skip() {
	echo "skipped: $*" >&2
	exit 77
}

fail() {
	echo "failed: $*" >&2
	exit 1
}

# requires PROGRAM...
requires() {
	local p
	for p; do
		command -v "$p" >/dev/null || skip "$p is not installed"
	done
}

requires_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

# For raidctl attach, where neither ublk nor the kernel's NBD client is.
requires_attach() {
	requires_root
	requires nbdfuse losetup
	[ -e /dev/fuse ] || skip "no /dev/fuse"
	[ -e /dev/loop-control ] || skip "no loop devices"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "waited in vain for $what"
		sleep 0.1
	done
}

# expect STATUS COMMAND...: it must exit so; its output is in $dir/out.
expect() {
	local want=$1 got=0
	shift
	"$@" >"$dir/out" 2>&1 || got=$?
	if [ "$got" -ne "$want" ]; then
		cat "$dir/out" >&2
		fail "exit status $got, not $want: $*"
	fi
}

# says TEXT: the last expect's output holds it.
says() {
	grep -qF -e "$1" "$dir/out" && return
	cat "$dir/out" >&2
	fail "output does not say: $1"
}

# members COUNT [SIZE]: sparse files.
members() {
	local i
	members=()
	for ((i = 0; i < $1; i++)); do
		truncate -s "${2:-64M}" "$dir/m$i"
		members+=("$dir/m$i")
	done
}

# conf_line SECTION KEY VALUE: for raidd_start, after what every test's conf
# has: its own sockets.
conf_line() {
	conf_default
	printf '[%s]\n%s = %s\n' "$1" "$2" "$3" >>"$conf"
}

conf_default() {
	[ -e "$conf" ] || cat >"$conf" <<-END
	[raidd]
	socket = $socket
	nbd_socket = $nbd
	END
}

ctl() {
	"$raidctl" --socket "$socket" "$@"
}

# The NBD URI of an array.
uri() {
	echo "nbd+unix:///$1?socket=$nbd"
}

raidd_answers() {
	kill -0 "$raidd_pid" 2>/dev/null || fail "raidd ended"
	ctl list
}

# raidd_start [ARG...]: and wait until it answers.
raidd_start() {
	conf_default
	"$raidd" --config "$conf" --foreground --scan "$dir/m*" "$@" \
		>>"$dir/raidd.log" 2>&1 </dev/null &
	raidd_pid=$!
	wait_for 30 "raidd's socket" raidd_answers
}

# What is left of a raidd at the end of a test.
raidd_reap() {
	[ -n "$raidd_pid" ] || return 0
	kill "$raidd_pid" 2>/dev/null
	local i
	for ((i = 0; i < 100; i++)); do
		kill -0 "$raidd_pid" 2>/dev/null || break
		sleep 0.1
	done
	kill -9 "$raidd_pid" 2>/dev/null
	wait "$raidd_pid" 2>/dev/null
	raidd_pid=
}

ended() {
	! kill -0 "$1"
}

# The clean way: SIGTERM; it must end well, within a minute.
raidd_stop() {
	local pid=$raidd_pid status=0
	raidd_pid=
	kill "$pid"
	wait_for 60 "raidd to end" ended "$pid"
	wait "$pid" || status=$?
	[ $status -eq 0 ] || fail "raidd ended with status $status"
}

# The power cut of processes.
raidd_kill() {
	local pid=$raidd_pid
	raidd_pid=
	kill -9 "$pid"
	wait "$pid" 2>/dev/null || :
}
