# SPDX-License-Identifier: Apache-2.0
"""The external repositories of Platter: Bazel's own needs and the system's libraries.

All are declared here, before anything else of WORKSPACE, so that Bazel never falls back on the
downloads that it has built in.
"""

load("//third_party:absl.bzl", "ABSL_TARGETS")
load("//third_party:system_library.bzl", "system_library", "system_protobuf")
load("//third_party:clang.bzl", "clang_toolchain")

def _bazel_repositories():
    """What Bazel 4.2.3 itself loads: Debian's copies, and stand-ins for two that don't fit."""
    native.local_repository(name = "platforms", path = "/usr/share/bazel/tools/platforms")
    native.local_repository(name = "bazel_skylib", path = "/usr/share/bazel/tools/skylib")
    native.local_repository(name = "rules_java", path = "/usr/share/bazel/rules/java")
    native.local_repository(name = "rules_proto", path = "/usr/share/bazel/rules/proto")
    native.local_repository(name = "rules_cc", path = "third_party/rules_cc")
    native.local_repository(
        name = "remote_coverage_tools",
        path = "third_party/remote_coverage_tools",
    )

def _system_libraries():
    system_library(
        name = "com_google_absl",
        debian_package = "libabsl-dev",
        targets = ABSL_TARGETS,
    )
    system_library(
        name = "com_google_googletest",
        debian_package = "libgmock-dev",
        targets = {
            # As upstream's build has it, :gtest brings gmock along.
            "gtest": ["gmock"],
            "gtest_main": ["gmock_main"],
        },
    )
    system_library(
        name = "com_google_benchmark",
        debian_package = "libbenchmark-dev",
        targets = {
            "benchmark": ["benchmark"],
            "benchmark_main": ["-lbenchmark_main", "benchmark"],
        },
    )
    system_library(
        name = "liburing",
        debian_package = "liburing-dev",
        targets = {"liburing": ["liburing"]},
    )
    system_library(
        name = "libseccomp",
        debian_package = "libseccomp-dev",
        targets = {"libseccomp": ["libseccomp"]},
    )
    system_library(
        name = "nlohmann_json",
        debian_package = "nlohmann-json3-dev",
        targets = {"json": ["nlohmann_json"]},
    )
    system_library(
        name = "zlib",
        debian_package = "zlib1g-dev",
        targets = {"zlib": ["zlib"]},
    )
    system_library(
        name = "zstd",
        debian_package = "libzstd-dev",
        targets = {"zstd": ["libzstd"]},
    )
    system_protobuf(name = "com_google_protobuf")

def platter_repositories():
    _bazel_repositories()
    _system_libraries()
    clang_toolchain(name = "clang_toolchain")
