# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# A drive of 8 MiB that becomes one of 12.

same capacity 16384 "$(cat /sys/block/vda/size)"
refuse beyond-the-end dd if=/dev/zero of=/dev/vda bs=64k seek=128 count=1 oflag=direct
at before-growth
same grown 24576 "$(cat /sys/block/vda/size)"
check in-the-new-part dd if=/dev/zero of=/dev/vda bs=64k seek=128 count=64 oflag=direct
