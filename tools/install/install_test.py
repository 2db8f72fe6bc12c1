# SPDX-License-Identifier: Apache-2.0
"""Installs Platter and uses it as somebody without Bazel does: make, pkg-config, cc."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

INSTALL = os.path.abspath("tools/install/install")
HEADER = "include/platter/platter.h"
LIBRARIES = ["lib/libplatter.a", "lib/libplatter.so", "lib/libplatter.so.0",
             "lib/libplatter.so.0.1.0", "lib/pkgconfig/platter-static.pc",
             "lib/pkgconfig/platter.pc"]
# What a program begins with, the lowest layers, generated ones, and what a device is written on.
ALONE = ["machine/machine.h", "config/proto/machine.pb.h", "blockbackend/device_view.h",
         "monitor/qmp_server.h", "aio/await.h"]
SECTOR = bytes(range(100, 228)) * 4
FILLER = b"\x5a" * (1 << 20)


def run(*command, **options):
    """The finished process, with its output as text."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)


def install(*arguments, **environment):
    wanted = {name: value for name, value in os.environ.items()
              if name not in ("DESTDIR", "BUILD_WORKING_DIRECTORY")}
    return run(INSTALL, *arguments, env={**wanted, **environment})


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(top, name), folder)
                  for top, _, names in os.walk(folder) for name in names)


class InstallTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        cls.prefix = os.path.join(cls.top, "prefix")
        cls.said = install(cls.prefix)
        cls.environment = {**os.environ,
                           "PKG_CONFIG_PATH": os.path.join(cls.prefix, "lib/pkgconfig")}
        cls.image = os.path.join(cls.top, "disk,1.img")
        with open(cls.image, "wb") as out:
            out.write(SECTOR + FILLER)

    def flags(self, *arguments):
        found = run("pkg-config", *arguments, env=self.environment)
        self.assertEqual(found.returncode, 0, found.stdout)
        return found.stdout.split()

    def make(self, example, **variables):
        """A copy of the example, built; the path of its program."""
        folder = tempfile.mkdtemp(dir=self.top)
        source = f"examples/{example}"
        for name in os.listdir(source):
            shutil.copy(os.path.join(source, name), folder)
        made = run("make", "-C", folder, *(f"{k}={v}" for k, v in variables.items()),
                   env=self.environment)
        self.assertEqual(made.returncode, 0, made.stdout)
        return os.path.join(folder, example)

    def compile(self, text, *flags):
        return run("g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *flags,
                   *self.flags("--cflags", "platter-static"), "-xc++", "-", input=text)

    # --- What is installed. ---

    def test_files(self):
        self.assertEqual(self.said.returncode, 0, self.said.stdout)
        found = files_below(self.prefix)
        self.assertEqual([path for path in found if path.startswith("lib")], LIBRARIES)
        headers = [path for path in found if not path.startswith("lib")]
        self.assertIn(HEADER, headers)
        for name in ALONE:
            self.assertIn(f"include/platter/{name}", headers)
        for path in headers:
            self.assertRegex(path, r"^include/platter/.*\.h$")
            self.assertNotRegex(path, r"_fixture\.h$|/testing/|/capi/")
        for path in LIBRARIES:
            self.assertIn(f"install: {self.prefix}/{path}\n", self.said.stdout)
        self.assertIn(f"install: {self.prefix}/include/platter: {len(headers)} headers\n",
                      self.said.stdout)

    def test_links_and_modes(self):
        library = os.path.join(self.prefix, "lib", "libplatter.so")
        self.assertEqual(os.readlink(library), "libplatter.so.0")
        self.assertEqual(os.readlink(library + ".0"), "libplatter.so.0.1.0")
        self.assertEqual(os.stat(library).st_mode & 0o777, 0o755)
        self.assertEqual(os.stat(os.path.join(self.prefix, HEADER)).st_mode & 0o777, 0o644)
        dynamic = run("readelf", "-d", library).stdout
        self.assertIn("soname: [libplatter.so.0]", dynamic)

    def test_the_shared_library_exports_the_c_interface_and_nothing_else(self):
        with open(os.path.join(self.prefix, HEADER), encoding="utf-8") as lines:
            declared = set(re.findall(r"^[a-z].*?\b(platter_\w+)\(", lines.read(), re.M))
        self.assertGreater(len(declared), 30)
        listed = run("nm", "-D", "--defined-only", os.path.join(self.prefix, "lib/libplatter.so"))
        exported = {line.split()[-1] for line in listed.stdout.splitlines()}
        self.assertEqual({name.split("@")[0] for name in exported} - {"PLATTER_0"}, declared)

    def test_again_changes_nothing(self):
        before = files_below(self.prefix)
        again = install(self.prefix)
        self.assertEqual(again.stdout, self.said.stdout)
        self.assertEqual(files_below(self.prefix), before)

    # --- Where to. ---

    def test_a_relative_prefix_below_destdir(self):
        where = os.path.join(self.top, "user")
        stage = os.path.join(self.top, "stage")
        os.mkdir(where)
        said = install("a b", BUILD_WORKING_DIRECTORY=where, DESTDIR=stage)
        self.assertEqual(said.returncode, 0, said.stdout)
        self.assertEqual(os.listdir(where), [])
        there = f"{stage}{where}/a b"
        self.assertEqual(files_below(there), files_below(self.prefix))
        configs = {**os.environ, "PKG_CONFIG_PATH": f"{there}/lib/pkgconfig"}
        flags = run("pkg-config", "--cflags", "platter", env=configs).stdout
        self.assertIn(f"{where}/a\\ b/include/platter", flags)
        self.assertNotIn(stage, flags)

    def test_wrong_use_says_what_is_wrong(self):
        for arguments, message in ([], "one argument is needed, PREFIX, not 0"), \
                (["a", "b"], "one argument is needed, PREFIX, not 2"), \
                (["--prefix=/a"], "'--prefix=/a' is no PREFIX"), \
                ([""], "'' is no PREFIX"), \
                (["/tmp/a\nb"], "PREFIX has a control character in it"):
            with self.subTest(arguments=arguments):
                said = install(*arguments)
                self.assertEqual(said.returncode, 2)
                self.assertIn(f"install: {message}", said.stdout)
                self.assertNotIn("Traceback", said.stdout)

    def test_a_place_that_cannot_be_written(self):
        file = os.path.join(self.top, "file")
        with open(file, "w", encoding="utf-8"):
            pass
        said = install(os.path.join(file, "prefix"))
        self.assertEqual(said.returncode, 1)
        self.assertRegex(said.stdout, rf"^install: {re.escape(file)}.*: Not a directory\n$")

    def test_help(self):
        said = install("--help")
        self.assertEqual(said.returncode, 0)
        self.assertIn("./bazelw run //:install -- PREFIX", said.stdout)

    # --- The headers. ---

    def test_headers_compile_together(self):
        names = [path[len("include/platter/"):] for path in files_below(self.prefix)
                 if path.startswith("include/platter/")]
        made = self.compile("".join(f'#include "{name}"\n' for name in names))
        self.assertEqual(made.returncode, 0, made.stdout)

    def test_headers_compile_alone(self):
        for name in ALONE:
            with self.subTest(name=name):
                made = self.compile(f'#include "{name}"\n')
                self.assertEqual(made.returncode, 0, made.stdout)

    def test_the_c_header_is_c_and_c_plus_plus(self):
        text = "#include <platter/platter.h>\n"
        for compiler in ("gcc", "-std=c99", "-xc"), ("g++", "-std=c++98", "-xc++"):
            made = run(*compiler, "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                       *self.flags("--cflags", "platter"), "-", input=text)
            self.assertEqual(made.returncode, 0, made.stdout)

    # --- The examples. ---

    def expect_c_example(self, program):
        self.assertEqual(run(program, self.image, env=self.run_environment()).stdout, (
            f"host: hd0: a medium, {len(SECTOR) + len(FILLER)} bytes\n"
            "guest: sector 0 begins: 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70 71 72 73\n"
            "guest: an interrupt came\n"
            "host: the tray of cd0 is open\n"
            "host: the tray of cd0 is closed\n"
            "host: cd0: a medium, 1048576 bytes\n"
            "host: the tray of cd0 is open\n"
            "host: cd0: no medium, 0 bytes\n"
            "host: the tray of cd0 is closed\n"))

    def run_environment(self):
        return {**os.environ, "LD_LIBRARY_PATH": os.path.join(self.prefix, "lib")}

    def test_the_c_example_on_the_shared_library(self):
        program = self.make("embed_c")
        self.assertIn("libplatter.so.0", run("readelf", "-d", program).stdout)
        self.expect_c_example(program)
        missing = run(program, "/no/such/image", env=self.run_environment())
        self.assertEqual(missing.returncode, 1)
        self.assertRegex(missing.stdout, "^embed_c: opening the image: .*/no/such/image.*\n$")

    def test_the_c_example_on_the_archive(self):
        program = self.make("embed_c", LIBRARY="platter-static")
        self.assertNotIn("libplatter", run("readelf", "-d", program).stdout)
        self.expect_c_example(program)

    def test_a_program_without_any_shared_library(self):
        folder = tempfile.mkdtemp(dir=self.top)
        program, unit = os.path.join(folder, "embed_c"), os.path.join(folder, "main.o")
        for command in (["gcc", "-std=c99", "-c", "examples/embed_c/main.c", "-o", unit,
                         *self.flags("--cflags", "platter")],
                        ["g++", "-static", unit, "-o", program,
                         *self.flags("--static", "--libs", "platter")]):
            made = run(*command)
            self.assertEqual(made.returncode, 0, made.stdout)
        self.assertNotIn("NEEDED", run("readelf", "-d", program).stdout)
        self.expect_c_example(program)

    def test_the_c_plus_plus_example(self):
        program = self.make("embed_cpp")
        self.assertNotIn("libplatter", run("readelf", "-d", program).stdout)
        said = run(program, self.image)
        self.assertEqual(said.returncode, 0, said.stdout)
        self.assertRegex(said.stdout, (
            "^guest: block 0 begins: 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70 71 72 73\n"
            "host: refused: .*'cd0' is locked.*\n"
            "host: the tray is open\n"
            "host: took the disc\n$"))
        missing = run(program, "/no/such/image")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("/no/such/image", missing.stdout)


if __name__ == "__main__":
    unittest.main()
