#!/bin/sh
# SPDX-License-Identifier: MIT
# SIM_SEEDS seeds of the simulator, on all processors; 40 unless set.
set -eu
top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
sim=${top_builddir:-$top/build/gcc}/tests/sim/sim
exit 77
