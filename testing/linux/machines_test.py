# SPDX-License-Identifier: Apache-2.0
"""The commands of machines: what of them a test relies on."""

import unittest

from testing.linux import kernels
from testing.linux import machines

KERNEL = kernels.Kernel("/boot/image", "/lib/modules")


class MachinesTest(unittest.TestCase):

    def test_uml_names_each_device(self):
        words = machines.uml(KERNEL, "initrd", [("a", machines.BLOCK), ("b", machines.SCSI)])
        self.assertEqual(words[0], "/boot/image")
        self.assertIn("initrd=initrd", words)
        self.assertEqual([word for word in words if "virtio_uml" in word],
                         ["virtio_uml.device=a:2", "virtio_uml.device=b:8"])

    def test_qemu_shares_the_memory_it_has(self):
        words = machines.qemu(KERNEL, "initrd", ["-device", "x"], memory="99M", cpus=3)
        self.assertEqual(words[words.index("-m") + 1], "99M")
        self.assertIn("memory-backend-memfd,id=m,size=99M,share=on", words)
        self.assertEqual(words[words.index("-smp") + 1], "3")
        self.assertEqual(words[-2:], ["-device", "x"])

    def test_devices_are_on_sockets_that_may_come_back(self):
        self.assertEqual(machines.socket_device("c", "s", "d,num-queues=1"),
                         ["-chardev", "socket,id=c,path=s", "-device", "d,num-queues=1,chardev=c"])
        self.assertEqual(machines.socket_device("c", "s", "d", reconnect=True)[1],
                         "socket,id=c,path=s,reconnect=1")

    def test_every_guest_says_all_it_has_to(self):
        for words in (machines.uml(KERNEL, "i", []), machines.qemu(KERNEL, "i", [])):
            self.assertIn("printk.devkmsg=on", " ".join(words))
            self.assertIn("panic=-1", " ".join(words))


if __name__ == "__main__":
    unittest.main()
