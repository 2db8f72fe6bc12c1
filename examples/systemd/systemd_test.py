# SPDX-License-Identifier: Apache-2.0
"""The units' daemon, started as systemd would start it."""

import os
import shlex
import socket
import struct
import subprocess
import tempfile
import unittest

FOLDER = "examples/systemd"
TOOL = "tools/platter-storage-daemon"
GET_FEATURES = 1


def settings(name):
    """The settings of a unit, by name; lines that go on are joined."""
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        text = file.read().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


class SystemdTest(unittest.TestCase):

    def test_the_first_front_end_finds_the_drive(self):
        unit = settings("platter-storage.socket")
        service = settings("platter-storage.service")
        self.assertIn("platter-storage.socket", service["Requires"])
        name = unit["FileDescriptorName"]
        with tempfile.TemporaryDirectory(dir="/tmp") as folder, \
                socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as front:
            image = os.path.join(folder, "disk.img")
            with open(image, "wb") as file:
                file.truncate(1 << 20)
            path = os.path.join(folder, os.path.basename(unit["ListenStream"]))
            listener.bind(path)
            listener.listen()
            command = service["ExecStart"].replace("/usr/bin/platter-storage-daemon", TOOL)
            command = command.replace("/var/lib/platter/disk.img", image)

            def pass_on():
                # By way of another number: a copy onto itself would stay close-on-exec.
                os.dup2(listener.fileno(), 100)
                os.dup2(100, 3)
            # The process's own number is known to itself alone.
            with subprocess.Popen(
                    ["/bin/sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh",
                     *shlex.split(command)],
                    env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": name},
                    preexec_fn=pass_on, close_fds=False, stdin=subprocess.DEVNULL) as daemon:
                front.settimeout(20)
                front.connect(path)
                front.sendall(struct.pack("<III", GET_FEATURES, 1, 0))
                answer = front.recv(20, socket.MSG_WAITALL)
                self.assertEqual(struct.unpack_from("<II", answer)[0], GET_FEATURES)
                daemon.terminate()
                self.assertEqual(daemon.wait(60), 0)


if __name__ == "__main__":
    unittest.main()
