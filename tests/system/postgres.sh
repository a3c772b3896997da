# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced after functions.sh: an array with XFS and a PostgreSQL cluster on it.
#
#   volume_up; cluster_make; cluster_start; ...; cluster_stop; volume_down

array=pg
mount=$dir/mnt
device=
pg_bin=/usr/lib/postgresql/15/bin
pg_data=$mount/pgdata
pg_run=$dir/pg

requires_postgres() {
	requires_attach
	requires setpriv mkfs.xfs
	[ -x "$pg_bin/initdb" ] || skip "PostgreSQL 15 is not installed"
}

as_postgres() {
	(cd / && exec setpriv --reuid=postgres --regid=postgres --init-groups \
		--reset-env -- "$@")
}

sql() {
	as_postgres "$pg_bin/psql" -XqAt -v ON_ERROR_STOP=1 -h "$pg_run" "$@"
}

# A device for the array, a file system where there is none, mounted.
volume_up() {
	ctl attach "$array" >"$dir/attached"
	device=$(grep -oE '/dev/[A-Za-z0-9/_.-]+' "$dir/attached" | head -n 1)
	[ -b "$device" ] || fail "attach gave no block device"
	[ -n "$(blkid -p -o value -s TYPE "$device")" ] ||
		mkfs.xfs -q "$device"
	mkdir -p "$mount"
	mount -t xfs "$device" "$mount"
}

volume_down() {
	umount "$mount"
	ctl detach "$array"
	device=
}

# After raidd died: nothing answers behind the device any more.
volume_tear_down() {
	umount "$mount" 2>/dev/null || umount -l "$mount"
	ctl detach "$array"
	device=
}

# For cleanup_fn: whatever is left of it.
volume_cleanup() {
	cluster_kill
	grep -q " $mount " /proc/self/mounts &&
		{ umount "$mount" || umount -l "$mount"; }
	[ -z "$device" ] || ctl detach "$array"
} 2>/dev/null

cluster_make() {
	mkdir -p "$pg_run"
	chown postgres: "$pg_run"
	install -d -o postgres -g postgres -m 700 "$pg_data"
	as_postgres "$pg_bin/initdb" -D "$pg_data" --data-checksums \
		--auth=trust --encoding=UTF8 --no-locale >"$dir/initdb.log"
	cat >>"$pg_data/postgresql.conf" <<-END
	listen_addresses = ''
	unix_socket_directories = '$pg_run'
	shared_buffers = 32MB
	min_wal_size = 32MB
	max_wal_size = 64MB
	checkpoint_timeout = 30s
	END
	# What is not synced, a crash may take.
	sync "$pg_data/postgresql.conf"
}

# Not one that has ended and was not waited for.
alive() {
	[ -e "/proc/$1/exe" ]
}

cluster_start() {
	local old
	# Such a one looks alive to PostgreSQL.
	old=$(head -n 1 "$pg_data/postmaster.pid" 2>/dev/null) || old=none
	alive "$old" || rm -f "$pg_data/postmaster.pid" "$pg_run"/.s.*
	as_postgres "$pg_bin/pg_ctl" start -w -t 120 -D "$pg_data" \
		-l "$pg_run/log" >"$dir/pg_ctl.log" 2>&1 </dev/null || {
		tail -n 20 "$pg_run/log" >&2
		fail "PostgreSQL does not start"
	}
	head -n 1 "$pg_data/postmaster.pid" >"$dir/postgres.pid"
}

cluster_stop() {
	as_postgres "$pg_bin/pg_ctl" stop -w -m fast -D "$pg_data" \
		>"$dir/pg_ctl.log"
	rm -f "$dir/postgres.pid"
}

# Its disk may be gone: no shutdown, only an end.
cluster_kill() {
	local pid child
	pid=$(cat "$dir/postgres.pid" 2>/dev/null) || return 0
	for child in $(pgrep -P "$pid"); do kill -9 "$child" || :; done
	kill -9 "$pid" || :
	while alive "$pid"; do sleep 0.1; done
	rm -f "$dir/postgres.pid"
} 2>/dev/null

# Everything PostgreSQL itself can find wrong.  The cluster runs before, and
# is stopped after.
cluster_check() {
	sql -c "CREATE EXTENSION IF NOT EXISTS amcheck"
	as_postgres "$pg_bin/pg_amcheck" -h "$pg_run" --all --heapallindexed ||
		fail "pg_amcheck found damage"
	cluster_stop
	as_postgres "$pg_bin/pg_checksums" --check -D "$pg_data" ||
		fail "pg_checksums found damage"
}

# A table that lies on the disk, and is more than shared_buffers.
table_rows=40000
table_make() {
	sql -c "CREATE TABLE rows WITH (autovacuum_enabled = off) AS SELECT number, repeat(md5(number::text),
		30) AS filler FROM generate_series(1, $table_rows) AS number"
	sql -c "CREATE INDEX ON rows (number)"
	sql -c CHECKPOINT
}

# All of it, read anew.
table_check() {
	[ "$(sql -c "SELECT count(*) FROM rows
		WHERE filler = repeat(md5(number::text), 30)")" = \
		$table_rows ] || fail "rows are not as they were"
}
