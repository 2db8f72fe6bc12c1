#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The first process of a guest, and the words of its scripts. What it says goes through the kernel's
# log, whose lines are whole on the console whatever else is printed.
#
#   ok NAME, not ok NAME: WHY   what has been checked
#   at NAME                     the script has come to that point, and perhaps waits for a line
#   end                         all was checked; without it something is missing

/bin/busybox --install -s /bin 2>/dev/null
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp

say() { echo "<4>guest: $*" >/dev/kmsg; }

# Lines that nobody waits for, of which a failure is read.
note() { head -60 | cut -c1-600 | while read -r line; do say "# $line"; done; }

# On one line, and not more than a line of the log takes.
one_line() { tr '\n' ' ' | cut -c1-600; }

# check NAME COMMAND...: it succeeds.
check() {
  name=$1
  shift
  if "$@" >/tmp/out 2>&1; then
    say "ok $name"
  else
    say "not ok $name: status $? of '$*': $(one_line </tmp/out)"
  fi
}

# refuse NAME COMMAND...: it fails.
refuse() {
  name=$1
  shift
  if "$@" >/tmp/out 2>&1; then
    say "not ok $name: '$*' succeeded: $(one_line </tmp/out)"
  else
    say "ok $name"
  fi
}

# same NAME WANTED FOUND
same() {
  if [ "$2" = "$3" ]; then say "ok $1"; else say "not ok $1: '$3' is not '$2'"; fi
}

# at NAME: says so, and takes a line from the host.
at() {
  say "at $1"
  read -r answer
}

while read -r module; do
  insmod "/modules/$module.ko" || say "not ok module $module"
done </modules/order

. /test
say "end"
poweroff -f
