# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# A disk of 64 MiB and a CD-ROM drive with a disc, 0:0:0:0 and 0:0:0:1: what the drivers find, data,
# a disc that is locked, ejected and changed, and sg3-utils without a complaint.

DISK=/sys/bus/scsi/devices/0:0:0:0
CD=/sys/bus/scsi/devices/0:0:0:1

# The drivers look at their units in threads of their own.
until [ -b /dev/sda ] && [ -b /dev/sr0 ] && [ -c /dev/sg1 ]; do :; done

same vendor "PLATTER " "$(cat $DISK/vendor)"
same disk-driver sda "$(ls $DISK/block)"
same cd-type 5 "$(cat $CD/type)"
same capacity 131072 "$(cat /sys/block/sda/size)"
same serial "DISK-1" "$(sg_vpd -p sn -r /dev/sda | tail -c +5)"
same cache "write back" "$(cat $DISK/scsi_disk/0:0:0:0/cache_type)"
same provisioning unmap "$(cat $DISK/scsi_disk/0:0:0:0/provisioning_mode)"
same write-protection 0 "$(cat /sys/block/sda/ro)"

# The disk.
dd if=/dev/urandom of=/tmp/data bs=64k count=64 2>/dev/null
check write dd if=/tmp/data of=/dev/sda bs=64k seek=3 oflag=direct conv=fsync
check read dd if=/dev/sda of=/tmp/back bs=64k skip=3 count=64 iflag=direct
check compare cmp /tmp/data /tmp/back
check mkfs mkfs.ext4 -q -E nodiscard /dev/sda
check mount mount /dev/sda /mnt
check file cp /tmp/data /mnt/data
check trim fstrim /mnt
check unmount umount /mnt
check fsck e2fsck -fn /dev/sda
# The host makes it 96 MiB and waits for the kernel's own line about it.
at before-growth
same grown 196608 "$(cat /sys/block/sda/size)"

# The disc: its driver locks the door while it is mounted. Nobody closes the tray but the host.
echo 0 >/proc/sys/dev/cdrom/autoclose
mkdir /tmp/disc
until_a_disc_is_there() { until dd if=/dev/sr0 of=/dev/null bs=2k count=1; do :; done 2>/dev/null; }
disc_holds() { [ "$(cat /tmp/disc/name.txt)" = "$1" ] && (cd /tmp/disc && sha256sum -c sums); }
check disc mount -t iso9660 -o ro /dev/sr0 /tmp/disc
check disc-a disc_holds A
at locked
# The host has asked for an eject.
check disc-a-still disc_holds A
check disc-unmount umount /tmp/disc
check eject eject /dev/sr0
refuse no-disc dd if=/dev/sr0 of=/dev/null bs=2k count=1
at ejected
# The host has put another disc in.
until_a_disc_is_there
check other-disc mount -t iso9660 -o ro /dev/sr0 /tmp/disc
check disc-b disc_holds B
check other-unmount umount /tmp/disc
check prevent sg_prevent --prevent 1 /dev/sg1
at prevented
check allow sg_prevent --allow /dev/sg1
at allowed
# The host has taken the disc out, and put it in again.
until_a_disc_is_there
check disc-again mount -t iso9660 -o ro /dev/sr0 /tmp/disc
check disc-a-again disc_holds A

# As desktops do: the kernel watches the drive, and where the host wants the disc, it is given back.
cat >/tmp/on_event <<'SCRIPT'
#!/bin/sh
: >/tmp/listens
[ "$DISK_EJECT_REQUEST" = 1 ] || exit 0
umount /tmp/disc && eject /dev/sr0
SCRIPT
chmod +x /tmp/on_event
uevent /tmp/on_event &
until [ -e /tmp/listens ]; do echo change >/sys/block/sr0/uevent; done
echo 50 >/sys/block/sr0/events_poll_msecs
at watching
# It was the host who waited.
check granted mount -t iso9660 -o ro /dev/sr0 /tmp/disc
check granted-b disc_holds B
check granted-unmount umount /tmp/disc

# No command of these is refused, and none complains.
quiet() {
  "$@" >/tmp/tool 2>&1 || { status=$?; cat /tmp/tool; return $status; }
  ! grep -i -E 'illegal|fail' /tmp/tool
}
for unit in sg0 sg1; do
  check "$unit turs" quiet sg_turs /dev/$unit
  check "$unit inq" quiet sg_inq /dev/$unit
  check "$unit vpd" quiet sg_vpd --all /dev/$unit
  check "$unit modes" quiet sg_modes --all /dev/$unit
  check "$unit readcap" quiet sg_readcap /dev/$unit
  check "$unit opcodes" quiet sg_opcodes /dev/$unit
  check "$unit luns" quiet sg_luns /dev/$unit
  check "$unit requests" quiet sg_requests /dev/$unit
done
check "sg0 readcap16" quiet sg_readcap --long /dev/sg0
check "sg0 verify" quiet sg_verify --count=128 /dev/sg0
check "sg0 sync" quiet sg_sync /dev/sg0
check "sg1 config" quiet sg_get_config /dev/sg1
