# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# A drive of 8 MiB: what the driver found, and that it keeps what it is given.

say "at features $(cat /sys/bus/virtio/devices/virtio0/features)"
same capacity 16384 "$(cat /sys/block/vda/size)"
same serial vhost_user_blk "$(cat /sys/block/vda/serial)"
same block-size 512 "$(cat /sys/block/vda/queue/logical_block_size)"
same cache "write back" "$(cat /sys/block/vda/cache_type)"
same writable 0 "$(cat /sys/block/vda/ro)"

dd if=/dev/urandom of=/tmp/data bs=64k count=64 2>/dev/null
check write dd if=/tmp/data of=/dev/vda bs=64k seek=3 oflag=direct
check flush dd if=/tmp/data of=/dev/vda bs=64k seek=67 count=57 conv=fsync
check read dd if=/dev/vda of=/tmp/back bs=64k skip=3 count=64 iflag=direct
check compare cmp /tmp/data /tmp/back
refuse beyond-the-end dd if=/tmp/data of=/dev/vda bs=64k seek=128 count=1 oflag=direct
say "at sum $(sha256sum </tmp/data | cut -d' ' -f1)"
