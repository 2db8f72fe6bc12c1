# SPDX-License-Identifier: Apache-2.0
"""Kernels that `./bazelw setup-peers` has unpacked, and their modules."""

import functools
import os
import pwd
import re

CLOUD = "linux-image-cloud-amd64"
UML = "user-mode-linux"


def cache_folder():
    """Where unpack.sh puts them."""
    # Bazel gives a test another HOME: the user's entry has the real one.
    home = pwd.getpwuid(os.getuid()).pw_dir
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.path.join(cache, "platter")


def depends(module):
    """The modules that the bytes of a module name as those it needs."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name for name in found.group(1).decode().split(",") if name] if found else []


def plain(name):
    """A module's name as lsmod has it: the file's may have '-'."""
    return name.replace("-", "_")


class Kernel:
    """A kernel: the file to start, and modules below a folder."""

    def __init__(self, image, modules):
        self.image = image
        self._modules = modules

    @functools.cached_property
    def _paths(self):
        paths = {}
        for folder, _, names in os.walk(self._modules):
            for name in names:
                if name.endswith(".ko"):
                    paths[plain(name[:-len(".ko")])] = os.path.join(folder, name)
        return paths

    @functools.cached_property
    def _built_in(self):
        names = set()
        for folder, _, files in os.walk(self._modules):
            if "modules.builtin" in files:
                with open(os.path.join(folder, "modules.builtin"), encoding="utf-8") as lines:
                    names |= {plain(os.path.basename(line.strip())[:-len(".ko")]) for line in lines}
        return names

    def modules(self, wanted):
        """(name, bytes) of those and of all they need, in the order in which they can be loaded."""
        loaded = {}

        def load(name):
            name = plain(name)
            if name in loaded or name in self._built_in:
                return
            if name not in self._paths:
                raise ValueError(f"{self.image} has no module '{name}'")
            with open(self._paths[name], "rb") as file:
                data = file.read()
            for needed in depends(data):
                load(needed)
            loaded[name] = data

        for name in wanted:
            load(name)
        return list(loaded.items())


def find(package):
    """The kernel of an unpacked package; None when it isn't there."""
    root = os.path.join(cache_folder(), package)
    if package == UML:
        image, modules = os.path.join(root, "usr/bin/linux.uml"), "usr/lib/uml/modules"
    else:
        boot = os.path.join(root, "boot")
        names = sorted(os.listdir(boot)) if os.path.isdir(boot) else []
        images = [name for name in names if name.startswith("vmlinuz-")]
        image, modules = os.path.join(boot, images[-1] if images else "vmlinuz"), "lib/modules"
    return Kernel(image, os.path.join(root, modules)) if os.path.exists(image) else None
