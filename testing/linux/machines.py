# SPDX-License-Identifier: Apache-2.0
"""The machines that guests run on: User-mode Linux, and QEMU without KVM. As words of commands."""

QEMU = "/usr/bin/qemu-system-x86_64"
# virtio 1.3, 5: device types.
BLOCK = 2
SCSI = 8

# Of both kernels: what scripts say is neither limited nor stamped, and a panic ends the guest.
KERNEL_WORDS = ["loglevel=6", "printk.devkmsg=on", "printk.time=0", "panic=-1"]


def uml(kernel, initrd, devices, memory="96M"):
    """`devices`: pairs of a socket and a type."""
    return [kernel.image, f"mem={memory}", f"initrd={initrd}", "con0=fd:0,fd:1", "con=null",
            "uml_dir=.", *[f"virtio_uml.device={path}:{kind}" for path, kind in devices],
            *KERNEL_WORDS]


def shared_memory(memory):
    """What vhost-user needs of QEMU: memory that it can share."""
    return ["-m", memory, "-machine", "pc,memory-backend=m", "-object",
            f"memory-backend-memfd,id=m,size={memory},share=on"]


def socket_device(name, path, device, reconnect=False):
    """A vhost-user device on the socket at `path`."""
    again = ",reconnect=1" if reconnect else ""
    return ["-chardev", f"socket,id={name},path={path}{again}",
            "-device", f"{device},chardev={name}"]


def boot(kernel, initrd):
    """What starts a guest in QEMU whose console is QEMU's input and output."""
    # Without KVM the timer's interrupts may come too late for the kernel's test of them.
    words = " ".join(["console=ttyS0", "no_timer_check", *KERNEL_WORDS])
    return ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", kernel.image, "-initrd", initrd, "-append", words]


def qemu(kernel, initrd, devices, memory="256M", cpus=1):
    return [QEMU, "-smp", str(cpus), *shared_memory(memory), *boot(kernel, initrd), *devices]
