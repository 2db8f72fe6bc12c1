# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel in QEMU on a vhost-user-scsi export: a disk and a CD-ROM drive whose discs the
host changes; sg3-utils and libiscsi's tests.
"""

import os
import subprocess
import unittest

from testing.linux import guest_case
from testing.linux import kernels
from testing.linux import machines

XORRISO = "/usr/bin/xorriso"
# The first eight are run on disk and drive.
SG_TOOLS = ("turs", "inq", "vpd", "modes", "readcap", "opcodes", "luns", "requests", "prevent",
            "verify", "sync", "get_config")
TOOLS = ("/usr/sbin/mkfs.ext4", "/usr/sbin/e2fsck", "/usr/bin/eject",
         *[f"/usr/bin/sg_{name}" for name in SG_TOOLS])
ISCSI_TEST = "/usr/bin/iscsi-test-cu"
MODULES = ("virtio_pci", "virtio_scsi", "sd_mod", "sr_mod", "sg", "isofs")

CHECKS = ("vendor", "disk-driver", "cd-type", "capacity", "serial", "cache", "provisioning",
          "write-protection", "write", "read", "compare", "mkfs", "mount", "file", "trim",
          "unmount", "fsck", "grown", "disc", "disc-a", "disc-a-still", "disc-unmount", "eject",
          "no-disc", "other-disc", "disc-b", "other-unmount", "prevent", "allow", "disc-again",
          "disc-a-again", "granted", "granted-b", "granted-unmount",
          *[f"{unit} {tool}" for unit in ("sg0", "sg1") for tool in SG_TOOLS[:8]],
          "sg0 readcap16", "sg0 verify", "sg0 sync", "sg1 config")


class QemuScsiTest(guest_case.GuestCase):

    def setUp(self):
        super().setUp()
        self.need(machines.QEMU, XORRISO)
        self.linux = self.kernel(kernels.CLOUD)

    def disc(self, name):
        """NAME.iso with name.txt, some data and their sums."""
        files = self.at(name)
        os.mkdir(files)
        for path, data in (("name.txt", name.encode()), ("data", os.urandom(300000))):
            with open(os.path.join(files, path), "wb") as file:
                file.write(data)
        with open(os.path.join(files, "sums"), "wb") as sums:
            subprocess.run(["sha256sum", "name.txt", "data"], cwd=files, stdout=sums, check=True)
        subprocess.run([XORRISO, "-as", "mkisofs", "-quiet", "-R", "-o", self.at(name + ".iso"),
                        files], stderr=subprocess.DEVNULL, check=True)

    def start(self, *luns):
        parts = "".join(f",luns.{number}.{text}" for number, lun in enumerate(luns) for text in lun)
        return self.daemon(
            # Discs come from where they lie, which it would not be let into otherwise.
            "--sandbox", "on", "--sandbox-read", ".",
            *guest_case.file_node("d", "disk.img", ",discard=unmap"),
            *guest_case.file_node("a", "A.iso", ",read-only=on"),
            "--export", "type=vhost-user-scsi,id=e,addr.type=unix,addr.path=e.sock,num-queues=2" +
            parts)

    def boot(self, script, programs):
        initrd = self.initrd(self.linux, MODULES, script, programs)
        adapter = machines.socket_device("c", "e.sock", "vhost-user-scsi-pci,num_queues=2")
        return self.guest(machines.qemu(self.linux, initrd, adapter, cpus=2))

    def test_a_disk_and_discs_that_are_changed(self):
        self.image("disk.img", 64 << 20)
        self.disc("A")
        self.disc("B")
        daemon = self.start(("node-name=d", "kind=disk", "writable=on", "serial=DISK-1"),
                            ("node-name=a", "kind=cd", "id=cd"))
        guest = self.boot("guest_scsi.sh", TOOLS)
        guest.wait_at("before-growth")
        daemon.ask("block_resize", node_name="d", size=96 << 20)
        guest.wait_for("[sda] 196608 512-byte logical blocks")
        guest.go_on()
        guest.wait_at("locked")
        with self.assertRaisesRegex(AssertionError, "is locked: eject requested"):
            daemon.ask("eject", id="cd")
        guest.go_on()
        guest.wait_at("ejected")
        self.assertTrue(daemon.wait_for_event("DEVICE_TRAY_MOVED")["tray-open"])
        daemon.ask("blockdev-change-medium", id="cd", filename=self.at("B.iso"))
        guest.go_on()
        guest.wait_at("prevented")
        with self.assertRaisesRegex(AssertionError, "is locked: eject requested"):
            daemon.ask("eject", id="cd")
        guest.go_on()
        guest.wait_at("allowed")
        daemon.ask("eject", id="cd")
        daemon.ask("blockdev-change-medium", id="cd", filename=self.at("A.iso"))
        guest.go_on()
        guest.wait_at("watching")
        daemon.ask("blockdev-change-medium", id="cd", filename=self.at("B.iso"), x_timeout=60000)
        guest.go_on()
        self.expect(guest, *CHECKS)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.log(), "")

    def test_libiscsis_tests(self):
        self.image("disk.img", 8 << 20)
        self.image("A.iso", 1 << 20)
        self.start(("node-name=d", "kind=disk", "writable=on", "serial=DISK-1"))
        guest = self.boot("guest_iscsi_test.sh", (ISCSI_TEST,))
        self.expect(guest, "status", "all-of-them", "many", "failed")


if __name__ == "__main__":
    unittest.main()
