# SPDX-License-Identifier: Apache-2.0
"""platter_fuzz_test: one source, a regression test in every build and a fuzzer in one."""

load("@rules_cc//cc:defs.bzl", "cc_test")

def platter_fuzz_test(name, srcs, deps = [], corpus = None, runs = 2000, tags = [], **kwargs):
    """A test around `extern "C" int LLVMFuzzerTestOneInput(const uint8_t*, size_t)`.

    In every normal build (g++, asan, tsan) it runs the entry point over each file of the corpus and
    then over `runs` pseudo-random inputs, half of them mutations of the corpus; same seed, same
    inputs. Under --config=fuzz it is a libFuzzer program that fuzzes for 5 seconds as a test, or as
    long as told:

        ./bazelw run --config=fuzz //some:thing_fuzz -- -max_total_time=600

    Args:
      name: ends in _fuzz by convention.
      srcs: the file with the entry point.
      deps: what it calls.
      corpus: a folder below this package whose files are inputs to begin with.
      runs: how many pseudo-random inputs the normal build tries.
      tags: added to "fuzz".
      **kwargs: of cc_test.
    """
    env = {"PLATTER_FUZZ_RUNS": str(runs)}
    data = []
    if corpus:
        env["PLATTER_FUZZ_CORPUS"] = native.package_name() + "/" + corpus
        data = native.glob([corpus + "/**"])
    cc_test(
        name = name,
        srcs = srcs,
        args = select({
            "//testing/fuzz:libfuzzer": ["-max_total_time=5", "-timeout=10", "-rss_limit_mb=4096"],
            "//conditions:default": [],
        }),
        data = data,
        env = env,
        linkopts = select({
            "//testing/fuzz:libfuzzer": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = ["fuzz"] + tags,
        deps = deps + select({
            "//testing/fuzz:libfuzzer": ["//testing/fuzz:libfuzzer_init"],
            "//conditions:default": ["//testing/fuzz:replay"],
        }),
        **kwargs
    )
