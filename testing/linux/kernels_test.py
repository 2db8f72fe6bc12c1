# SPDX-License-Identifier: Apache-2.0
"""Kernels and modules, in a cache folder made up for it."""

import os
import tempfile
import unittest
from unittest import mock

from testing.linux import kernels


def module(depends):
    return b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0"


class KernelsTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        patched = mock.patch.dict(os.environ, {"XDG_CACHE_HOME": self.folder})
        patched.start()
        self.addCleanup(patched.stop)

    def file(self, path, data=b""):
        path = os.path.join(self.folder, "platter", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def test_what_was_not_unpacked_is_not_there(self):
        self.assertIsNone(kernels.find(kernels.CLOUD))
        self.assertIsNone(kernels.find(kernels.UML))

    def test_the_image_of_each_package(self):
        self.file("linux-image-cloud-amd64/boot/System.map-6.1.0-9-cloud-amd64")
        self.file("linux-image-cloud-amd64/boot/vmlinuz-6.1.0-9-cloud-amd64")
        self.file("user-mode-linux/usr/bin/linux.uml")
        self.assertEqual(os.path.basename(kernels.find(kernels.CLOUD).image),
                         "vmlinuz-6.1.0-9-cloud-amd64")
        self.assertEqual(os.path.basename(kernels.find(kernels.UML).image), "linux.uml")

    def test_modules_come_after_those_they_need(self):
        folder = "user-mode-linux/usr/lib/uml/modules/6.1/"
        self.file("user-mode-linux/usr/bin/linux.uml")
        self.file(folder + "kernel/drivers/scsi/sr_mod.ko", module("scsi_mod,cdrom"))
        self.file(folder + "kernel/drivers/scsi/scsi_mod.ko", module("scsi-common"))
        self.file(folder + "kernel/drivers/scsi/scsi-common.ko", module(""))
        self.file(folder + "kernel/drivers/cdrom/cdrom.ko", module(""))
        self.file(folder + "modules.builtin", b"kernel/drivers/virtio/virtio.ko\n")
        kernel = kernels.find(kernels.UML)
        self.assertEqual([name for name, _ in kernel.modules(["sr_mod", "virtio", "scsi_common"])],
                         ["scsi_common", "scsi_mod", "cdrom", "sr_mod"])
        self.assertEqual(kernel.modules(["scsi-common"]), [("scsi_common", module(""))])
        with self.assertRaisesRegex(ValueError, "has no module 'nosuch'"):
            kernel.modules(["nosuch"])

    def test_without_the_variable_it_is_the_users_folder(self):
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": "", "HOME": "/nowhere"}):
            self.assertTrue(kernels.cache_folder().endswith("/.cache/platter"))
            self.assertFalse(kernels.cache_folder().startswith("/nowhere"))


if __name__ == "__main__":
    unittest.main()
