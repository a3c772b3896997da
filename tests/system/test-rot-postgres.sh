#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A bit flips in each of 1,000 written blocks of one leg, under PostgreSQL: no
# client sees an error, all are healed, and raidd names each of them, on the
# right leg, at the right place of the device.
. "$(dirname "$0")/rot_postgres.sh"

conf_line limits read_error_budget 1000000
rot_begin
flip data 1 1000 1 >"$dir/flips"
rot_read
read_until_same "$dir/flips"
faults_are_flips "$dir/flips"
expect 0 ctl status "$array" --exit-code
rot_end
faults_are_flips "$dir/flips"
raidd_stop
good_on_each_leg
