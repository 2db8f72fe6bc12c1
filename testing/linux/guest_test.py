# SPDX-License-Identifier: Apache-2.0
"""A guest's console, with shells for guests."""

import unittest

from testing.linux import guest

# A line is said as init.sh says it, behind what the kernel may put before it.
PRELUDE = "say() { echo \"<6>[1.2] guest: $*\"; }\n"


class GuestTest(unittest.TestCase):

    def start(self, script, **options):
        started = guest.Guest(["/bin/sh", "-c", PRELUDE + script], "/tmp", **options)
        self.addCleanup(started.close)
        return started

    def test_results_are_kept_by_name(self):
        started = self.start("echo noise; say ok one; say 'not ok two: 5 is not 6: really'; "
                             "say end; echo 'reboot: Power down'")
        self.assertEqual(started.finish(), {"one": None, "two": "5 is not 6: really"})
        self.assertIn("noise", started.console)

    def test_a_guest_waits_for_its_host(self):
        started = self.start("say ok early; say at first; read -r line; say \"ok $line\"; say end")
        started.wait_at("first")
        self.assertEqual(started.results, {"early": None})
        started.go_on("late")
        self.assertEqual(started.finish(), {"early": None, "late": None})

    def test_lines_of_the_kernel_can_be_waited_for(self):
        started = self.start("echo 'vda: new size: 5'; say end")
        self.assertEqual(started.wait_for("new size"), "vda: new size: 5")

    def test_a_guest_that_stops_in_the_middle_is_an_error(self):
        started = self.start("say ok one; echo 'Kernel panic'")
        with self.assertRaisesRegex(guest.GuestError, "(?s)stopped in the middle.*Kernel panic"):
            started.finish()
        started = self.start("say ok one")
        with self.assertRaisesRegex(guest.GuestError, "ended without 'guest: at two'"):
            started.wait_at("two")

    def test_a_guest_that_takes_too_long_is_an_error(self):
        started = self.start("say ok one; read -r line", limit=0.2)
        with self.assertRaisesRegex(guest.GuestError, "took too long"):
            started.finish()


if __name__ == "__main__":
    unittest.main()
