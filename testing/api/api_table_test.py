# SPDX-License-Identifier: Apache-2.0
"""The real table, and that what is wrong with one is found."""

import glob
import unittest

from testing.api import api_table

NAMES = {1: ["blk_new"], 2: ["blk_ref", "blk_unref"], 3: ["tray event"]}
TABLE = """
| # | historical names | here | tests |
|---|---|---|---|
| 1 | `blk_new` | `Create` | `RegistryTest.Row01_*` |
| 2 | `blk_ref`, `blk_unref` | copies, `use|count` | `RegistryTest.Row02_Last`, `HubTest.Other` |
| 3 | tray event | an event | *open* |
"""
CASES = {"RegistryTest.Row01_Names", "RegistryTest.Row02_Last", "HubTest.Other", "HubTest.More"}


class ChecksTest(unittest.TestCase):

    def check(self, text=TABLE, names=None, cases=None, open_rows=(3,)):
        return api_table.check(text, names or NAMES, cases or CASES, open_rows)

    def test_a_table_in_order(self):
        self.assertEqual(self.check(), [])

    def test_a_missing_row(self):
        gone = TABLE.replace("| 1 | `blk_new`", "|   | `blk_new`")
        self.assertIn("row 1: not in the table, or not once", self.check(gone))

    def test_a_row_twice_and_one_too_many(self):
        row = "| 1 | `blk_new` | `Create` | `RegistryTest.Row01_*` |\n"
        self.assertIn("row 1: not in the table, or not once", self.check(TABLE + row))
        self.assertIn("row 9: no row of the contract", self.check(TABLE + row.replace("1", "9", 1)))

    def test_a_missing_historical_name(self):
        self.assertEqual(self.check(TABLE.replace(", `blk_unref`", "")),
                         ["row 2: the historical name 'blk_unref' is missing"])
        self.assertEqual(self.check(TABLE.replace("`blk_new`", "`blk_new_open`")),
                         ["row 1: the historical name 'blk_new' is missing"])

    def test_a_named_test_that_there_is_not(self):
        self.assertIn("row 2: there is no test HubTest.Other",
                      self.check(cases=CASES - {"HubTest.Other"}))
        self.assertIn("row 1: there is no test RegistryTest.Row01_*",
                      self.check(cases=CASES - {"RegistryTest.Row01_Names"}))

    def test_a_row_without_a_test_of_its_own(self):
        text = TABLE.replace("`RegistryTest.Row02_Last`, ", "")
        self.assertIn("row 2: no test is named Row02_...", self.check(text))
        self.assertIn("row 2: its test RegistryTest.Row02_Last is not named there",
                      self.check(text))
        self.assertEqual(self.check(open_rows=()), ["row 3: no test is named Row03_..."])
        self.assertEqual(self.check(open_rows=(1, 3)),
                         ["row 1: has tests, and is said to have none yet"])

    def test_one_test_for_two_rows(self):
        text = TABLE.replace("*open*", "`HubTest.Other`")
        self.assertIn("HubTest.Other: named in rows [2, 3]", self.check(text))

    def test_the_cases_that_ran(self):
        def case(name, status="RUN", result="COMPLETED"):
            return {"name": name, "status": status, "result": result}
        report = {"testsuites": [
            {"name": "RegistryTest", "testsuite": [
                case("Row01_Names"), case("Row02_Skips", result="SKIPPED"),
                case("DISABLED_Row03_Off", status="NOTRUN", result="SUPPRESSED")]},
            {"name": "All/ChannelCost", "testsuite": [
                case("Row23_None/UringNull"), case("Row23_None/UringFile")]},
            {"name": "Typed/1", "testsuite": [case("One")]}]}
        self.assertEqual(api_table.cases_that_ran(report),
                         {"RegistryTest.Row01_Names", "ChannelCost.Row23_None", "Typed.One"})

    def test_what_is_run(self):
        self.assertEqual(api_table.gtest_filter(TABLE),
                         "*.Row??_*:*HubTest*.Other*:*RegistryTest*.Row01_**:"
                         "*RegistryTest*.Row02_Last*")


class RealTableTest(unittest.TestCase):

    def setUp(self):
        with open("testing/api/historical_names.txt", encoding="utf-8") as lines:
            self.names = api_table.historical_names(lines.read())

    def test_the_contract_has_its_rows(self):
        self.assertEqual(list(self.names), list(range(1, 46)))

    def test_rows_names_and_tests(self):
        binaries = ["testing/api/open_backend_test"]
        for room in ("blockbackend", "machine", "monitor"):
            binaries += glob.glob(f"{room}/*_test")
        self.assertGreater(len(binaries), 10)
        with open("docs/api.md", encoding="utf-8") as lines:
            text = lines.read()
        wanted = api_table.gtest_filter(text)
        cases = set().union(*(api_table.cases_of(binary, wanted) for binary in binaries))
        problems = api_table.check(text, self.names, cases)
        if problems:
            self.fail("\n" + "\n".join(problems))


if __name__ == "__main__":
    unittest.main()
