# SPDX-License-Identifier: Apache-2.0
"""Tests count_cases.py on made-up reports of Bazel and GoogleTest."""

import contextlib
import io
import json
import os
import tempfile
import unittest

from tools.ci import count_cases

PASS = '<testcase name="Good" status="run" result="completed" classname="S"/>'
FAIL = ('<testcase name="Bad" status="run" result="completed" classname="S">'
        '<failure message="1 != 2" type=""/></testcase>')
DISABLED = '<testcase name="DISABLED_Off" status="notrun" result="suppressed" classname="S"/>'


def skip(reason, name="Left"):
    return (f'<testcase name="{name}" status="run" result="skipped" classname="S">'
            f'<skipped message="a_test.cc:12&#x0A;{reason}"/></testcase>')


class CountCasesTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.allowed = self.write("allowed.txt", "# comment\n\nno-peer | not-in-ci | not there\n"
                                                 "no-ring | anywhere | refused\n")

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def events(self, name, targets, configured=()):
        """targets: (label, overall status, list of testcase texts per shard or None)."""
        lines = [{"id": {"targetConfigured": {"label": label}},
                  "configured": {"targetKind": "cc_test rule", "testSize": "SMALL"}}
                 for label in list(configured) + [target[0] for target in targets]]
        lines.append({"id": {"targetConfigured": {"label": "//a:library"}}, "configured": {}})
        for number, (label, status, shards) in enumerate(targets):
            for shard, cases in enumerate(shards or [], 1):
                xml = self.write(f"{name} {number} {shard}.xml",
                                 f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
                lines.append({"id": {"testResult": {"label": label, "shard": shard}},
                              "testResult": {"testActionOutput": [
                                  {"name": "test.log", "uri": "file:///nowhere"},
                                  {"name": "test.xml",
                                   "uri": "file://" + xml.replace(" ", "%20")}]}})
            lines.append({"id": {"testSummary": {"label": label}},
                          "testSummary": {"overallStatus": status}})
        return self.write(name + ".json", "\n".join(json.dumps(line) for line in lines))

    def run_main(self, *paths, in_ci=True):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = count_cases.main(["--allowed", self.allowed, *(["--in-ci"] if in_ci else []),
                                     *paths])
        lines = out.getvalue().splitlines()
        return code, lines[-1], "\n".join(lines[:-1])

    def test_passes(self):
        events = self.events("e", [("//a:t", "PASSED", [[PASS]]), ("//a:u", "PASSED", [[PASS]])])
        self.assertEqual(self.run_main(events), (0, "2 passed, 0 failed, 0 skipped", ""))

    def test_a_failure_is_named(self):
        code, last, text = self.run_main(self.events("e", [("//a:t", "FAILED", [[PASS, FAIL]])]))
        self.assertEqual((code, last), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("failed: //a:t S.Bad: 1 != 2", text)

    def test_shards_add_up(self):
        events = self.events("e", [("//a:t", "PASSED", [[PASS], [PASS.replace("Good", "Other")]])])
        self.assertEqual(self.run_main(events)[1], "2 passed, 0 failed, 0 skipped")

    def test_a_target_that_did_not_build_is_a_failure(self):
        events = self.events("e", [("//a:t", "PASSED", [[PASS]])], configured=["//a:broken"])
        code, last, text = self.run_main(events)
        self.assertEqual((code, last), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("//a:broken", text)

    def test_a_target_that_failed_after_its_cases_passed_is_a_failure(self):
        # A crash or a leak report at exit, or a time-out.
        code, last, _ = self.run_main(self.events("e", [("//a:t", "TIMEOUT", [[PASS]])]))
        self.assertEqual((code, last), (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_report_without_a_case_is_a_failure(self):
        code, last, text = self.run_main(self.events("e", [("//a:t", "PASSED", [[]])]))
        self.assertEqual((code, last), (1, "0 passed, 1 failed, 0 skipped"))
        self.assertIn("no test case", text)

    def test_nothing_at_all_fails(self):
        self.assertEqual(self.run_main(os.path.join(self.folder, "missing.json"))[0], 1)

    def test_a_case_counts_once_over_configurations(self):
        one = self.events("one", [("//a:t", "PASSED", [[PASS, skip("no-ring: x")]])])
        two = self.events("two", [("//a:t", "FAILED", [[FAIL.replace("Bad", "Good"),
                                                        PASS.replace("Good", "Left")]])])
        self.assertEqual(self.run_main(one, two)[1], "1 passed, 1 failed, 0 skipped")

    def test_an_allowed_skip(self):
        events = self.events("e", [("//a:t", "PASSED", [[PASS, skip("no-ring: EPERM")]])])
        self.assertEqual(self.run_main(events), (0, "1 passed, 0 failed, 1 skipped", ""))

    def test_any_other_skip_fails(self):
        for reason in ["too lazy", "", "no-ringside: x", "too lazy&#x0A;no-ring: x",
                       "see no-ring: x"]:
            events = self.events("e", [("//a:t", "PASSED", [[PASS, skip(reason)]])])
            code, last, text = self.run_main(events)
            self.assertEqual((code, last), (1, "1 passed, 0 failed, 1 skipped"), reason)
            self.assertIn("skip not allowed: //a:t S.Left", text)

    def test_the_reason_is_the_first_word_of_the_first_line(self):
        for text in ("no-ring: EPERM", "no-ring", "a/b_test.cc:12\nno-ring: EPERM\nno-peer: x\n",
                     "no-ring: said b_test.cc:3\nmore"):
            self.assertEqual(count_cases.reason_of(text), "no-ring", text)
        for text in ("", "a/b_test.cc:12\n", "a/b_test.cc:12\n\nno-ring: x", "why\nno-ring: x"):
            self.assertNotEqual(count_cases.reason_of(text), "no-ring", text)

    def test_a_skip_hidden_by_another_configuration_is_still_checked(self):
        one = self.events("one", [("//a:t", "PASSED", [[skip("too lazy")]])])
        two = self.events("two", [("//a:t", "PASSED", [[PASS.replace("Good", "Left")]])])
        code, last, _ = self.run_main(one, two)
        self.assertEqual((code, last), (1, "1 passed, 0 failed, 0 skipped"))

    def test_what_ci_installs_may_be_missing_only_elsewhere(self):
        events = self.events("e", [("//a:t", "PASSED", [[PASS, skip("no-peer: no fio")]])])
        self.assertEqual(self.run_main(events)[0], 1)
        self.assertEqual(self.run_main(events, in_ci=False)[0], 0)

    def test_a_disabled_case_is_a_skip_without_a_reason(self):
        events = self.events("e", [("//a:t", "PASSED", [[PASS, DISABLED]])])
        self.assertEqual(self.run_main(events)[0], 1)

    def test_a_bad_row_is_named(self):
        self.allowed = self.write("allowed.txt", "no-peer | sometimes | x\n")
        with self.assertRaisesRegex(ValueError, "allowed.txt:1"):
            count_cases.read_allowed(self.allowed)

    def test_the_real_list_is_well_formed(self):
        self.assertIn("no-peer", count_cases.read_allowed("testing/allowed_skips.txt"))


if __name__ == "__main__":
    unittest.main()
