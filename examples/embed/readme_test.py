# SPDX-License-Identifier: Apache-2.0
"""The program in the project's README is the one that is compiled and run here."""

import re
import unittest


class ReadmeTest(unittest.TestCase):

    def test_readme_shows_this_program(self):
        with open("examples/embed/embed.cc", encoding="utf-8") as file:
            source = file.read()
        program = source[source.index("#include"):].strip()
        self.assertLessEqual(program.count("\n") + 1, 40)
        with open("README.md", encoding="utf-8") as file:
            blocks = re.findall(r"```cpp\n(.*?)```", file.read(), re.S)
        self.assertEqual([block.strip() for block in blocks], [program])


if __name__ == "__main__":
    unittest.main()
