#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs Platter for programs that are not built with Bazel.

  ./bazelw run //:install -- PREFIX

writes PREFIX/lib/libplatter.a, libplatter.so and its links, PREFIX/lib/pkgconfig/platter.pc and
platter-static.pc, and the headers below PREFIX/include/platter. A relative PREFIX is meant from
where the user stands. With DESTDIR in the environment everything goes below that folder, and the
files say PREFIX, as packagers want it. Files that are there are replaced.
"""

import os
import re
import shutil
import sys
import tempfile

LISTING = "tools/install/package.txt"
VERSION_HEADER = "platter.h"
# What Debian's pkg-config calls the libraries that the linker is asked for; Abseil's are called
# what their files are.
MODULES = {"protobuf": "protobuf", "uring": "liburing", "z": "zlib", "zstd": "libzstd"}
# Those modules ask for these themselves.
OF_MODULES = {"atomic", "rt"}

COMMON_PC = """prefix={prefix}
includedir=${{prefix}}/include
libdir=${{prefix}}/lib

Name: {name}
Description: {description}
Version: {version}
Cflags: -I${{includedir}} -I${{includedir}}/platter
"""
SHARED_PC = COMMON_PC + """Libs: -L${{libdir}} -lplatter
Requires.private: {modules}
Libs.private: {libraries}
"""
STATIC_PC = COMMON_PC + """Libs: ${{libdir}}/libplatter.a {libraries}
Requires: {modules}
"""


class Failure(Exception):
    """What stops the installer, for its user to read."""


def runfiles_root():
    """Where the files of the package are: Bazel starts programs there, or says where it is."""
    for root in (os.getcwd(), os.path.join(sys.argv[0] + ".runfiles", "platter")):
        if os.path.exists(os.path.join(root, LISTING)):
            return root
    raise Failure("run me with Bazel: ./bazelw run //:install -- PREFIX")


def read_package(root):
    """The lines of the listing: word -> what follows."""
    package = {}
    with open(os.path.join(root, LISTING), encoding="utf-8") as lines:
        for line in lines:
            word, *rest = line.split()
            package.setdefault(word, []).append(rest)
    return package


def version_of(header):
    with open(header, encoding="utf-8") as lines:
        numbers = dict(re.findall(r"^#define PLATTER_VERSION_(\w+) (\d+)$", lines.read(), re.M))
    return tuple(int(numbers[part]) for part in ("MAJOR", "MINOR", "PATCH"))


def requirements(flags):
    """Splits linker flags into pkg-config modules and what has no module."""
    modules, libraries = [], []
    for flag in flags:
        name = flag[2:] if flag.startswith("-l") else ""
        module = name if name.startswith("absl_") else MODULES.get(name)
        if module is not None:
            modules.append(module)
        elif flag == "-pthread" or (name and name not in OF_MODULES):
            libraries.append(flag)
    # Platter itself is C++, whoever links it.
    return list(dict.fromkeys(modules)), list(dict.fromkeys(libraries + ["-lstdc++", "-lm"]))


class Writer:
    """Puts files below a folder; each is there as a whole or not at all."""

    def __init__(self, root):
        self.root = root
        self.written = []

    def _place(self, path, make):
        target = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".platter-", dir=os.path.dirname(target)) as folder:
            new = os.path.join(folder, "new")
            make(new)
            os.replace(new, target)
        self.written.append(path)

    def copy(self, source, path, mode=0o644):
        def make(new):
            shutil.copyfile(source, new)
            os.chmod(new, mode)
        self._place(path, make)

    def text(self, path, text):
        def make(new):
            with open(new, "w", encoding="utf-8") as out:
                out.write(text)
            os.chmod(new, 0o644)
        self._place(path, make)

    def link(self, path, to):
        self._place(path, lambda new: os.symlink(to, new))


def install(root, prefix, destdir):
    """Writes everything; returns the paths below PREFIX."""
    package = read_package(root)
    headers = {name: os.path.join(root, path) for name, path in package["header"]}
    version = version_of(headers[VERSION_HEADER])
    modules, libraries = requirements([flag for flag, in package["link"]])
    writer = Writer(destdir + prefix)

    [[archive]], [[shared]] = package["archive"], package["shared"]
    real = "libplatter.so." + ".".join(map(str, version))
    soname = f"libplatter.so.{version[0]}"
    writer.copy(os.path.join(root, archive), "lib/libplatter.a")
    writer.copy(os.path.join(root, shared), f"lib/{real}", 0o755)
    writer.link(f"lib/{soname}", real)
    writer.link("lib/libplatter.so", soname)
    words = {"prefix": re.sub(r"([\s\\'\"#$])", r"\\\1", prefix),
             "version": ".".join(map(str, version)),
             "modules": ", ".join(modules), "libraries": " ".join(libraries)}
    writer.text("lib/pkgconfig/platter.pc", SHARED_PC.format(
        name="platter", description="Virtual disks and drives for hypervisors", **words))
    writer.text("lib/pkgconfig/platter-static.pc", STATIC_PC.format(
        name="platter-static", description="Platter's archive, for its C++ interface", **words))
    for name, source in sorted(headers.items()):
        writer.copy(source, f"include/platter/{name}")
    return writer.written


def parse(arguments):
    """PREFIX as an absolute path."""
    if len(arguments) != 1:
        raise Failure(f"one argument is needed, PREFIX, not {len(arguments)}\n"
                      "usage: ./bazelw run //:install -- PREFIX")
    prefix = arguments[0]
    if not prefix or prefix.startswith("-"):
        raise Failure(f"'{prefix}' is no PREFIX\nusage: ./bazelw run //:install -- PREFIX")
    if re.search(r"[\x00-\x1f\x7f]", prefix):
        raise Failure(f"PREFIX has a control character in it: {prefix!r}")
    return os.path.normpath(
        os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", os.getcwd()), prefix))


def main(arguments):
    if arguments in (["-h"], ["--help"]):
        print(__doc__.strip())
        return 0
    destdir = os.environ.get("DESTDIR", "")
    try:
        prefix = parse(arguments)
        written = install(runfiles_root(), prefix, destdir)
    except Failure as failure:
        print(f"install: {failure}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"install: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    where = destdir + prefix
    headers = [path for path in written if path.startswith("include/")]
    for path in written:
        if path not in headers:
            print(f"install: {where}/{path}")
    print(f"install: {where}/include/platter: {len(headers)} headers")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
