# SPDX-License-Identifier: Apache-2.0
"""platter-machine as a user meets it: a socket, exit status, messages."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import unittest

TOOL = "tools/platter-machine"
DISC = "driver=memory,node-name=disc,read-only=on,size=1M"


def run(*arguments):
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)


class PlatterMachineTest(unittest.TestCase):

    def setUp(self):
        # A socket's path is short; the folder that Bazel gives is not.
        folder = tempfile.TemporaryDirectory(prefix="platter-machine-", dir="/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(folder.name, "qmp")

    def start(self, *arguments):
        process = subprocess.Popen([TOOL, "--qmp", f"unix:{self.path},server=on,wait=off",
                                    *arguments], stdout=subprocess.PIPE, text=True,
                                   stdin=subprocess.DEVNULL)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), f"QMP: {self.path}\n")
        return process

    def ask(self, *commands):
        """The last reply to commands; the connection is closed behind them."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(self.path)
            lines = client.makefile("r")
            lines.readline()
            reply = None
            for command in ('{"execute": "qmp_capabilities"}', *commands):
                client.sendall(command.encode())
                reply = {}
                while "return" not in reply and "error" not in reply:
                    reply = json.loads(lines.readline())
            lines.close()
            return reply

    def test_a_machine_is_served_until_it_quits(self):
        process = self.start("-S", "--object", "iothread,id=t0", "--blockdev", DISC, "--device",
                             "ide-cd,id=cd0,drive=disc", "--device", "virtio-scsi,id=scsi0")
        self.assertEqual(self.ask('{"execute": "query-status"}')["return"]["status"], "paused")
        drives = self.ask('{"execute": "query-block"}')["return"]
        self.assertEqual([drive["qdev"] for drive in drives], ["cd0"])
        self.ask('{"execute": "quit"}')
        self.assertEqual(process.wait(), 0)
        self.assertFalse(os.path.exists(self.path))

    def test_a_configuration_file_says_the_same(self):
        config = os.path.join(self.folder, "machine.txt")
        with open(config, "w", encoding="utf-8") as file:
            file.write('blockdevs { node_name: "n0" memory { size: 4096 } }')
        self.start("--config", config, "--device", "virtio-blk,id=vd0,drive=n0", "--aio",
                   "threads")
        self.assertEqual(self.ask('{"execute": "query-block"}')["return"][0]["qdev"], "vd0")

    def test_two_processes_hand_an_image_over(self):
        image = os.path.join(self.folder, "disk.img")
        with open(image, "wb") as file:
            file.truncate(1 << 20)
        disk = ("--blockdev", f"driver=file,node-name=n0,filename={image},locking=on",
                "--device", "virtio-blk,id=vd0,drive=n0")
        self.start(*disk)
        self.path = os.path.join(self.folder, "qmp2")
        self.start(*disk, "--incoming", "defer")
        old, new = os.path.join(self.folder, "qmp"), self.path
        cont = '{"execute": "cont"}'
        status = '{"execute": "query-status"}'

        def ask(path, *commands):
            self.path = path
            return self.ask(*commands)

        self.assertEqual(ask(new, status)["return"]["status"], "inmigrate")
        self.assertIn(image, ask(new, cont)["error"]["desc"])
        self.assertEqual(ask(new, status)["return"]["status"], "inmigrate")
        let_go = '{"execute": "blockdev-set-active", "arguments": {"active": false}}'
        self.assertIn("the machine runs", ask(old, let_go)["error"]["desc"])
        resize = ('{"execute": "block_resize", "arguments": {"node-name": "n0", "size": %d}}')
        self.assertEqual(ask(old, resize % (2 << 20))["return"], {})
        self.assertEqual(ask(old, '{"execute": "stop"}', let_go)["return"], {})
        self.assertIn("inactive", ask(old, resize % (3 << 20))["error"]["desc"])
        self.assertEqual(ask(new, cont)["return"], {})
        self.assertEqual(ask(new, status)["return"]["status"], "running")
        node = ask(new, '{"execute": "query-named-block-nodes"}')["return"][0]
        self.assertEqual(node["image"]["virtual-size"], 2 << 20)
        # The old one cannot take it back as long as the new one has it.
        self.assertIn(image, ask(old, cont)["error"]["desc"])
        self.assertEqual(ask(new, '{"execute": "stop"}', let_go)["return"], {})
        self.assertEqual(ask(old, cont)["return"], {})

    def test_a_signal_ends_it(self):
        process = self.start()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(), 0)
        self.assertFalse(os.path.exists(self.path))

    def test_a_guest_ends_with_its_machine(self):
        # Wherever the guest is with its drive when the machine stops.
        for i in range(8):
            with self.subTest(i=i):
                process = self.start("--guest", "--blockdev", DISC, "--device",
                                     "ide-cd,id=cd0,drive=disc")
                self.assertIn("error",
                              self.ask('{"execute": "eject", "arguments": {"id": "cd0"}}'))
                self.ask(*['{"execute": "query-status"}'] * (40 * i), '{"execute": "stop"}')
                if i % 2 == 0:
                    self.ask('{"execute": "quit"}')
                else:
                    process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(timeout=30), 0)

    def test_a_guest_waits_for_its_images(self):
        self.start("--guest", "--incoming", "defer", "--blockdev", DISC, "--device",
                   "ide-cd,id=cd0,drive=disc")
        self.assertEqual(self.ask('{"execute": "query-status"}')["return"]["status"], "inmigrate")
        self.assertFalse(self.ask('{"execute": "query-block"}')["return"][0]["locked"])
        self.ask('{"execute": "cont"}')
        for _ in range(10000):
            if self.ask('{"execute": "query-block"}')["return"][0]["locked"]:
                break
        else:
            self.fail("the guest has not locked its disc")

    def test_mistakes_are_named(self):
        at = "unix:" + self.path
        for arguments, code, text in (
            ((), 2, "--qmp: missing"),
            (("--qmp", "tcp:1"), 2, "unix:PATH"),
            (("--qmp", at + ",server=off"), 2, "server=off"),
            (("--qmp", "unix:/nosuch/folder/sock"), 1, "/nosuch/folder/sock"),
            (("--qmp", at, "--devise", "x"), 2, "'--devise' is no option"),
            (("--qmp", at, "more"), 2, "'more'"),
            (("--qmp", at, "--config", "/nosuch/file"), 2, "/nosuch/file"),
            (("--qmp", at, "--aio", "fast"), 2, "'fast'"),
            (("--qmp", at, "--incoming", "tcp:1"), 2, "'tcp:1'"),
            (("--qmp", at, "--device", "ide-cdd,id=x"), 2, "ide-cd"),
            (("--qmp", at, "--device", "ide-cd,id=cd0,drive=nosuch"), 1, "'nosuch'"),
        ):
            with self.subTest(arguments=arguments):
                done = run(*arguments)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(text, done.stderr)

    def test_help(self):
        self.assertIn("usage: platter-machine", run("--help").stdout)
        self.assertIn("ide-cd", run("--qmp", "unix:/x", "--device", "help").stdout)


if __name__ == "__main__":
    unittest.main()
