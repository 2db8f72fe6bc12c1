# SPDX-License-Identifier: Apache-2.0
"""The targets whose dependencies layers_test looks at, by room.

Those that no other library of the room depends on are enough; complete_test says which ones when one
is missing here.
"""

TARGETS = {
    "aio": [
        "//aio:await_io",
        "//aio:create",
        "//aio:unix_listener",
        "//aio/simulated:world",
    ],
    "base": [
        "//base:arith",
        "//base:bytes",
        "//base:check",
        "//base:id",
        "//base:intrusive_fifo",
        "//base:log",
        "//base:mpsc_stack",
        "//base:mutex",
        "//base:owned_descriptor",
        "//base:quote",
        "//base:status",
    ],
    "blockbackend": [
        "//blockbackend:block_backend",
        "//blockbackend:block_stats",
        "//blockbackend:device_view",
        "//blockbackend:error_action",
        "//blockbackend:events",
        "//blockbackend:forwarding_view",
        "//blockbackend:run_state",
    ],
    "capi": [
        "//capi",
    ],
    "config": [
        "//config:json_writer",
        "//config:parse_export",
    ],
    "daemon": [
        "//daemon:daemonize",
        "//daemon:pid_file",
        "//daemon:storage_daemon",
        "//daemon/sandbox",
    ],
    # What the devices' query is compared with: what the interface itself reaches.
    "device_view": [
        "//blockbackend:device_view",
    ],
    "devices": [
        "//devices/ide:ata_disk",
        "//devices/ide:atapi_cd",
        "//devices/pci:pci_bus",
        "//devices/pci:virtio_pci_transport",
        "//devices/scsi:scsi_cd",
        "//devices/scsi:scsi_disk",
        "//devices/tray",
        "//devices/virtio:direct_transport",
        "//devices/virtio:mmio_transport",
        "//devices/virtio:virtio_blk",
        "//devices/virtio/zoned:zone_store",
        "//devices/virtio_scsi",
    ],
    # Of drivers/, what may not reach config/: everything but the factory.
    "driver_nodes": [
        "//drivers:activation",
        "//drivers:graph",
        "//drivers/blkdebug:blkdebug_node",
        "//drivers/empty:empty_node",
        "//drivers/file:file_node",
        "//drivers/file:kept_locks",
        "//drivers/memory:memory_node",
        "//drivers/null:null_node",
        "//drivers/raw:raw_node",
    ],
    "drivers": [
        "//drivers:activation",
        "//drivers/empty:empty_node",
        "//drivers/factory:open_node",
        "//drivers/factory:reopen_nodes",
        "//drivers/file:kept_locks",
    ],
    "exports": [
        "//exports/vhost_user:blk_export",
        "//exports/vhost_user:scsi_export",
    ],
    "machine": [
        "//machine",
        "//machine:medium_options",
        "//machine:node_info",
    ],
    "monitor": [
        "//monitor:qmp_server",
    ],
    # The example of a device of one's own, and its registers alone.
    "own_device": [
        "//examples/own_device:toy_drive",
    ],
    "own_device_registers": [
        "//examples/own_device:toy_register_file",
    ],
}
