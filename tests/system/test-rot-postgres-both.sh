#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Bits flip in 500 written blocks of one leg and 500 others of the other, under
# PostgreSQL, many of them side by side: no client sees an error, all are
# healed, and raidd names each, on the right leg and place.
. "$(dirname "$0")/rot_postgres.sh"

conf_line limits read_error_budget 1000000
rot_begin
flip data 0 500 2 >"$dir/flips0"
flip data 1 500 3 --not "$dir/flips0" >"$dir/flips1"
rot_read
read_until_same "$dir/flips0" "$dir/flips1"
faults_are_flips "$dir/flips0" "$dir/flips1"
expect 0 ctl status "$array" --exit-code
rot_end
faults_are_flips "$dir/flips0" "$dir/flips1"
raidd_stop
good_on_each_leg
