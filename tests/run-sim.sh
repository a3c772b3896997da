#!/bin/sh
# SPDX-License-Identifier: MIT
# The scenarios and SIM_SEEDS seeds of the simulator (40 unless set), on all
# processors; and the seeds that once failed.
set -eu
top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
sim=${top_builddir:-$top/build/gcc}/tests/sim/sim
seeds=$top/tests/sim/seeds
[ ! -e "$seeds" ] || for s in $(grep -oE '^[0-9]+' "$seeds"); do
	"$sim" "$s"
done
exec "$sim" --seeds "${SIM_SEEDS:-40}" --jobs "$(nproc)"
