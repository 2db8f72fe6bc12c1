# SPDX-License-Identifier: Apache-2.0
"""Tests what is read out of C++ text."""

import unittest

from testing.tree import cpp_text


def body(lines, indent="  "):
    return f"{indent}x();\n" * lines


class CppTextTest(unittest.TestCase):

    def test_comments_and_strings_go_and_lines_stay(self):
        text = 'a(); // one\n/* two\n three */ b("four \\" // five");\nint x = 1\'000; c(\'"\');\n'
        code = cpp_text.without_comments(text)
        self.assertEqual(code.count("\n"), text.count("\n"))
        for word in ("one", "two", "three", "four", "five"):
            self.assertNotIn(word, code)
        for word in ("a();", "b(", "1'000", "c("):
            self.assertIn(word, code)

    def test_raw_strings(self):
        code = cpp_text.without_comments('f(R"j({"// a": "b"})j"); g();\n')
        self.assertNotIn("a", code.replace("R", ""))
        self.assertIn("g();", code)

    def test_includes(self):
        text = '#include <x.h>\n// #include "no.h"\n#include "a/b.h"  // why\n#  include "c/d.h"\n'
        self.assertEqual(cpp_text.includes(text), [(3, "a/b.h"), (4, "c/d.h")])

    def test_a_body_is_what_a_function_does(self):
        for text in ("int F() { return 1; }", "int F()\n{\n  return 1;\n}",
                     "struct S { int f() const { return a; } };",
                     "struct S { explicit S(int a) : a_(a) { Check(); } };",
                     "auto F() -> int { return 1; }", "void F() noexcept { G(); }",
                     "constexpr int F(int a) { return a + 1; }",
                     "void F() override {\n  // why\n  G();\n}"):
            self.assertTrue(cpp_text.has_bodies(text), text)

    def test_what_has_no_body(self):
        for text in ("int F();", "virtual int F() const = 0;", "virtual ~C() = default;",
                     "struct S { explicit S(int a) : a_(a) {} };", "void F() override {}",
                     "void F() override {\n  // nothing to do\n}", "~C() {\n}",
                     "inline constexpr int kRows[] = {1, 2};", "enum class E : int { kA };",
                     "// like F() { return 1; }", "static_assert(sizeof(S) == 4);\nstruct T { int a; };"):
            self.assertFalse(cpp_text.has_bodies(text), text)

    def test_functions_are_measured_from_signature_to_brace(self):
        text = ("namespace n {\n\n" "int F(int a,\n      int b) {\n" + body(3) + "}\n\n"
                "class C {\n public:\n  void G() const {\n" + body(2, "    ") + "  }\n};\n"
                "TEST(A, B) {\n" + body(1) + "}\n}\n")
        self.assertEqual([(line, lines) for line, lines, _ in cpp_text.functions(text)],
                         [(3, 6), (12, 4), (17, 3)])

    def test_what_is_no_function(self):
        for text in ("struct S {\n" + body(9) + "};\n",
                     "constexpr Row kRows[] = {\n" + body(9) + "};\n",
                     "enum class E : int {\n" + body(9) + "};\n",
                     "constexpr auto kTable = Make({\n" + body(9) + "});\n"):
            self.assertEqual(cpp_text.functions(text), [], text)

    def test_a_nested_block_does_not_end_it(self):
        text = "void F() {\n  if (x) {\n" + body(5, "    ") + "  }\n  for (;;) {\n  }\n}\n"
        self.assertEqual([lines for _, lines, _ in cpp_text.functions(text)], [11])

    def test_a_constructor_with_initialisers(self):
        text = "C::C(int a)\n    : a_(a),\n      b_{1} {\n" + body(3) + "}\n"
        self.assertEqual([(line, lines) for line, lines, _ in cpp_text.functions(text)], [(1, 7)])

    def test_comments_in_and_above_a_signature(self):
        text = ("}\n// About C.\n// More.\nC::C(int a)\n    : a_(a),\n      // Why b.\n"
                "      b_(1) {\n" + body(3) + "}\n\nvoid F() {\n" + body(1) + "}\n")
        self.assertEqual([(line, lines) for line, lines, _ in cpp_text.functions(text)],
                         [(4, 8), (13, 3)])


if __name__ == "__main__":
    unittest.main()
