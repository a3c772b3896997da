#!/bin/bash
# SPDX-License-Identifier: MIT
#
# PostgreSQL under load, and a leg of each set failed: no client of the
# database sees an error, nothing is lost, also after a crash without them.
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

ledger_run
wait_for 60 "commits" ledger_reaches 400
ctl member fail "$array" 0.1 -y
wait_for 60 "commits without 0.1" ledger_reaches $(($(ledger_count) + 400))
ctl member fail "$array" 1.0 -y
wait_for 60 "commits without 1.0" ledger_reaches $(($(ledger_count) + 400))
expect 1 ctl status "$array" --exit-code
says degraded

# The last leg of a set is not to be had.
expect 6 ctl member fail "$array" 1.1 -y

raidd_kill
ledger_stop
cluster_kill
raidd_start
volume_tear_down
volume_up
cluster_start
ledger_check

cluster_check
volume_down
ctl stop "$array"
raidd_stop
