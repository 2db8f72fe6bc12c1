# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# libiscsi's tests of a SCSI disk, on /dev/sg0: none fails. What isn't there is skipped.

until [ -b /dev/sda ] && [ -c /dev/sg0 ]; do :; done
iscsi-test-cu --dataloss --normal --test=SCSI /dev/sg0 >/tmp/log 2>&1
same status 0 $?
# "               tests    215    215     83     52        0": total, run, passed, failed, inactive.
set -- $(grep '^ *tests ' /tmp/log)
say "# ran $3 tests, $5 failed"
check all-of-them [ "$2" = "$3" ]
check many [ "${2:-0}" -gt 200 ]
same failed 0 "$5"
# Where there are failures: which.
grep 'had failures' /tmp/log | note
grep FAILED /tmp/log | sort | uniq -c | sort -rn | note
grep -c SKIPPED /tmp/log | note
