# SPDX-License-Identifier: Apache-2.0
"""A client of QMP for tests, and the programs that it talks to.

Nothing here sleeps: a program says when it is ready, or connects to a socket that waits for it, and
a line is waited for as long as it takes, up to PATIENCE.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile

PATIENCE = 60  # Seconds; a test that waits so long has failed.
PLATTER = "tools/platter-machine"
QEMU = "/usr/bin/qemu-system-x86_64"
STORAGE_DAEMON = "/usr/bin/qemu-storage-daemon"


class Client:
    """One connection: lines as objects, in the order in which they come."""

    def __init__(self, connected):
        connected.settimeout(PATIENCE)
        self._socket = connected
        self._lines = connected.makefile("rb")
        self._fences = 0
        self.greeting = self.read()

    def close(self):
        self._lines.close()
        self._socket.close()

    def read(self):
        """The next line; None at the end."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:  # It ended before it had read all that was sent.
            return None
        return json.loads(line) if line else None

    def send(self, data):
        self._socket.sendall(data)

    def play(self, data, until_event=None):
        """Sends bytes; all that comes up to the answer of a command behind them (not that one).

        With `until_event`, also up to that event, which may come later than the answer.
        """
        self._fences += 1
        fence = {"fence": self._fences}
        self.send(data + b"\n" + json.dumps({"execute": "query-version", "id": fence}).encode())
        came = []
        fenced = False
        while not fenced or (until_event and not any(c.get("event") == until_event for c in came)):
            line = self.read()
            if line is None:
                came.append({"end": True})
                break
            if line.get("id") == fence:
                fenced = True
            else:
                came.append(line)
        return came


class Program:
    """A process with a QMP socket, in a folder of its own; gone with close()."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="platter-qmp-", dir="/tmp")
        self.process = None
        self.client = None

    def start_waited_for(self, words, files):
        """A program that connects to us."""
        self._make_files(files)
        path = os.path.join(self.folder, "qmp")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(PATIENCE)
            self.process = subprocess.Popen(
                [word.replace("SOCKET", path) for word in words], cwd=self.folder,
                stdin=subprocess.DEVNULL)
            self.client = Client(listener.accept()[0])
        return self

    def start_platter(self, words, files):
        """Our program, which says when it listens."""
        self._make_files(files)
        path = os.path.join(self.folder, "qmp")
        self.process = subprocess.Popen(
            [os.path.abspath(PLATTER), "--qmp", "unix:" + path, *words], cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        said = self.process.stdout.readline()
        if not said.startswith(b"QMP: "):
            raise AssertionError("platter-machine did not start")
        self.client = self.connect()
        return self

    def connect(self):
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(os.path.join(self.folder, "qmp"))
        return Client(connected)

    def _make_files(self, files):
        for name, size in files.items():
            with open(os.path.join(self.folder, name), "wb") as file:
                file.truncate(size)

    def close(self):
        if self.client is not None:
            self.client.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
