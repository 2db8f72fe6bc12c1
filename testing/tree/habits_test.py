# SPDX-License-Identifier: Apache-2.0
"""Breaks each rule in a small tree made for it and expects exactly that report."""

import os
import tempfile
import unittest

from testing.tree import habits

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"
HASH_LICENCE = "# SPDX-License-Identifier: Apache-2.0\n"
ROOMS = HASH_LICENCE + """
SEES = {
    "base": [],
    "drivers": ["base"],
    "blockbackend": ["base", "drivers"],
    "devices": ["base", "blockbackend"],
    "testing": ["*"],
}
"""


def header(path, rest=""):
    guard = "PLATTER_" + path.upper().replace("/", "_").replace(".", "_") + "_"
    return f"{LICENCE}#ifndef {guard}\n#define {guard}\n{rest}#endif\n"


def build(*libraries):
    rules = [f'cc_library(name = "{name}", hdrs = ["{name}.h"], srcs = ["{name}.cc"], '
             f"deps = {list(deps)})\n" for name, *deps in libraries]
    return HASH_LICENCE + "".join(rules)


class HabitsTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.write("README.md", "# tree\n")
        self.write("rooms.bzl", ROOMS)
        for room in ("base", "drivers", "blockbackend", "devices"):
            self.write(f"{room}/README.md", f"# {room}\n")
            self.write(f"{room}/BUILD.bazel", build(("unit",), ("device_view",), ("backend",)))
            self.write(f"{room}/unit.h", header(f"{room}/unit.h"))
            self.write(f"{room}/unit.cc", LICENCE + f'#include "{room}/unit.h"\n')
            self.write(f"{room}/unit_test.cc", LICENCE + '#include "gtest/gtest.h"\n')
        for name in ("device_view", "backend"):
            path = f"blockbackend/{name}.h"
            self.write(path, header(path))

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as out:
            out.write(text)

    def append(self, path, text):
        with open(os.path.join(self.root, path), "a", encoding="utf-8") as out:
            out.write(text)

    def found(self):
        return [(v.rule, v.path) for v in habits.check(self.root)]

    def expect(self, *rules_and_paths):
        self.assertEqual(self.found(), list(rules_and_paths))

    def test_the_small_tree_itself_is_fine(self):
        self.expect()

    def test_a_file_too_long(self):
        self.append("base/unit.cc", "\n" * habits.MAX_FILE_LINES)
        self.expect(("file-length", "base/unit.cc"))

    def test_files_long_on_the_whole(self):
        for room in ("base", "drivers", "blockbackend", "devices"):
            for name in ("unit.cc", "unit.h"):
                self.append(f"{room}/{name}", "\n" * 300)
        self.expect(("file-length", "."))

    def test_a_function_too_long(self):
        self.append("base/unit.cc", "void F() {\n" + "  x();\n" * 69 + "}\n")
        self.expect(("function-length", "base/unit.cc"))

    def test_a_function_of_just_the_limit(self):
        self.append("base/unit.cc", "void F() {\n" + "  x();\n" * 68 + "}\n")
        self.expect()

    def test_a_lower_room_looks_up(self):
        self.append("base/unit.cc", '#include "drivers/unit.h"\n')
        self.expect(("include-direction", "base/unit.cc"))

    def test_a_device_looks_into_a_driver(self):
        self.append("devices/unit.cc", '#include "drivers/unit.h"\n')
        self.expect(("include-direction", "devices/unit.cc"))

    def test_of_blockbackend_a_device_sees_the_view_alone(self):
        self.append("devices/unit.cc", '#include "blockbackend/device_view.h"\n')
        self.expect()
        self.append("devices/unit.cc", '#include "blockbackend/backend.h"\n')
        self.expect(("include-direction", "devices/unit.cc"))

    def test_only_tests_look_into_testing(self):
        self.write("testing/README.md", "# testing\n")
        self.write("testing/BUILD.bazel", build(("guest",)))
        self.write("testing/guest.h", header("testing/guest.h"))
        self.append("devices/unit_test.cc", '#include "testing/guest.h"\n')
        self.expect()
        self.append("devices/unit.cc", '#include "testing/guest.h"\n')
        self.expect(("include-direction", "devices/unit.cc"))

    def test_includes_that_are_not_from_the_root_or_lead_nowhere(self):
        self.append("base/unit.cc", '#include "unit.h"\n#include "base/gone.h"\n')
        self.expect(("include-direction", "base/unit.cc"), ("include-direction", "base/unit.cc"))

    def test_a_generated_header_is_there_when_its_source_is(self):
        self.write("base/options.proto", LICENCE)
        self.append("base/unit.cc", '#include "base/options.pb.h"\n')
        self.expect()

    def test_a_folder_without_a_readme(self):
        os.unlink(os.path.join(self.root, "devices/README.md"))
        self.expect(("readme", "devices"))

    def test_a_folder_with_anything_in_it_needs_one(self):
        self.write("devices/corpus/seeds/one", "x")
        self.expect(("readme", "devices/corpus"), ("readme", "devices/corpus/seeds"))
        self.write("devices/corpus/README.md", "# corpus\n")
        self.write("devices/corpus/seeds/README.md", "# seeds\n")
        self.expect()

    def test_a_header_that_does_something_needs_a_test(self):
        self.append("blockbackend/backend.h", "inline int F() { return 1; }\n")
        self.expect(("test-beside-unit", "blockbackend/backend.h"))
        self.write("blockbackend/backend_test.cc", LICENCE)
        self.expect()

    def test_headers_that_need_no_test_of_their_own(self):
        self.append("blockbackend/backend.h", "struct S {\n  virtual ~S() = default;\n"
                                              "  virtual void F() = 0;\n};\n")
        self.append("base/unit.h", "inline int F() { return 1; }\n")  # unit_test.cc is there
        self.write("base/unit_fixture.h", header("base/unit_fixture.h", "int F() { return 1; }\n"))
        self.append("base/BUILD.bazel", 'cc_library(name = "f", hdrs = ["unit_fixture.h"])\n')
        self.expect()

    def test_a_unit_without_a_test(self):
        os.unlink(os.path.join(self.root, "base/unit_test.cc"))
        self.expect(("test-beside-unit", "base/unit.cc"))

    def test_a_file_without_the_licence_line(self):
        self.write("base/unit_test.cc", "\n" + LICENCE)
        self.write("tools/README.md", "# tools\n")
        self.write("tools/x.sh", "#!/bin/sh\n" + HASH_LICENCE)
        self.write("tools/y.sh", "#!/bin/sh\necho\n")
        self.expect(("licence", "base/unit_test.cc"), ("licence", "tools/y.sh"))

    def test_banned_words(self):
        for number, text in enumerate(["std::this_thread::sleep_for(x);", "absl::Mutex m;",
                                       "std::mutex m;", "std::shared_mutex m;", "usleep(3);",
                                       "#pragma once",
                                       '#include "absl/synchronization/mutex.h"'], 1):
            self.append("base/unit_test.cc", text + "\n")
            self.expect(*[("banned-word", "base/unit_test.cc")] * number)

    def test_words_are_free_in_comments_and_strings_and_where_they_belong(self):
        self.append("base/unit.cc", '// Not std::mutex.\nconst char* a = "absl::Mutex";\n')
        self.write("base/mutex.h", header("base/mutex.h", "std::mutex m;\n"))
        self.write("base/BUILD.bazel", build(("unit",), ("mutex",)))
        self.expect()

    def test_unfinished_work(self):
        self.append("base/unit.cc", "// TO" "DO: more\n")
        self.append("base/README.md", "\nFIX" "ME\n")
        self.expect(("unfinished", "base/README.md"), ("unfinished", "base/unit.cc"))

    def test_a_wrong_header_guard(self):
        self.write("base/unit.h", header("base/other.h"))
        self.expect(("header-guard", "base/unit.h"))

    def test_a_file_in_no_target(self):
        self.write("base/lost.h", header("base/lost.h"))
        self.expect(("in-build", "base/lost.h"))

    def test_titles(self):
        self.append("base/README.md", "\n```\n# not a title\n```\n")
        self.expect()
        self.append("base/README.md", "# second\n")
        self.write("docs/README.md", "# docs\n")
        self.write("docs/none.md", "## only a second level\n")
        self.expect(("one-title", "base/README.md"), ("one-title", "docs/none.md"))

    def test_links(self):
        self.append("base/README.md", "[a](unit.h) [b](../drivers/) [c](https://example.org/) "
                                      "[d](#base)\n")
        self.expect()
        self.append("base/README.md", "[e](gone.md#x)\n")
        self.expect(("link", "base/README.md"))

    def test_an_exception_needs_a_reason_and_a_use(self):
        os.unlink(os.path.join(self.root, "base/unit_test.cc"))
        for folder in ("testing", "testing/tree"):
            self.write(f"{folder}/README.md", f"# {folder}\n")
        self.write(habits.EXCEPTIONS, "# why\ntest-beside-unit | base/*.cc | shown by base/b\n")
        self.expect()
        self.append(habits.EXCEPTIONS, "readme | base | once it had none\n")
        self.expect(("exceptions", habits.EXCEPTIONS))
        self.write(habits.EXCEPTIONS, "test-beside-unit | base/unit.cc\n")
        self.expect(("test-beside-unit", "base/unit.cc"), ("exceptions", habits.EXCEPTIONS))

    def test_what_bazel_and_git_made_is_not_the_tree(self):
        self.write("bazel-out/base/x.cc", "no licence\n")
        self.write(".git/x.cc", "no licence\n")
        self.expect()


if __name__ == "__main__":
    unittest.main()
