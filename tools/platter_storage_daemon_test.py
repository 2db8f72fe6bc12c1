# SPDX-License-Identifier: Apache-2.0
"""platter-storage-daemon as a user meets it: sockets, exit status, messages, files."""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from testing.qmp import qmp_client

TOOL = "tools/platter-storage-daemon"
GET_FEATURES = 1
CONFIG_WCE = 1 << 11
QEMU = shutil.which("qemu-system-x86_64")


def run(*arguments):
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=60)


def wait_for(condition, what):
    """Polls, as there is nothing to be told by."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"in vain: {what}")
        time.sleep(0.01)


def features(path):
    """What a front-end that connects is offered."""
    with socket.socket(socket.AF_UNIX) as front:
        front.settimeout(60)
        front.connect(path)
        front.sendall(struct.pack("<III", GET_FEATURES, 1, 0))
        answer = front.recv(20, socket.MSG_WAITALL)
        request, _, size, offered = struct.unpack("<IIIQ", answer)
        assert (request, size) == (GET_FEATURES, 8), answer
        return offered


def listens(path):
    """Whether somebody takes connections there: a socket has its file before it does."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


class Monitor:
    """A client of the monitor at a path."""

    def __init__(self, path):
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(path)
        self.client = qmp_client.Client(connected)
        self.events = []
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        names = {name.replace("_", "-"): value for name, value in arguments.items()}
        self.client.send(json.dumps({"execute": command, "arguments": names}).encode())
        while True:
            reply = self.client.read()
            if reply is None:
                raise AssertionError(f"{command}: the monitor has gone")
            if "return" in reply or "error" in reply:
                return reply
            self.events.append(reply)

    def close(self):
        self.client.close()


