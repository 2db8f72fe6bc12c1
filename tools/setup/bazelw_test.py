# SPDX-License-Identifier: Apache-2.0
"""Runs bazelw in a copy of its files, with made-up dpkg-query, apt-get, sudo and bazel."""

import os
import shutil
import stat
import subprocess
import tempfile
import unittest

FILES = ["bazelw", "tools/setup/install.sh", "tools/setup/unpack.sh",
         "third_party/packages/build.txt", "third_party/packages/peers.txt",
         "third_party/packages/dev.txt"]

# Prints the state of each package named; what isn't in $STATE/installed is unknown to it.
DPKG_QUERY = """#!/bin/bash
shift 2
for name; do
  grep -h " $name$" "$STATE/installed" || { echo "no $name" >&2; bad=1; }
done
exit ${bad:-0}
"""
APT_GET = """#!/bin/bash
echo "apt-get $*" >>"$STATE/calls"
[[ -e $STATE/apt-fails ]] && { echo "E: no such host"; exit 100; }
[[ " $* " == *" update "* ]] && rm -f "$STATE/no-lists"
[[ " $* " == *" download "* && -e $STATE/no-lists ]] && { echo "E: Unable to locate"; exit 100; }
verb=
for word; do
  case $word in
    update|install|download) verb=$word ;;
    -*|*=*) ;;
    *) [[ $verb == install ]] && echo "ii  $word" >>"$STATE/installed"
       [[ $verb == download ]] && touch "${word}_1_amd64.deb" ;;
  esac
done
exit 0
"""
APT_CACHE = """#!/bin/bash
[[ -e $STATE/no-lists ]] && { echo "E: No packages found" >&2; exit 100; }
[[ ${!#} == linux-image-cloud-amd64 ]] && echo "  Depends: linux-image-6.1.0-99-cloud-amd64"
exit 0
"""
DPKG = '#!/bin/bash\ntouch "$3/$(basename "$2")"\n'
SUDO = '#!/bin/bash\necho "sudo" >>"$STATE/calls"\nexec "$@"\n'
BAZEL = '#!/bin/bash\nprintf "in %s\\n" "$PWD"\nprintf "<%s>\\n" "$@"\n'


class BazelwTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = os.path.realpath(folder.name)
        self.root = os.path.join(self.top, "a tree")
        self.bin = os.path.join(self.top, "bin")
        os.makedirs(self.bin)
        for path in FILES:
            target = os.path.join(self.root, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.realpath(path), target)
        for name, text in [("dpkg-query", DPKG_QUERY), ("apt-get", APT_GET), ("dpkg", DPKG),
                           ("apt-cache", APT_CACHE), ("sudo", SUDO), ("bazel", BAZEL)]:
            self.program(name, text)
        # Only what the scripts use, so that a missing sudo is really missing.
        for name in ["bash", "env", "readlink", "mktemp", "chmod", "rm", "mkdir", "mv", "tail",
                     "cat", "sed", "grep", "touch", "basename"]:
            os.symlink(shutil.which(name, path="/usr/bin:/bin"), os.path.join(self.bin, name))
        self.system("ID=debian\nVERSION_ID=\"12\"\n")
        self.installed({name: "ii " for name in self.listed("build")})

    def program(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)

    def system(self, text):
        with open(os.path.join(self.top, "os-release"), "w", encoding="utf-8") as out:
            out.write(text)

    def installed(self, states):
        with open(os.path.join(self.top, "installed"), "w", encoding="utf-8") as out:
            out.writelines(f"{state} {name}\n" for name, state in states.items())

    def listed(self, which):
        with open(f"third_party/packages/{which}.txt", encoding="utf-8") as lines:
            words = [line.split("#")[0].split() for line in lines]
        return [line[0] for line in words if line and line[0] != "unpack"]

    def run_bazelw(self, *arguments, user="0", cwd=None):
        environment = {"PATH": self.bin, "STATE": self.top, "HOME": self.top, "TMPDIR": self.top,
                       "PLATTER_SETUP_EUID": user,
                       "PLATTER_OS_RELEASE": os.path.join(self.top, "os-release")}
        return subprocess.run([os.path.join(self.root, "bazelw"), *arguments], env=environment,
                              cwd=cwd or self.root, capture_output=True, text=True, check=False)

    def calls(self):
        path = os.path.join(self.top, "calls")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as lines:
            return lines.read()

    def test_nothing_missing_is_silent_and_passes_the_arguments(self):
        done = self.run_bazelw("test", "//...", "--x=a b", "")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"in {self.root}\n<test>\n<//...>\n<--x=a b>\n<>\n")
        self.assertEqual(self.calls(), "")

    def test_works_from_any_folder(self):
        inside = os.path.join(self.root, "tools")
        self.assertIn(f"in {inside}\n", self.run_bazelw("info", cwd=inside).stdout)
        self.assertIn(f"in {self.root}\n", self.run_bazelw("info", cwd=self.top).stdout)

    def test_installs_exactly_what_is_missing_and_says_so(self):
        states = {name: "ii " for name in self.listed("build")}
        del states["liburing-dev"]
        states["g++"] = "rc "  # Removed, with its configuration files left: not installed.
        self.installed(states)
        done = self.run_bazelw("test")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("installing 2 Debian packages: g++ liburing-dev", done.stderr)
        self.assertIn("<test>", done.stdout)
        self.assertRegex(self.calls(), r"update\n.*install -y --no-install-recommends "
                                       r"g\+\+ liburing-dev\n$")
        self.assertNotIn("sudo", self.calls())

    def test_uses_sudo_when_not_root(self):
        self.installed({})
        done = self.run_bazelw("test", user="1000")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("sudo", self.calls())

    def test_without_root_and_sudo_says_what_to_do(self):
        self.installed({})
        os.unlink(os.path.join(self.bin, "sudo"))
        done = self.run_bazelw("test", user="1000")
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs root, and there is no sudo", done.stderr)
        self.assertIn("  liburing-dev\n", done.stderr)
        self.assertEqual((done.stdout, self.calls()), ("", ""))

    def test_a_failing_apt_get_stops_and_shows_why(self):
        self.installed({})
        with open(os.path.join(self.top, "apt-fails"), "w", encoding="utf-8"):
            pass
        done = self.run_bazelw("test")
        self.assertEqual(done.returncode, 1)
        self.assertIn("E: no such host", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_another_system_is_told_what_is_missing(self):
        self.system("ID=fedora\nVERSION_ID=39\n")
        os.unlink(os.path.join(self.bin, "dpkg-query"))
        done = self.run_bazelw("test")
        self.assertEqual(done.returncode, 1)
        self.assertIn("this system is 'fedora-39'", done.stderr)
        self.assertIn("  bazel-bootstrap\n", done.stderr)
        self.assertIn("debian:12", done.stderr)
        self.assertEqual((done.stdout, self.calls()), ("", ""))

    def test_another_system_that_has_everything_goes_on(self):
        self.system("ID=debian\nVERSION_ID=13\n")
        self.assertEqual(self.run_bazelw("test").returncode, 0)

    def test_setup_peers_installs_and_unpacks_once(self):
        first = self.run_bazelw("setup-peers")
        self.assertEqual(first.returncode, 0, first.stderr)
        calls = self.calls()
        self.assertIn("qemu-system-x86", calls)
        self.assertIn("download linux-image-cloud-amd64 linux-image-6.1.0-99-cloud-amd64", calls)
        kernel = os.path.join(self.top, ".cache/platter/linux-image-cloud-amd64")
        self.assertIn("linux-image-6.1.0-99-cloud-amd64_1_amd64.deb", os.listdir(kernel))
        second = self.run_bazelw("setup-peers")
        self.assertEqual((second.returncode, second.stderr), (0, ""))
        self.assertEqual(self.calls(), calls)

    def touch(self, name):
        with open(os.path.join(self.top, name), "w", encoding="utf-8"):
            pass

    def test_unpacking_gets_the_lists_where_there_are_none(self):
        self.installed({name: "ii " for which in ("build", "peers") for name in self.listed(which)})
        self.touch("no-lists")
        done = self.run_bazelw("setup-peers", user="1000")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("updating apt's lists", done.stderr)
        calls = self.calls()
        self.assertEqual(calls.count(" update\n"), 1)
        self.assertEqual(calls.count("sudo\n"), 1)
        # What a package depends on is known only then.
        self.assertIn("download linux-image-cloud-amd64 linux-image-6.1.0-99-cloud-amd64",
                      calls[calls.index(" update\n"):])

    def test_unpacking_that_fails_all_the_same_shows_why(self):
        self.installed({name: "ii " for which in ("build", "peers") for name in self.listed(which)})
        self.touch("apt-fails")
        done = self.run_bazelw("setup-peers")
        self.assertEqual(done.returncode, 1)
        self.assertIn("E: no such host", done.stderr)
        self.assertIn("can't download linux-image-cloud-amd64", done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.top, ".cache/platter")))

    def test_unpacking_works_without_a_home(self):
        # An empty list, so that nothing is put into the real user's cache.
        done = subprocess.run([os.path.join(self.root, "tools/setup/unpack.sh"), "/dev/null"],
                              env={"PATH": self.bin}, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_setup_commands_do_not_run_bazel(self):
        for command in ["setup", "setup-peers", "setup-dev"]:
            self.assertNotIn("<", self.run_bazelw(command).stdout)


if __name__ == "__main__":
    unittest.main()
