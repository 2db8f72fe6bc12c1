# SPDX-License-Identifier: Apache-2.0
"""Repository rules that make libraries of the system look like upstream's Bazel repositories.

`system_library` writes one cc_library per target with the flags pkg-config gives. Headers come from
the compiler's own search path, so Bazel doesn't see them change; each target therefore has one
generated header that holds the library's version, which makes whatever depends on it be built
again after an upgrade.
"""

_MISSING = """
Platter needs {what}, which the Debian package {package} has.
Run Bazel as ./bazelw, which installs what is missing, or: apt-get install {package}
pkg-config says: {error}"""

_LIBRARY = """
cc_library(
    name = {name},
    hdrs = {hdrs},
    defines = {defines},
    includes = {includes},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

def _pkg_config(ctx, package, module, flag):
    """The words that `pkg-config flag module` prints; stops with advice when there are none."""
    program = ctx.which("pkg-config")
    if program == None:
        fail(_MISSING.format(what = "pkg-config", package = "pkg-config", error = "(not installed)"))
    result = ctx.execute([program, flag, module])
    if result.return_code != 0:
        fail(_MISSING.format(
            what = "the library '%s'" % module,
            package = package,
            error = result.stderr,
        ))
    return [word for word in result.stdout.replace("\n", " ").split(" ") if word]

def _version(ctx, package):
    """The version of the package, or of the library where the system isn't Debian's."""
    dpkg = ctx.which("dpkg-query")
    if dpkg == None:
        return "unknown"
    return ctx.execute([dpkg, "--showformat", "${Version}", "--show", package]).stdout.strip()

def _flags(ctx, package, words):
    """Folds pkg-config modules and literal flags into what a cc_library takes."""
    defines, linkopts, include_dirs = [], [], []
    for word in words:
        if word.startswith("-"):
            linkopts.append(word)
            continue
        for flag in _pkg_config(ctx, package, word, "--cflags"):
            if flag == "-DNOMINMAX":  # Abseil says it everywhere; it means something on Windows.
                continue
            elif flag.startswith("-D"):
                defines.append(flag[2:])
            elif flag.startswith("-I") and flag != "-I/usr/include":
                include_dirs.append(flag[2:])
        linkopts.extend(_pkg_config(ctx, package, word, "--libs"))
    return struct(defines = defines, linkopts = linkopts, include_dirs = include_dirs)

def _system_library_impl(ctx):
    version = _version(ctx, ctx.attr.debian_package)
    builds = {}
    for label, words in ctx.attr.targets.items():
        package, _, name = label.rpartition(":")
        flags = _flags(ctx, ctx.attr.debian_package, words)
        includes = []
        for directory in flags.include_dirs:
            link = "include" + directory.replace("/", "_")
            ctx.symlink(directory, (package + "/" if package else "") + link)
            includes.append(link)
        if package not in builds:
            builds[package] = ["# Written by //third_party:system_library.bzl.\n"]
            ctx.file(
                (package + "/" if package else "") + "platter_system_version.h",
                "// %s %s\n" % (ctx.attr.debian_package, version),
                executable = False,
            )
        builds[package].append(_LIBRARY.format(
            name = repr(name),
            hdrs = repr(["platter_system_version.h"]),
            defines = repr(flags.defines),
            includes = repr(includes),
            linkopts = repr(flags.linkopts),
        ))
    if "" not in builds:
        ctx.file("BUILD.bazel", "", executable = False)
    for package, text in builds.items():
        path = package + "/BUILD.bazel" if package else "BUILD.bazel"
        ctx.file(path, "".join(text), executable = False)

system_library = repository_rule(
    implementation = _system_library_impl,
    doc = "Targets over an installed library, found with pkg-config.",
    local = True,  # Looked at again whenever the Bazel server starts.
    attrs = {
        "debian_package": attr.string(mandatory = True, doc = "Named in errors."),
        "targets": attr.string_list_dict(
            mandatory = True,
            doc = "'package:target' or 'target' -> pkg-config modules and literal -l flags.",
        ),
    },
)

_PROTOBUF_BUILD = """
# Written by //third_party:system_library.bzl.
package(default_visibility = ["//visibility:public"])

cc_library(
    name = "protobuf",
    hdrs = ["platter_system_version.h"],
    linkopts = {linkopts},
)

# protoc finds nothing to generate for these: their code is in the system's library.
[proto_library(
    name = name + "_proto",
    srcs = ["src/google/protobuf/%s.proto" % name],
    strip_import_prefix = "src",
) for name in {well_known}]

sh_binary(
    name = "protoc",
    srcs = ["protoc.sh"],
)

proto_lang_toolchain(
    name = "cc_toolchain",
    blacklisted_protos = [":%s_proto" % name for name in {well_known}],
    command_line = "--cpp_out=$(OUT)",
    runtime = ":protobuf",
)
"""

# Those that stand alone; what imports another would need deps here.
_WELL_KNOWN = ["any", "descriptor", "duration", "empty", "struct", "timestamp", "wrappers"]

def _system_protobuf_impl(ctx):
    package = "libprotobuf-dev"
    protoc = ctx.which("protoc")
    if protoc == None:
        fail(_MISSING.format(what = "protoc", package = "protobuf-compiler", error = "(none)"))
    flags = _flags(ctx, package, ["protobuf"])
    version = _version(ctx, package)
    ctx.file("protoc.sh", "#!/bin/sh\n# %s\nexec %s \"$@\"\n" % (version, protoc))
    ctx.file("platter_system_version.h", "// %s %s\n" % (package, version), executable = False)
    for name in _WELL_KNOWN:
        path = "google/protobuf/%s.proto" % name
        ctx.symlink("/usr/include/" + path, "src/" + path)
    ctx.file("BUILD.bazel", _PROTOBUF_BUILD.format(
        linkopts = repr(flags.linkopts),
        well_known = repr(_WELL_KNOWN),
    ), executable = False)

system_protobuf = repository_rule(
    implementation = _system_protobuf_impl,
    doc = "The system's protobuf with the labels that proto_library and cc_proto_library expect.",
    local = True,
)
