# SPDX-License-Identifier: Apache-2.0
"""User-mode Linux on the vhost-user-scsi export of README.md: the quick test with a real driver."""

import unittest

from testing.linux import guest_case
from testing.linux import kernels
from testing.linux import machines


class UmlScsiTest(guest_case.GuestCase):

    def test_a_disk_and_a_disc(self):
        kernel = self.kernel(kernels.UML)
        self.image("disk.img", 8 << 20)
        self.image("disc.iso", 1 << 20)
        with open(self.at("disc.iso"), "r+b") as file:
            file.write(b"platter")
        daemon = self.daemon(
            *guest_case.file_node("d", "disk.img"),
            *guest_case.file_node("disc", "disc.iso", ",read-only=on"),
            "--export", *guest_case.readme_words("--export"))
        initrd = self.initrd(kernel, ["virtio_scsi", "sd_mod", "sr_mod"], "guest_scsi_basic.sh")
        guest = self.guest(machines.uml(kernel, initrd, [("./s.sock", machines.SCSI)]))
        self.expect(guest, "capacity", "vendor", "write", "read", "compare", "disc", "disc-write")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.log(), "")


if __name__ == "__main__":
    unittest.main()
