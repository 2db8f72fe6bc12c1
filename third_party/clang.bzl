# SPDX-License-Identifier: Apache-2.0
"""A second C++ toolchain, clang-19, beside the default one (g++).

It is a repository of its own rather than CC=clang-19 for the default one, so that changing between
the normal build and a sanitizer's throws neither away.
"""

load("@bazel_tools//tools/cpp:unix_cc_configure.bzl", "configure_unix_toolchain")

_PROGRAM = "clang-19"

# A precompiled header is good for one language and instrumentation only: these are the flags of
# .bazelrc that decide. Where they differ, clang says so at every file.
_PRECOMPILED = {
    "asan-O0": ["-fsanitize=address,undefined"],
    "asan-O1": ["-fsanitize=address,undefined,fuzzer-no-link"],
    "tsan-O0": ["-fsanitize=thread"],
    "tsan-O1": ["-fsanitize=thread"],
}
_PRECOMPILED_FLAGS = [
    "-std=c++20",
    "-g1",
    "-fPIC",
    "-DNDEBUG",
    "-DGTEST_HAS_PTHREAD=1",  # As pkg-config has it.
    "-fclang-abi-compat=17",
    "-fstack-protector",
    "-fno-sanitize-recover=all",
    "-Wno-everything",
]

def _precompile(ctx, compiler):
    # Where the toolchain's own files are: they are inputs of every compilation.
    folder = "extra_tools"
    header = folder + "/precompiled.h"
    ctx.template(header, Label("//third_party:precompiled.h"), executable = False)
    for name, flags in _PRECOMPILED.items():
        level = "-" + name.split("-")[1]
        output = "%s/%s.pch" % (folder, name)
        result = ctx.execute([compiler, "-x", "c++-header", level] + _PRECOMPILED_FLAGS + flags +
                             [header, "-o", output])
        if result.return_code != 0:
            fail("third_party/precompiled.h: %s" % result.stderr)

def _allow_precompiled(ctx):
    """Tells Bazel that headers in the precompiled header's folder are the toolchain's own."""
    before = "cxx_builtin_include_directories = ["
    build = ctx.read("BUILD")
    if before not in build:
        fail("Bazel's toolchain has no " + before)
    ctx.file("BUILD", build.replace(before, '%s"%s",' % (before, ctx.path("extra_tools"))), False)

def _clang_toolchain_impl(ctx):
    compiler = ctx.which(_PROGRAM)
    if compiler == None:
        fail("%s is not installed; run Bazel as ./bazelw, or: apt-get install %s" %
             (_PROGRAM, _PROGRAM))
    _precompile(ctx, compiler)
    configure_unix_toolchain(ctx, "k8", {"gcc": str(compiler)})
    _allow_precompiled(ctx)

clang_toolchain = repository_rule(
    implementation = _clang_toolchain_impl,
    doc = "What --crosstool_top takes in the configurations asan, tsan and fuzz.",
    configure = True,
    environ = ["PATH"],
)
