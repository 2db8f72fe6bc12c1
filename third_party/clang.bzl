# SPDX-License-Identifier: Apache-2.0
"""A second C++ toolchain, clang-19, beside the default one (g++).

It is a repository of its own rather than CC=clang-19 for the default one, so that changing between
the normal build and a sanitizer's throws neither away.
"""

load("@bazel_tools//tools/cpp:unix_cc_configure.bzl", "configure_unix_toolchain")

_PROGRAM = "clang-19"

def _clang_toolchain_impl(ctx):
    compiler = ctx.which(_PROGRAM)
    if compiler == None:
        fail("%s is not installed; run Bazel as ./bazelw, or: apt-get install %s" %
             (_PROGRAM, _PROGRAM))
    configure_unix_toolchain(ctx, "k8", {"gcc": str(compiler)})

clang_toolchain = repository_rule(
    implementation = _clang_toolchain_impl,
    doc = "What --crosstool_top takes in the configurations asan, tsan and fuzz.",
    configure = True,
    environ = ["PATH"],
)
