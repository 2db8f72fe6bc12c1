# SPDX-License-Identifier: Apache-2.0
"""User-mode Linux on a vhost-user-blk export: the quick test with a real driver."""

import hashlib
import unittest

from testing.linux import guest_case
from testing.linux import kernels
from testing.linux import machines


class UmlBlkTest(guest_case.GuestCase):

    def start(self, script):
        """A daemon and a guest on a disk of 8 MiB."""
        kernel = self.kernel(kernels.UML)
        self.image("disk.img", 8 << 20)
        daemon = self.daemon(*guest_case.file_node("d", "disk.img"),
                             *guest_case.blk_export("e", "d", "e.sock", ",writable=on"))
        initrd = self.initrd(kernel, ["virtio_blk"], script)
        return daemon, self.guest(machines.uml(kernel, initrd, [("e.sock", machines.BLOCK)]))

    def test_the_drive_is_found_and_keeps_its_data(self):
        daemon, guest = self.start("guest_blk_basic.sh")
        said = guest.wait_for("at sum ")
        self.expect(guest, *guest_case.BLK_BASIC)
        self.assertEqual(daemon.stop(), 0)
        with open(self.at("disk.img"), "rb") as file:
            image = file.read()
        data = image[3 * 65536:67 * 65536]
        self.assertEqual(hashlib.sha256(data).hexdigest(), said.split()[-1])
        self.assertEqual(image[67 * 65536:124 * 65536], data[:57 * 65536])
        self.assertEqual(image[:3 * 65536] + image[124 * 65536:], bytes(7 * 65536))
        self.assertEqual(daemon.log(), "")

    def test_a_drive_that_grows_is_seen_to(self):
        daemon, guest = self.start("guest_blk_growth.sh")
        guest.wait_at("before-growth")
        daemon.ask("block_resize", node_name="d", size=12 << 20)
        guest.wait_for("[vda] new size: 24576")
        guest.go_on()
        self.expect(guest, "capacity", "beyond-the-end", "grown", "in-the-new-part")
        self.assertEqual(daemon.log(), "")


if __name__ == "__main__":
    unittest.main()
