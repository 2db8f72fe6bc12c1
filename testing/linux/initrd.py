# SPDX-License-Identifier: Apache-2.0
"""Makes the initial file system of a guest: busybox, modules, programs of this host, a script.

init.sh is its first process: it loads the modules, runs the script and turns the machine off.
"""

import os
import re
import subprocess

from testing.linux import cpio

BUSYBOX = "/bin/busybox"
FOLDER = "testing/linux"
FOLDERS = ("dev", "proc", "sys", "tmp", "mnt", "run")


def libraries(ldd_output):
    """Paths of the files that ldd names: libraries and the loader."""
    return re.findall(r"(?:=> |^\s*)(/\S+) \(0x", ldd_output, re.MULTILINE)


def needed_by(program):
    """Paths of what a program needs to run; nothing when it is linked statically."""
    asked = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    if "not found" in asked.stdout:
        raise ValueError(f"{program} lacks a library:\n{asked.stdout}")
    return libraries(asked.stdout)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def make(kernel, modules, script, programs=(), files=None):
    """The bytes of the archive.

    Args:
      kernel: a kernels.Kernel.
      modules: names of those to load, without those they need.
      script: name of a file in testing/linux: the guest's /test.
      programs: paths on this host; they and their libraries have the same in the guest.
      files: more, by path: bytes.
    """
    archive = cpio.Archive()
    for name in FOLDERS:
        archive.folder(name)
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/null", 1, 3)
    archive.file("bin/busybox", read(BUSYBOX), 0o755)
    archive.link("bin/sh", "busybox")
    archive.file("init", read(os.path.join(FOLDER, "init.sh")), 0o755)
    archive.file("test", read(os.path.join(FOLDER, script)), 0o755)
    order = []
    for name, data in kernel.modules(modules):
        archive.file(f"modules/{name}.ko", data)
        order.append(name)
    archive.file("modules/order", "".join(name + "\n" for name in order).encode())
    for program in programs:
        for path in (program, *needed_by(program)):
            if path not in archive:
                archive.file(path, read(path), 0o755)
    for path, data in (files or {}).items():
        archive.file(path, data)
    return archive.data()
