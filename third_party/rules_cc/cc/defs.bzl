# SPDX-License-Identifier: Apache-2.0
"""Stand-in for rules_cc: the rules that Bazel 4.2.3 has built in, under the names of rules_cc.

Debian's own rules_cc is made for a later Bazel (it loads use_cpp_toolchain, which 4.2.3 lacks).
"""

cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_proto_library = native.cc_proto_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
fdo_prefetch_hints = native.fdo_prefetch_hints
fdo_profile = native.fdo_profile
objc_import = native.objc_import
objc_library = native.objc_library

def _cc_flags_supplier_impl(_ctx):
    return [platform_common.TemplateVariableInfo({"CC_FLAGS": ""})]

cc_flags_supplier = rule(implementation = _cc_flags_supplier_impl)
