#!/bin/sh
# SPDX-License-Identifier: MIT
# The scenarios and SIM_SEEDS seeds of the simulator (40 unless set), on all
# processors; and the seeds that once failed.
set -eu
top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
sim=${top_builddir:-$top/build/gcc}/tests/sim/sim

grep -v '^#' "$top/tests/sim/seeds" | while IFS='|' read -r arguments _; do
	# shellcheck disable=SC2086 # they are several
	said=$("$sim" $arguments) || {
		echo "kept, fails: sim $arguments"
		echo "$said"
		exit 1
	}
done
exec "$sim" --seeds "${SIM_SEEDS:-40}" --jobs "$(nproc)"
