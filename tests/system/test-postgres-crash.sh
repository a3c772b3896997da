#!/bin/bash
# SPDX-License-Identifier: MIT
#
# PostgreSQL under load, and raidd killed: what was committed is there when
# raidd, the file system and the database have recovered.  Three times.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/postgres.sh"
. "$top_srcdir/tests/system/ledger.sh"
requires_postgres

members 4 256M
raidd_start
ctl create "$array" -y "${members[@]}"
cleanup_fn volume_cleanup
cleanup_fn ledger_stop
volume_up
cluster_make
cluster_start
ledger_make

for round in 1 2 3; do
	target=$(($(ledger_count) + 1000))
	ledger_run
	wait_for 60 "$target commits" ledger_reaches "$target"
	raidd_kill
	ledger_stop
	cluster_kill
	raidd_start
	volume_tear_down
	volume_up
	cluster_start
	echo "round $round:"
	ledger_check
done

cluster_check
volume_down
ctl stop "$array"
raidd_stop
