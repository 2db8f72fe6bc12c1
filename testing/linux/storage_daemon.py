# SPDX-License-Identifier: Apache-2.0
"""platter-storage-daemon as a process of a test: ready when it says so, killed or ended."""

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import time

from testing.qmp import qmp_client

TOOL = "tools/platter-storage-daemon"
LIMIT = 60  # Seconds.
IN_MODIFY = 0x2  # inotify(7)


class Watch:
    """Waits until something in a folder is as it should be, woken by inotify."""

    def __init__(self, folder):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = self._libc.inotify_init1(os.O_CLOEXEC)
        if self._libc.inotify_add_watch(self._inotify, os.fsencode(folder), IN_MODIFY) < 0:
            raise OSError(ctypes.get_errno(), folder)

    def close(self):
        os.close(self._inotify)

    def wait(self, condition, process, limit=LIMIT):
        """True when `condition()` has become true; False when the process has ended before."""
        deadline = time.monotonic() + limit
        ended = os.pidfd_open(process.pid)
        try:
            while not condition():
                left = deadline - time.monotonic()
                ready = select.select([self._inotify, ended], [], [], left)[0] if left > 0 else []
                if not ready:
                    raise AssertionError("nothing happens")
                if self._inotify not in ready:
                    return False
                os.read(self._inotify, 65536)
            return True
        finally:
            os.close(ended)


class StorageDaemon:
    """A daemon in `folder`, whose relative paths are from there. Gone with close()."""

    def __init__(self, folder, *arguments):
        self._folder = folder
        self._words = [os.path.abspath(TOOL), "--pidfile", "daemon.pid", "--chardev",
                       "socket,id=m,path=monitor.sock,server=on,wait=off", "--monitor", "m"]
        self._arguments = arguments
        self._process = None
        self._client = None
        self._events = []
        self.start()

    def start(self, *arguments):
        """Starts it (again), with other arguments when there are any; returns when it is ready."""
        if arguments:
            self._arguments = arguments
        watch = Watch(self._folder)
        with open(self._at("daemon.log"), "ab") as log:
            self._process = subprocess.Popen([*self._words, *self._arguments], cwd=self._folder,
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            if not watch.wait(self._has_said_ready, self._process):
                raise AssertionError("the daemon did not start:\n" + self.log())
        finally:
            watch.close()

    def kill(self):
        """By SIGKILL: nothing of its memory is left."""
        self._forget_client()
        self._process.kill()
        self._process.wait(LIMIT)

    def stop(self):
        """By SIGTERM; its exit status."""
        self._forget_client()
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(LIMIT)

    def close(self):
        self.kill()

    def log(self):
        with open(self._at("daemon.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def ask(self, command, **arguments):
        """The monitor's answer to a command; '_' in names of arguments is '-'."""
        return self._play(command, {name.replace("_", "-"): value
                                    for name, value in arguments.items()})

    def wait_for_event(self, name):
        """What an event tells: of one that came since the last command, or comes."""
        while not any(event["event"] == name for event in self._events):
            self._events += [line for line in self._monitor().play(b"", until_event=name)
                             if "event" in line]
            if self._process.poll() is not None:
                raise AssertionError(f"the daemon ended without {name}")
        return next(event["data"] for event in self._events if event["event"] == name)

    def _monitor(self):
        if self._client is None:
            connected = socket.socket(socket.AF_UNIX)
            connected.connect(self._at("monitor.sock"))
            self._client = qmp_client.Client(connected)
            self._play("qmp_capabilities", {})
        return self._client

    def _play(self, command, arguments):
        text = json.dumps({"execute": command, "arguments": arguments})
        answer = None
        came = self._monitor().play(text.encode())
        self._events = [line for line in came if "event" in line]
        for line in came:
            if "error" in line:
                raise AssertionError(f"{text}: {line['error']['desc']}")
            if "return" in line:
                answer = line["return"]
        if answer is None:
            raise AssertionError(f"{text}: no answer")
        return answer

    def _forget_client(self):
        if self._client is not None:
            self._client.close()
        self._client = None

    def _at(self, name):
        return os.path.join(self._folder, name)

    def _has_said_ready(self):
        try:
            with open(self._at("daemon.pid"), encoding="utf-8") as file:
                return file.read() == f"{self._process.pid}\n"
        except FileNotFoundError:
            return False
