# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced after postgres.sh: clients that commit, and note outside of the
# volume what was acknowledged to them.

ledger_clients=4
ledger_pids=()

ledger_make() {
	sql -c "CREATE TABLE ledger (client int, number int, filler text,
		PRIMARY KEY (client, number))"
}

# Each call goes on with clients of new numbers.
ledger_first=1
ledger_run() {
	local i
	ledger_pids=()
	for ((i = 0; i < ledger_clients; i++)); do
		python3 "$top_srcdir/tests/system/committer.py" \
			"$pg_bin/psql" "$pg_run" "$((ledger_first + i))" \
			"$dir/acknowledged.$((ledger_first + i))" \
			2>>"$dir/committer.log" &
		ledger_pids+=($!)
	done
	ledger_first=$((ledger_first + ledger_clients))
}

ledger_count() {
	find "$dir" -maxdepth 1 -name 'acknowledged.*' -exec cat {} + | wc -l
}

# ledger_reaches COUNT: for wait_for; fails the test if a client has ended.
ledger_reaches() {
	local pid
	for pid in "${ledger_pids[@]}"; do
		kill -0 "$pid" || fail "a client of the database got an error"
	done
	[ "$(ledger_count)" -ge "$1" ]
}

# The clients' end: they are told to, or the database went away under them.
ledger_stop() {
	local pid
	for pid in "${ledger_pids[@]}"; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" || :
	done
	ledger_pids=()
}

# Every row that was acknowledged is there, whole.
ledger_check() {
	local f client
	for f in "$dir"/acknowledged.*; do
		client=${f##*.}
		sql -c "SELECT number FROM ledger WHERE client = $client
			AND filler = repeat(md5(number::text), 20)" |
			sort >"$dir/there"
		sort "$f" | comm -23 - "$dir/there" >"$dir/lost"
		[ ! -s "$dir/lost" ] || fail \
			"client $client: $(wc -l <"$dir/lost") rows are lost," \
			"the first $(head -n 1 "$dir/lost")"
	done
	echo "$(ledger_count) acknowledged rows are there"
}
