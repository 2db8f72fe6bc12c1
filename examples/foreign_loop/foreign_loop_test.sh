#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the example on a file of 1000 bytes and compares all that it says, in any order of the read
# and the ticks.
set -eu

program=$1
file=$TEST_TMPDIR/input
head -c 1000 /dev/zero >"$file"

"$program" "$file" >"$TEST_TMPDIR/said"
printf '%s\n' "tick 1" "tick 2" "tick 3" "the loop's own descriptor" \
  "read 1000 bytes of $file" >"$TEST_TMPDIR/wanted"
diff "$TEST_TMPDIR/wanted" "$TEST_TMPDIR/said"

if "$program" /no/such/file 2>"$TEST_TMPDIR/error"; then
  echo "a missing file was not reported" >&2
  exit 1
fi
grep -q "/no/such/file: No such file" "$TEST_TMPDIR/error"