class StorageDaemonTest(unittest.TestCase):

    def setUp(self):
        # A socket's path is short; the folder that Bazel gives is not.
        folder = tempfile.TemporaryDirectory(prefix="platter-daemon-", dir="/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.image = self.at("disk.img")
        with open(self.image, "wb") as file:
            file.truncate(1 << 20)

    def at(self, name):
        return os.path.join(self.folder, name)

    def blockdev(self, name="d"):
        return ("--blockdev", f"driver=file,node-name={name},filename={self.image}")

    def export(self, name="e", node="d", more=",writable=on"):
        return ("--export", f"type=vhost-user-blk,id={name},node-name={node},addr.type=unix,"
                            f"addr.path={self.at(name)}{more}")

    def scsi_export(self, more="num-queues=1", name="s"):
        return ("--export", f"type=vhost-user-scsi,id={name},addr.type=unix,"
                            f"addr.path={self.at(name)},{more},luns.0.kind=disk,"
                            "luns.0.node-name=d,luns.0.writable=on,luns.1.kind=cd")

    def monitor(self):
        return ("--chardev", f"socket,id=m,path={self.at('m')},server=on,wait=off",
                "--monitor", "chardev=m")

    def start(self, *arguments):
        """A daemon that is ready."""
        pid_file = self.at("pid")
        process = subprocess.Popen([TOOL, "--pidfile", pid_file, *arguments],
                                   stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: process.poll() is not None or
                 (os.path.exists(pid_file) and os.path.getsize(pid_file)), "the pid file")
        self.assertIsNone(process.poll())
        return process

    def start_qemu(self, name, device):
        """A guest of QEMU's with the device at that export, not running, and its monitor."""
        guest = subprocess.Popen(
            [QEMU, "-S", "-nodefaults", "-display", "none", "-m", "64M", "-machine",
             "pc,memory-backend=m", "-object", "memory-backend-memfd,id=m,size=64M,share=on",
             "-chardev", f"socket,id=c,path={self.at(name)}", "-device", device, "-qmp",
             f"unix:{self.at('q')},server=on,wait=off"], stdin=subprocess.DEVNULL)
        self.addCleanup(guest.wait)
        self.addCleanup(guest.kill)
        # Its monitor answers when the devices have been realized.
        wait_for(lambda: guest.poll() is not None or listens(self.at("q")), "QEMU's monitor")
        self.assertIsNone(guest.poll(), "QEMU did not take the drive")
        qemu = Monitor(self.at("q"))
        self.addCleanup(qemu.close)
        return guest, qemu

    def talk(self):
        monitor = Monitor(self.at("m"))
        self.addCleanup(monitor.close)
        return monitor

    def expect_nothing_left(self, *names):
        for name in ("e", "m", "pid", *names):
            self.assertFalse(os.path.exists(self.at(name)), name)

    def test_an_export_is_served_until_a_signal(self):
        for end in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(signal=end):
                process = self.start(*self.blockdev(), *self.export(), *self.monitor())
                with open(self.at("pid"), encoding="utf-8") as file:
                    self.assertEqual(file.read(), f"{process.pid}\n")
                self.assertTrue(features(self.at("e")) & CONFIG_WCE)
                process.send_signal(end)
                self.assertEqual(process.wait(60), 0)
                self.expect_nothing_left()

    def test_an_idle_daemon_uses_no_time(self):
        process = self.start(*self.blockdev(), *self.export(), "--object", "iothread,id=t0")

        def used():
            with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
                return [int(field) for field in file.read().rsplit(")", 1)[1].split()[11:13]]

        features(self.at("e"))
        wait_for(lambda: process.poll() is None, "a daemon that lives")
        before = used()
        # Two ticks of the clock that this is counted in are what a start may still cost.
        time.sleep(0.5)
        self.assertLessEqual(sum(used()) - sum(before), 2)

    def test_qmp_adds_resizes_and_deletes(self):
        process = self.start(*self.blockdev(), *self.monitor(), "--object", "iothread,id=t0")
        monitor = self.talk()
        self.assertEqual(monitor.ask("query-block-exports")["return"], [])
        export = {"type": "vhost-user-blk", "id": "e", "iothread": "t0", "writable": True,
                  "addr": {"type": "unix", "path": self.at("e")}}
        self.assertEqual(monitor.ask("block-export-add", node_name="d", **export)["return"], {})
        self.assertEqual(monitor.ask("query-block-exports")["return"],
                         [{"id": "e", "type": "vhost-user-blk", "node-name": "d",
                           "shutting-down": False}])
        self.assertIn("'e'", monitor.ask("block-export-add", node_name="d",
                                         **export)["error"]["desc"])
        self.assertTrue(features(self.at("e")))
        self.assertEqual(monitor.ask("block_resize", node_name="d", size=2 << 20)["return"], {})
        self.assertEqual(os.path.getsize(self.image), 2 << 20)
        self.assertEqual(monitor.ask("x-block-set-on-error", id="e", werror="stall")["return"], {})
        self.assertIn("export 'e'", monitor.ask("object-del", id="t0")["error"]["desc"])
        self.assertIn("in use", monitor.ask("blockdev-del", node_name="d")["error"]["desc"])
        refused = monitor.ask("stop")["error"]
        self.assertEqual(refused["class"], "CommandNotFound")
        self.assertIn("there is no machine to stop", refused["desc"])
        with socket.socket(socket.AF_UNIX) as front:
            front.connect(self.at("e"))
            wait_for(lambda: "in use" in str(monitor.ask("block-export-del", id="e")),
                     "the front-end is served")
            self.assertEqual(monitor.ask("block-export-del", id="e", mode="hard")["return"], {})
        self.assertEqual([(event["event"], event["data"]) for event in monitor.events],
                         [("BLOCK_EXPORT_DELETED", {"id": "e"})])
        self.assertFalse(os.path.exists(self.at("e")))
        self.assertEqual(monitor.ask("blockdev-del", node_name="d")["return"], {})
        self.assertEqual(monitor.ask("quit")["return"], {})
        self.assertEqual(process.wait(60), 0)
        self.expect_nothing_left()

    def test_units_of_an_adapter_are_drives(self):
        self.start(*self.blockdev(), *self.scsi_export(), *self.monitor())
        monitor = self.talk()
        cd = {"lun": 1, "kind": "cd", "id": "s.1"}
        disk = {"lun": 0, "kind": "disk", "id": "s.0", "node-name": "d"}
        self.assertEqual(monitor.ask("query-block-exports")["return"],
                         [{"id": "s", "type": "vhost-user-scsi", "luns": [disk, cd],
                           "shutting-down": False}])
        self.assertTrue(features(self.at("s")))
        self.assertEqual(monitor.ask("blockdev-change-medium", id="s.1",
                                     filename=self.image)["error"]["class"], "GenericError")
        disc = self.at("disc.iso")
        with open(disc, "wb") as file:
            file.truncate(1 << 16)
        self.assertEqual(monitor.ask("blockdev-change-medium", id="s.1", filename=disc)["return"],
                         {})
        drives = {each["qdev"]: each for each in monitor.ask("query-block")["return"]}
        self.assertEqual(drives["s.1"]["inserted"]["file"], disc)
        self.assertTrue(drives["s.1"]["inserted"]["ro"])
        self.assertFalse(drives["s.0"]["inserted"]["ro"])
        self.assertEqual(monitor.ask("eject", id="s.1")["return"], {})

    def test_a_socket_that_was_inherited_is_served(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.at("theirs"))
            listener.listen()
            os.set_inheritable(listener.fileno(), True)
            process = subprocess.Popen(
                [TOOL, *self.blockdev(), "--pidfile", self.at("pid"), "--export",
                 f"vhost-user-blk,id=e,node-name=d,addr.type=fd,addr.str={listener.fileno()}"],
                close_fds=False)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            self.assertTrue(features(self.at("theirs")))

    def activated(self, names, *arguments):
        """A daemon that was started as systemd does, with a listening socket per name."""
        listeners = []
        for name in names:
            listener = socket.socket(socket.AF_UNIX)
            self.addCleanup(listener.close)
            listener.bind(self.at(name))
            listener.listen()
            listeners.append(listener)

        def pass_on():
            for number, listener in enumerate(listeners):
                os.dup2(listener.fileno(), 100 + number)
            for number in range(len(listeners)):
                os.dup2(100 + number, 3 + number)
        # The process's own number is known to itself alone.
        return subprocess.Popen(
            ["/bin/sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh", TOOL, *arguments],
            env={**os.environ, "LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names)},
            preexec_fn=pass_on, close_fds=False, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True)

    def test_sockets_of_systemds_are_served(self):
        process = self.activated(
            ("disk", "m"), *self.blockdev(), "--export",
            "vhost-user-blk,id=e,node-name=d,addr.type=fd,addr.str=disk",
            "--chardev", "socket,id=m,fd=m,server=on,wait=off", "--monitor", "m")
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stderr.close)
        # They are there before it is: nobody waits for it.
        self.assertTrue(features(self.at("disk")))
        self.assertEqual(self.talk().ask("quit")["return"], {})
        self.assertEqual(process.wait(60), 0)
        self.assertTrue(os.path.exists(self.at("disk")), "it is systemd's")
        failed = self.activated((), "--chardev", "socket,id=x,fd=y,server=on,wait=off", "--monitor",
                                "x")
        self.assertIn("--monitor 'x': fd: 'y' is neither", failed.communicate(timeout=60)[1])
        self.assertEqual(failed.returncode, 1)

    def test_in_the_background(self):
        started = run(*self.blockdev(), *self.export(), "--pidfile", self.at("pid"), "--daemonize")
        self.assertEqual((started.returncode, started.stdout, started.stderr), (0, "", ""))
        with open(self.at("pid"), encoding="utf-8") as file:
            pid = int(file.read())
        self.addCleanup(lambda: os.path.exists(f"/proc/{pid}/exe") and os.kill(pid, signal.SIGKILL))
        self.assertTrue(features(self.at("e")))
        # Another one of that pid file, which leaves the first one alone.
        again = run("--pidfile", self.at("pid"), "--daemonize")
        self.assertEqual(again.returncode, 1)
        self.assertIn("--pidfile: pid file", again.stderr)
        self.assertTrue(features(self.at("e")))
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not os.path.exists(self.at("pid")), "the daemon ends")
        self.expect_nothing_left()
        failed = run("--daemonize", *self.export(node="nosuch"))
        self.assertEqual(failed.returncode, 1)
        self.assertIn("'nosuch'", failed.stderr)

    def test_mistakes_are_named(self):
        with open(self.at("file"), "w", encoding="utf-8"):
            pass
        nowhere = ("--export", "vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=")
        for arguments, code, text in (
            (("--exprot", "x"), 2, "'--exprot' is no option"),
            (("--export",), 2, "'--export' needs a value"),
            (("more",), 2, "'more'"),
            (("--aio", "fast"), 2, "'fast'"),
            (("--pidfile", ""), 2, "--pidfile"),
            (("--sandbox", "yes"), 2, "--sandbox: 'yes'"),
            (("--sandbox-read", ""), 2, "--sandbox-read"),
            (("--blockdev", "driver=fil,node-name=d"), 2, "did you mean 'file'"),
            (("--blockdev", "driver=file,node-name=d,filename=/nosuch/x"), 1,
             "--blockdev 'd': "),
            (self.export(node="nosuch"), 1, "--export 'e': "),
            ((*self.blockdev(), "--export", "nbd,id=e,node-name=d"), 2, "'nbd'"),
            ((*self.blockdev(), *self.export(more=",iothread=t9")), 1, "'t9'"),
            ((*self.blockdev(), *self.export(more=",num-queues=0")), 2, "num-queues"),
            ((*self.blockdev(), *self.scsi_export("luns.2.kind=cd,luns.2.lun=1")), 2, "luns.2.lun"),
            ((*self.blockdev(), *self.scsi_export("luns.2.kind=cd,luns.2.writable=on")), 2,
             "luns.2.writable"),
            ((*self.blockdev(), *self.scsi_export("luns.2.kind=cd,luns.2.node-name=x")), 1,
             "--export 's': export 's': LUN 2: "),
            ((*self.blockdev(), *self.export(), *self.scsi_export()), 1, "--export 's': "),
            ((*self.blockdev(), nowhere[0], nowhere[1] + self.at("no/sock")), 1, "no/sock"),
            ((*self.blockdev(), nowhere[0], nowhere[1] + self.at("file")), 1, "no socket"),
            ((*self.blockdev(), *self.export(), *self.export("f")), 1, "--export 'f': "),
            (("--chardev", "socket,id=m,path=x,server=on"), 1, "wait=off"),
            (("--chardev", "socket,id=m,path=x,wait=off"), 1, "server=on"),
            (("--monitor", "chardev=m"), 1, "--monitor 'm': "),
            ((*self.monitor(), "--monitor", "chardev=m"), 1, "--monitor 'm': "),
            (("--pidfile", "/nosuch/folder/pid"), 1, "/nosuch/folder/pid"),
        ):
            with self.subTest(arguments=arguments):
                done = run(*arguments)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(text, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.expect_nothing_left("f", "x")

    def test_help_and_version(self):
        self.assertIn("usage: platter-storage-daemon", run("--help").stdout)
        self.assertEqual(run("-h").stdout, run("--help").stdout)
        self.assertRegex(run("--version").stdout, r"^platter-storage-daemon \d+\.\d+\.\d+\n$")
        self.assertEqual(run("-V").stdout, run("--version").stdout)
        self.assertIn("addr.path", run("--export", "vhost-user-blk,help").stdout)
        self.assertIn("luns.N.kind=<disk|cd>", run("--export", "vhost-user-scsi,help").stdout)
        self.assertIn("iothread", run("--object", "help").stdout)

    @unittest.skipUnless(QEMU, "no-peer: qemu-system-x86_64 isn't installed")
    def test_qemu_negotiates(self):
        self.start(*self.blockdev(), *self.export(more=",writable=on,num-queues=2"),
                   *self.monitor())
        monitor = self.talk()
        guest, qemu = self.start_qemu("e", "vhost-user-blk-pci,chardev=c,num-queues=2")
        self.assertEqual(qemu.ask("query-status")["return"]["status"], "prelaunch")
        self.assertIn("in use", monitor.ask("block-export-del", id="e")["error"]["desc"])
        self.assertEqual(monitor.ask("block_resize", node_name="d", size=2 << 20)["return"], {})
        self.assertEqual(qemu.ask("quit")["return"], {})
        self.assertEqual(guest.wait(60), 0)
        # It has gone, and the next one is welcome.
        self.assertTrue(features(self.at("e")))

    @unittest.skipUnless(QEMU, "no-peer: qemu-system-x86_64 isn't installed")
    def test_qemu_negotiates_an_adapter(self):
        self.start(*self.blockdev(), *self.scsi_export("num-queues=2"), *self.monitor())
        guest, qemu = self.start_qemu("s", "vhost-user-scsi-pci,chardev=c,num_queues=2")
        self.assertEqual(qemu.ask("query-status")["return"]["status"], "prelaunch")
        self.assertIn("in use", self.talk().ask("block-export-del", id="s")["error"]["desc"])
        self.assertEqual(qemu.ask("quit")["return"], {})
        self.assertEqual(guest.wait(60), 0)
        self.assertTrue(features(self.at("s")))


if __name__ == "__main__":
    unittest.main()
