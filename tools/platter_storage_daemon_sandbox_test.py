# SPDX-License-Identifier: Apache-2.0
"""platter-storage-daemon --sandbox: its work goes on, and what the options do not name is out of reach."""

import os
import signal
import subprocess
import tempfile
import unittest

import tools.platter_storage_daemon_test as daemon_test

AIO = ("threads", "io_uring")


class StorageDaemonSandboxTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="platter-sandbox-", dir="/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in ("sockets", "isos", "images", "private"):
            os.mkdir(self.at(name))
        for name in ("disk.img", "isos/cd.iso", "images/more.img", "private/key"):
            with open(self.at(name), "wb") as file:
                file.truncate(1 << 20)

    def at(self, name):
        return os.path.join(self.folder, name)

    def start(self, *more):
        """A daemon that is ready, and its monitor."""
        pid_file = self.at("sockets/pid")
        process = subprocess.Popen(
            [daemon_test.TOOL, "--pidfile", pid_file, "--sandbox", "on",
             "--object", "iothread,id=t0",
             "--blockdev", f"driver=file,node-name=d,filename={self.at('disk.img')}",
             "--export", "type=vhost-user-blk,id=e,node-name=d,writable=on,iothread=t0,"
                         f"addr.type=unix,addr.path={self.at('sockets/e')}",
             "--chardev", f"socket,id=m,path={self.at('sockets/m')},server=on,wait=off",
             "--monitor", "m", *more], stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        daemon_test.wait_for(
            lambda: process.poll() is not None or
            (os.path.exists(pid_file) and os.path.getsize(pid_file)), "the pid file")
        self.assertIsNone(process.poll())
        monitor = daemon_test.Monitor(self.at("sockets/m"))
        self.addCleanup(monitor.close)
        return process, monitor

    def add(self, monitor, name, **more):
        return monitor.ask("blockdev-add", driver="file", node_name="n",
                           filename=self.at(name), **more)

    def test_its_work_goes_on(self):
        for aio in AIO:
            with self.subTest(aio=aio):
                process, monitor = self.start("--aio", aio)
                self.assertTrue(daemon_test.features(self.at("sockets/e")))
                self.assertEqual(monitor.ask("block_resize", node_name="d", size=2 << 20)["return"],
                                 {})
                self.assertEqual(os.path.getsize(self.at("disk.img")), 2 << 20)
                monitor.ask("blockdev-add", driver="null-co", node_name="n", size=1 << 20)
                export = {"type": "vhost-user-blk", "id": "f", "node-name": "n",
                          "addr": {"type": "unix", "path": self.at("sockets/f")}}
                self.assertEqual(monitor.ask("block-export-add", **export)["return"], {})
                self.assertTrue(daemon_test.features(self.at("sockets/f")))
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(60), 0)
                self.assertEqual(os.listdir(self.at("sockets")), [])

    def test_every_thread_is_in_it(self):
        for aio in AIO:
            with self.subTest(aio=aio):
                process, _ = self.start("--aio", aio)
                tasks = os.listdir(f"/proc/{process.pid}/task")
                self.assertGreater(len(tasks), 1)
                for task in tasks:
                    with open(f"/proc/{process.pid}/task/{task}/status", encoding="ascii") as file:
                        fields = dict(line.rstrip("\n").split(":\t", 1) for line in file)
                    self.assertEqual((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"))
                process.kill()
                process.wait()
                for name in os.listdir(self.at("sockets")):
                    os.unlink(self.at(f"sockets/{name}"))

    def test_only_what_was_named_can_be_opened(self):
        process, monitor = self.start("--sandbox-read", self.at("isos"),
                                      "--sandbox-write", self.at("images"))
        for name in ("private/key", "../../etc/passwd"):
            error = self.add(monitor, name, read_only=True)["error"]
            self.assertIn("Permission denied", error["desc"])
        self.assertIn("Permission denied", self.add(monitor, "isos/cd.iso")["error"]["desc"])
        self.assertEqual(self.add(monitor, "isos/cd.iso", read_only=True)["return"], {})
        self.assertEqual(monitor.ask("blockdev-del", node_name="n")["return"], {})
        self.assertEqual(self.add(monitor, "images/more.img")["return"], {})
        export = {"type": "vhost-user-blk", "id": "f", "node-name": "n",
                  "addr": {"type": "unix", "path": self.at("private/f")}}
        self.assertIn("Permission denied", monitor.ask("block-export-add",
                                                       **export)["error"]["desc"])
        self.assertIsNone(process.poll())
        self.assertTrue(daemon_test.features(self.at("sockets/e")))

    def test_no_ring_can_be_made_later(self):
        process, monitor = self.start("--aio", "io_uring")
        self.assertIn("io_uring", monitor.ask("object-add", qom_type="iothread",
                                              id="t1")["error"]["desc"])
        self.assertIsNone(process.poll())
        self.assertTrue(daemon_test.features(self.at("sockets/e")))

    def test_in_the_background(self):
        started = daemon_test.run(
            "--sandbox", "on", "--daemonize", "--pidfile", self.at("sockets/pid"),
            "--blockdev", f"driver=file,node-name=d,filename={self.at('disk.img')}", "--export",
            f"vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path={self.at('sockets/e')}")
        self.assertEqual((started.returncode, started.stderr), (0, ""))
        with open(self.at("sockets/pid"), encoding="utf-8") as file:
            pid = int(file.read())
        self.assertTrue(daemon_test.features(self.at("sockets/e")))
        os.kill(pid, signal.SIGTERM)
        daemon_test.wait_for(lambda: os.listdir(self.at("sockets")) == [], "the daemon ends")


if __name__ == "__main__":
    unittest.main()
