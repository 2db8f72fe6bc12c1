# SPDX-License-Identifier: Apache-2.0
"""The targets whose dependencies layers_test looks at, by room: those that other rooms may use."""

TARGETS = {
    "base": [
        "//base:arith",
        "//base:bytes",
        "//base:check",
        "//base:id",
        "//base:intrusive_fifo",
        "//base:log",
        "//base:mpsc_stack",
        "//base:mutex",
        "//base:status",
    ],
    "blockbackend": [
        "//blockbackend:block_stats",
        "//blockbackend:device_view",
        "//blockbackend:error_action",
        "//blockbackend:events",
        "//blockbackend:run_state",
    ],
    "config": [
        "//config:parse",
    ],
}
