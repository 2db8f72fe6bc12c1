# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# /dev/vda: 64 MiB, two queues. A file system with a tree of files, discarded blocks, a disk that
# grows.
# /dev/vdb: a read-only disk of the same size that begins with "platter".

same queues 2 "$(ls /sys/block/vda/mq | wc -l)"
same serial vhost_user_blk "$(cat /sys/block/vda/serial)"
same capacity 131072 "$(cat /sys/block/vda/size)"

make_tree() {
  mkdir -p "$1/many" "$1/large"
  n=0
  while [ $n -lt 100 ]; do
    echo "file $n of many" >"$1/many/$n"
    n=$((n + 1))
  done
  dd if=/dev/urandom of="$1/large/random" bs=64k count=128
  (cd "$1" && find . -type f -print0 | xargs -0 sha256sum) >/tmp/sums
}
sums_hold() { (cd /mnt/tree && sha256sum -c /tmp/sums >/dev/null); }
# mount -o discard is not what is looked at here: fstrim says when.
check mkfs mkfs.ext4 -q -E nodiscard /dev/vda
check mount mount /dev/vda /mnt
check tree make_tree /mnt/tree
check unmount umount /mnt
echo 3 >/proc/sys/vm/drop_caches
check mount-again mount /dev/vda /mnt
check sums sums_hold

# Both queues are used: each processor submits to its own.
on_each_processor() {
  for cpu in 0 1; do
    taskset -c $cpu dd if=/dev/vda of=/dev/null bs=64k count=16 iflag=direct || return 1
  done
}
check both-queues on_each_processor

at before-removal
check remove rm -r /mnt/tree/large
# Blocks are free when their removal is in the journal.
sync
check trim fstrim -v /mnt
sed -i '\:large/:d' /tmp/sums
at trimmed

# The host makes it 96 MiB and waits for the kernel's own line about it.
at before-growth
same grown 196608 "$(cat /sys/block/vda/size)"
check resize2fs resize2fs /dev/vda
check room dd if=/dev/urandom of=/mnt/tree/more bs=1M count=60
check sums-after-growth sums_hold
check unmount-grown umount /mnt
check fsck e2fsck -fn /dev/vda

write_by_force() {
  blockdev --setrw /dev/vdb && dd if=/dev/zero of=/dev/vdb bs=4k count=1 oflag=direct
}
check read-only-reads [ "$(dd if=/dev/vdb bs=7 count=1 2>/dev/null)" = platter ]
same read-only 1 "$(cat /sys/block/vdb/ro)"
refuse read-only-write dd if=/dev/zero of=/dev/vdb bs=4k count=1 oflag=direct
refuse read-only-made-writable write_by_force
refuse read-only-discard blkdiscard /dev/vdb
check discard-all blkdiscard /dev/vda
