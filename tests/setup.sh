# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Sourced by check and quickstart: Debian packages, and the build.  Expects
# $top, the top of the source tree.

packages_build=(
	autoconf automake gcc libblkid-dev libc6-dev libinih-dev libisal-dev
	libjansson-dev libsmartcols-dev libsystemd-dev liburing-dev make
	pkg-config uuid-dev
)

# packages_missing PACKAGE...: prints those that are not installed.
packages_missing() {
	local p
	for p; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" \
			2>/dev/null)" = installed ] || echo "$p"
	done
}

# packages_install PACKAGE...: what is missing, by apt; without root it says
# what to install and fails.
packages_install() {
	local missing log
	if ! command -v apt-get >/dev/null; then
		echo "this is not Debian; see to it yourself that there is:" "$@"
		return 0
	fi
	mapfile -t missing < <(packages_missing "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "packages are missing; as root:" >&2
		echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
		return 1
	fi
	printf '%-11s %s\n' packages "installing ${missing[*]}"
	log=$(mktemp)
	apt_install "${missing[@]}" >"$log" 2>&1 </dev/null || {
		tail -n 20 "$log" >&2
		echo "apt could not install: ${missing[*]} ($log)" >&2
		return 1
	}
	rm -f "$log"
}

# PostgreSQL's package makes and starts a cluster of its own when first
# installed; nobody asked for that here.
apt_install() {
	local no_cluster=/etc/postgresql-common/createcluster.d/raidd.conf
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q update || return
	if [ ! -e /etc/postgresql-common ]; then
		mkdir -p "${no_cluster%/*}"
		echo "create_main_cluster = false" >"$no_cluster"
	fi
	apt-get -qy install --no-install-recommends "$@"
	local status=$?
	rm -f "$no_cluster"
	return $status
}

# configure, where there is none or it is older than what it is made from.
make_configure() {
	if [ ! -e "$top/configure" ] || [ ! -e "$top/Makefile.in" ] ||
	   [ -n "$(find "$top/configure.ac" "$top/Makefile.am" \
		"$top"/*/local.mk -newer "$top/Makefile.in")" ]; then
		(cd "$top" && autoreconf -fi)
	fi
}

# build DIR TARGET CONFIGURE-ARG...: out of the tree.
build() {
	local into=$1 target=$2
	shift 2
	mkdir -p "$into"
	if [ ! -e "$into/Makefile" ] ||
	   [ "$(cat "$into/.args" 2>/dev/null)" != "$*" ]; then
		(cd "$into" && "$top/configure" "$@") || return
		echo "$*" >"$into/.args"
	fi
	make -C "$into" -j"$(nproc)" "$target"
}
