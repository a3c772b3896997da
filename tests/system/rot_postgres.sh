# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced by the tests in which blocks rot under PostgreSQL, instead of
# functions.sh: a database with clients that commit, and what must be so in the
# end.

. "$(dirname "${BASH_SOURCE[0]}")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
. "$top_srcdir/tests/system/postgres.sh"
. "$top_srcdir/tests/system/ledger.sh"
. "$top_srcdir/tests/system/rot.sh"
requires_postgres
requires jq nbdcopy python3

rot_begin() {
	members 4 256M
	raidd_start
	ctl create "$array" -y "${members[@]}"
	cleanup_fn volume_cleanup
	cleanup_fn ledger_stop
	volume_up
	cluster_make
	cluster_start
	ledger_make
	table_make
	ledger_run
	commits 200
}

# commits COUNT: so many more, by clients that have not seen an error.
commits() {
	wait_for 120 "commits" ledger_reaches $(($(ledger_count) + $1))
}

# By the database, and then all of the device, while clients commit.
rot_read() {
	cache_drop "$pg_data"
	table_check
	read_whole
	commits 200
	ledger_stop
}

rot_end() {
	ledger_check
	cluster_check
	volume_down
}
