# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# A disk of 8 MiB and a CD-ROM drive with a disc that begins with "platter".

until [ -b /dev/sda ] && [ -b /dev/sr0 ]; do :; done
same capacity 16384 "$(cat /sys/block/sda/size)"
same vendor "PLATTER " "$(cat /sys/block/sr0/device/vendor)"
dd if=/dev/urandom of=/tmp/data bs=64k count=64 2>/dev/null
check write dd if=/tmp/data of=/dev/sda bs=64k seek=3 conv=fsync oflag=direct
check read dd if=/dev/sda of=/tmp/back bs=64k skip=3 count=64 iflag=direct
check compare cmp /tmp/data /tmp/back
same disc platter "$(dd if=/dev/sr0 bs=7 count=1 2>/dev/null)"
refuse disc-write dd if=/dev/zero of=/dev/sr0 bs=2k count=1
