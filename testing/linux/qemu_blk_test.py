# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel in QEMU on vhost-user-blk exports: the commands of README.md, and a file system
on a disk with two queues that is trimmed and grows.
"""

import os
import unittest

from testing.linux import guest_case
from testing.linux import kernels
from testing.linux import machines

# virtio 1.3, 6: the number of a feature's bit.
RING_PACKED = 34
FILES = ("queues", "serial", "capacity", "mkfs", "mount", "tree", "unmount", "mount-again", "sums",
         "both-queues", "remove", "trim", "grown", "resize2fs", "room", "sums-after-growth",
         "unmount-grown", "fsck", "read-only", "read-only-reads", "read-only-write",
         "read-only-made-writable", "read-only-discard", "discard-all")
FILE_SYSTEM_TOOLS = ("/usr/sbin/mkfs.ext4", "/usr/sbin/e2fsck", "/usr/sbin/resize2fs")


class QemuBlkTest(guest_case.GuestCase):

    def setUp(self):
        super().setUp()
        self.need(machines.QEMU)
        self.linux = self.kernel(kernels.CLOUD)

    def used(self, name):
        """Bytes that a file occupies."""
        return os.stat(self.at(name)).st_blocks * 512

    def test_the_commands_of_the_readme(self):
        self.image("disk.img", 8 << 20)
        daemon = self.daemon(*guest_case.readme_words(
            "./bazelw run //tools:platter-storage-daemon --"))
        words = guest_case.readme_words("qemu-system-x86_64")
        self.assertEqual(words.pop(), "...")
        initrd = self.initrd(self.linux, ["virtio_pci", "virtio_blk"], "guest_blk_basic.sh")
        guest = self.guest([machines.QEMU, *words, *machines.boot(self.linux, initrd)])
        self.expect(guest, *guest_case.BLK_BASIC)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.log(), "")

    def test_packed_rings(self):
        self.image("disk.img", 8 << 20)
        daemon = self.daemon(*guest_case.file_node("d", "disk.img"),
                             *guest_case.blk_export("e", "d", "e.sock", ",writable=on"))
        initrd = self.initrd(self.linux, ["virtio_pci", "virtio_blk"], "guest_blk_basic.sh")
        device = machines.socket_device("c", "e.sock", "vhost-user-blk-pci,packed=on")
        guest = self.guest(machines.qemu(self.linux, initrd, device))
        features = guest.wait_for("at features ").split()[-1]
        self.assertEqual(features[RING_PACKED], "1")
        self.expect(guest, *guest_case.BLK_BASIC)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.log(), "")

    def test_a_file_system_is_trimmed_and_grows(self):
        self.image("disk.img", 64 << 20)
        self.image("fixed.img", 64 << 20)
        with open(self.at("fixed.img"), "r+b") as file:
            file.write(b"platter")
        daemon = self.daemon(
            *guest_case.file_node("d", "disk.img", ",discard=unmap"),
            *guest_case.file_node("f", "fixed.img", ",discard=unmap"),
            "--object", "iothread,id=t0", "--sandbox", "on",
            *guest_case.blk_export("e", "d", "e.sock", ",writable=on,num-queues=2,iothread=t0"),
            *guest_case.blk_export("ro", "f", "ro.sock"))
        initrd = self.initrd(self.linux, ["virtio_pci", "virtio_blk"], "guest_blk_files.sh",
                             FILE_SYSTEM_TOOLS)
        devices = [
            *machines.socket_device("c", "e.sock", "vhost-user-blk-pci,num-queues=2"),
            *machines.socket_device("r", "ro.sock", "vhost-user-blk-pci,num-queues=1"),
        ]
        guest = self.guest(machines.qemu(self.linux, initrd, devices, cpus=2))
        guest.wait_at("before-removal")
        full = self.used("disk.img")
        guest.go_on()
        guest.wait_at("trimmed")
        self.assertLess(self.used("disk.img"), full - (7 << 20))
        guest.go_on()
        guest.wait_at("before-growth")
        daemon.ask("block_resize", node_name="d", size=96 << 20)
        guest.wait_for("[vda] new size: 196608")
        guest.go_on()
        self.expect(guest, *FILES)
        self.assertEqual(self.used("disk.img"), 0)
        self.assertEqual(os.path.getsize(self.at("disk.img")), 96 << 20)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.log(), "")
        with open(self.at("fixed.img"), "rb") as file:
            self.assertEqual(file.read().rstrip(b"\0"), b"platter")


if __name__ == "__main__":
    unittest.main()
