# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# /dev/vda: 64 MiB, two queues. Its daemon comes and goes: all that was written is there, and every
# request is answered.

# The disk in areas of 128 KiB, each written by 16 requests.
# pattern TEXT: an area of it.
pattern() { yes "$1" | head -c 131072; }

# write_at WRITER AREA TEXT: each processor has a queue of its own.
write_at() {
  pattern "$3" >"/tmp/out.$1"
  taskset -c $(($1 % 2)) dd if="/tmp/out.$1" of=/dev/vda bs=8k seek=$(($2 * 16)) oflag=direct \
    2>/dev/null
}

# holds AREA TEXT
holds() {
  dd if=/dev/vda bs=8k skip=$(($1 * 16)) count=16 iflag=direct 2>/dev/null |
    cmp - "/tmp/want.$2"
}

check first write_at 0 0 first
at idle
pattern first >/tmp/want.first
check after-idle holds 0 first

# A write that the daemon keeps, and behind it in the same queue one request that it answers.
at before-held
check held write_at 0 1 held &
at held
check overtaking taskset -c 0 dd if=/dev/vda of=/dev/null bs=8k count=1 iflag=direct
at overtaken
wait
pattern held >/tmp/want.held
check held-data holds 1 held

# Two writers in each queue, while the host kills the daemon now and then.
PASSES=8
writer() {
  pass=0
  while [ $pass -lt $PASSES ]; do
    write_at "$1" $((2 + $1 * PASSES + pass)) "writer $1 pass $pass" || say "not ok write $1 $pass"
    say "pass $1 $pass"
    pass=$((pass + 1))
  done
}
for number in 0 1 2 3; do writer $number & done
wait
say "all passes"
for number in 0 1 2 3; do
  pass=0
  while [ $pass -lt $PASSES ]; do
    pattern "writer $number pass $pass"
    pass=$((pass + 1))
  done
done >/tmp/want.load
holds_all() {
  dd if=/dev/vda bs=8k skip=32 count=$((4 * PASSES * 16)) iflag=direct 2>/dev/null |
    cmp - /tmp/want.load
}
check load holds_all
