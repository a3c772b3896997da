#!/bin/bash
# SPDX-License-Identifier: MIT
#
# quickstart: from nothing to a running database, twice; mended after raidd
# was killed; and down again, twice.  It uses the build of its own.
. "$(dirname "$0")/functions.sh"
requires_attach
requires setpriv mkfs.xfs
[ -x /usr/lib/postgresql/15/bin/initdb ] || skip "PostgreSQL 15 is not installed"

at=$dir/here
quickstart() {
	"$top_srcdir/quickstart" --dir "$at" "$@"
}
cleanup_fn quickstart down

expect 0 quickstart down
says "nothing"
expect 1 quickstart --size 8M
says "too small"
expect 2 quickstart --sise 1G
mkdir "$at"
touch "$at/of-the-user"
expect 1 quickstart
says "holds other things"
rm -r "$at"

expect 0 quickstart --size 256M
cat "$dir/out"
says "0.1"
says "degraded"
says " 0 (0.000%) failed"
grep -q " $at/mnt xfs " /proc/mounts || fail "not mounted"
psql=/usr/lib/postgresql/15/bin/psql
rows() {
	"$psql" -XAt -h "$at/postgres" -U postgres \
		-c "SELECT count(*) FROM messagebox.tracking"
}
before=$(rows)
[ "$before" -gt 0 ] || fail "no rows"

expect 0 quickstart
says "runs already"
[ "$(rows)" -eq "$before" ] || fail "the second run did something"

kill -9 "$(cat "$at/raidd.pid")"
expect 0 quickstart
says "mending"
[ "$(rows)" -eq "$before" ] || fail "rows were lost"

expect 0 quickstart down
says "stopped and removed"
[ ! -e "$at" ] || fail "$at is still there"
! grep -q " $at" /proc/mounts || fail "something is still mounted"
expect 0 quickstart down
