# SPDX-License-Identifier: Apache-2.0
"""platter_package: one archive of all that the public headers need, and a list of what to install."""

def _ours(label):
    return label.workspace_name == ""

def _archives(cc_info):
    """The archives of this tree's libraries, in link order, and the flags for the system's."""
    archives, flags = [], []
    for linker_input in cc_info.linking_context.linker_inputs.to_list():
        flags += linker_input.user_link_flags
        if _ours(linker_input.owner):
            for library in linker_input.libraries:
                archives.append(library.pic_static_library or library.static_library)
    return archives, flags

def _installed_name(header, renamed):
    return renamed.get(header.short_path, header.short_path)

def _platter_package_impl(ctx):
    cc_info = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])
    archives, flags = _archives(cc_info)

    # An archiver's script: members keep their bytes, and names that several have.
    script = ctx.actions.declare_file(ctx.label.name + ".mri")
    archive = ctx.actions.declare_file("libplatter.a")
    ctx.actions.write(script, "\n".join(
        ["CREATE " + archive.path] +
        ["ADDLIB " + each.path for each in archives] +
        ["SAVE", "END", ""],
    ))
    ctx.actions.run_shell(
        command = 'ar -M < "$1"',
        arguments = [script.path],
        inputs = archives + [script],
        outputs = [archive],
        mnemonic = "PlatterArchive",
        use_default_shell_env = True,
    )

    headers = [
        header
        for header in cc_info.compilation_context.headers.to_list()
        if header.owner != None and _ours(header.owner) and
           not header.short_path.startswith(tuple(ctx.attr.private))
    ]
    renamed = {file.short_path: file.basename for file in ctx.files.top}
    headers += [file for file in ctx.files.top if file not in headers]
    lines = ["archive " + archive.short_path, "shared " + ctx.file.shared.short_path]
    lines += ["header %s %s" % (_installed_name(header, renamed), header.short_path) for header in headers]
    lines += ["link " + flag for flag in depset(flags).to_list()]
    listing = ctx.actions.declare_file(ctx.label.name + ".txt")
    ctx.actions.write(listing, "\n".join(lines) + "\n")
    files = [listing, archive, ctx.file.shared] + headers
    return [DefaultInfo(files = depset(files), runfiles = ctx.runfiles(files = files))]

platter_package = rule(
    implementation = _platter_package_impl,
    doc = """Makes libplatter.a and NAME.txt, which install.py reads.

Its lines: "archive PATH", "shared PATH", "header PATH_BELOW_INCLUDE PATH", "link FLAG".
""",
    attrs = {
        "deps": attr.label_list(
            mandatory = True,
            providers = [CcInfo],
            doc = "The libraries whose headers are public, with all that they depend on.",
        ),
        "private": attr.string_list(doc = "Paths that headers which aren't installed begin with."),
        "shared": attr.label(mandatory = True, allow_single_file = True, doc = "libplatter.so."),
        "top": attr.label_list(
            allow_files = True,
            doc = "Headers that are installed without their folder.",
        ),
    },
)
