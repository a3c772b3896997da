#!/bin/sh
# SPDX-License-Identifier: MIT
# Each header compiles alone, and its guard is its path.
set -eu
cd "${top_srcdir:-$(dirname "$0")/..}"
cc=${CC:-cc}
status=0

# The name that guards a header: RAID_IO_H, RAIDD_POLL_H, RAIDCTL_PRINT_H, ...
guard() {
	case $1 in
	raid/*) p=RAID ;;
	daemon/*) p=RAIDD ;;
	tools/*) p=RAIDCTL ;;
	tests/sim/*) p=SIM ;;
	tests/fuzz/*) p=FUZZ ;;
	*) p=TESTS ;;
	esac
	n=$(basename "$1" .h | tr 'a-z-' 'A-Z_')
	# sim/sim_io.h: SIM_IO_H, not SIM_SIM_IO_H; sim/sim.h: SIM_H.
	[ "$1" != tests/sim/sim.h ] || n=
	n=${n#"${p}"_}
	echo "$p${n:+_$n}_H"
}

for h in raid/*.h daemon/*.h tools/*.h tests/*/*.h; do
	[ -e "$h" ] || continue
	case $h in
	raid/*) inc=-Iraid ;;
	*) inc="-Iraid -I$(dirname "$h") -Idaemon" ;;
	esac
	case $h in
	tools/*) inc="-Iraid -Itools" ;;
	tests/system/*) inc=-Itests/sim ;;
	esac
	# shellcheck disable=SC2086 # a list of options
	if ! printf '#include "%s"\n' "$(basename "$h")" |
		$cc -std=gnu11 -D_GNU_SOURCE= -Wall -Wextra -Werror \
		-fsyntax-only -I"$(dirname "$h")" $inc -x c -; then
		echo "$h does not compile alone"
		status=1
	fi
	g=$(guard "$h")
	if ! grep -q "^#ifndef $g\$" "$h" || ! grep -q "^#define $g\$" "$h"; then
		echo "$h: its guard should be $g"
		status=1
	fi
done
exit $status
