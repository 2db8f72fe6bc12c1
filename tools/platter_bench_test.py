# SPDX-License-Identifier: Apache-2.0
"""platter-bench as a user meets it: output, exit status, messages."""

import json
import subprocess
import unittest

TOOL = "tools/platter-bench"
NULL = "driver=null-co,node-name=d0,size=1M"


def run(*arguments):
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=False)


class PlatterBenchTest(unittest.TestCase):

    def test_json_is_one_line_with_the_figures(self):
        done = run("--blockdev", NULL, "--seconds", "60", "--requests", "1000", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("\n"), 1)
        result = json.loads(done.stdout)
        self.assertGreaterEqual(result["requests"], 1000)
        self.assertEqual(result["errors"], 0)
        for key in ("iops", "mbps", "p50_us", "p99_us", "p999_us", "cpu_us_per_io"):
            self.assertIn(key, result)

    def test_table_for_people(self):
        done = run("--blockdev", NULL, "--seconds", "60", "--requests", "1000", "--op", "randwrite")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("requests a second", done.stdout)
        self.assertIn("randwrite", done.stdout)

    def test_failed_requests_give_a_failing_status(self):
        done = run("--blockdev", "driver=blkdebug,node-name=d0,image.driver=null-co,"
                   "inject-error.0.event=none", "--seconds", "60", "--requests", "100", "--json")
        self.assertEqual(done.returncode, 1)
        result = json.loads(done.stdout)
        self.assertGreater(result["errors"], 0)
        self.assertEqual(result["errors"], result["requests"])

    def test_mistakes_are_named(self):
        for arguments, code, text in (
            ((), 2, "--blockdev: missing"),
            (("--blokdev", NULL), 2, "--blokdev"),
            (("--json", "-xyz"), 2, "'-xyz' is no option"),
            (("--blockdev",), 2, "'--blockdev' needs a value"),
            (("--blockdev", NULL, "more"), 2, "'more'"),
            (("--blockdev", NULL, "--poll"), 2, "--poll: needs a --target"),
            (("--target", "nvme:e"), 2, "--target: 'nvme:e'"),
            (("--target", "vhost-user:/nonexistent/e"), 1, "/nonexistent/e"),
            (("--blockdev", NULL, "--op", "trim"), 2, "--op: 'trim'"),
            (("--blockdev", NULL, "--bs", "4x"), 2, "--bs: '4x'"),
            (("--blockdev", NULL, "--qd", "zero"), 2, "--qd: 'zero'"),
            (("--blockdev", "driver=nul-co,node-name=d0"), 1, "null-co"),
            (("--blockdev", "driver=file,node-name=d0,filename=/nonexistent"), 1, "/nonexistent"),
            (("--blockdev", "driver=memory,node-name=d0,size=512"), 1, "fewer than --bs"),
        ):
            with self.subTest(arguments=arguments):
                done = run(*arguments)
                self.assertEqual(done.returncode, code)
                self.assertIn(text, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_help(self):
        self.assertIn("usage: platter-bench", run("--help").stdout)
        options = run("--blockdev", "driver=null-co,help")
        self.assertEqual(options.returncode, 0)
        self.assertIn("latency-ns", options.stdout)


if __name__ == "__main__":
    unittest.main()
