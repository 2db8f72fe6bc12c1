# SPDX-License-Identifier: Apache-2.0
"""A daemon that dies by SIGKILL and comes back, under a guest in QEMU that goes on writing.

Which requests the dead one had is in memory that it shared with QEMU (VHOST_USER_PROTOCOL_F_
INFLIGHT_SHMFD); its successor answers them.
"""

import unittest

from testing.linux import guest_case
from testing.linux import kernels
from testing.linux import machines

CHECKS = ("first", "after-idle", "held", "overtaking", "held-data", "load")
EXPORT = guest_case.blk_export("e", "d", "e.sock", ",writable=on,num-queues=2")
GOOD = (*guest_case.file_node("d", "disk.img"), *EXPORT)
# Every write fails, and with x-block-set-on-error waits for an hour then.
KEEPS_WRITES = (*guest_case.file_node("f", "disk.img"), "--blockdev",
                "driver=blkdebug,node-name=d,image=f,inject-error.0.event=none,"
                "inject-error.0.iotype=write", *EXPORT)
# Of 32 passes of the guest's writers.
DEATHS_UNDER_LOAD = 4
PASSES_OF_A_LIFE = 6


class QemuRestartTest(guest_case.GuestCase):

    def test_a_guest_outlives_its_daemon(self):
        self.need(machines.QEMU)
        kernel = self.kernel(kernels.CLOUD)
        self.image("disk.img", 64 << 20)
        daemon = self.daemon(*GOOD)
        initrd = self.initrd(kernel, ["virtio_pci", "virtio_blk"], "guest_blk_restart.sh")
        drive = machines.socket_device("c", "e.sock", "vhost-user-blk-pci,num-queues=2",
                                       reconnect=True)
        guest = self.guest(machines.qemu(kernel, initrd, drive, cpus=2))

        guest.wait_at("idle")
        daemon.kill()
        daemon.start()
        guest.go_on()

        guest.wait_at("before-held")
        daemon.kill()
        daemon.start(*KEEPS_WRITES)
        daemon.ask("x-block-set-on-error", id="e", werror="retry", x_retry_delay=3600000)
        guest.go_on()
        guest.wait_at("held")
        daemon.wait_for_event("BLOCK_IO_ERROR")
        guest.go_on()
        guest.wait_at("overtaken")
        daemon.kill()
        daemon.start(*GOOD)
        guest.go_on()

        for _ in range(DEATHS_UNDER_LOAD):
            for _ in range(PASSES_OF_A_LIFE):
                guest.wait_for("guest: pass ")
            daemon.kill()
            daemon.start()
        self.expect(guest, *CHECKS)
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    unittest.main()
