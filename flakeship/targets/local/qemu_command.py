"""QEMU's command line, whose working directory is the machine's, and disks by qemu-img."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flakeship.system.files import refuse_links
from flakeship.system.process import run
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.local import console
from flakeship.targets.local.accelerator import Accelerator
from flakeship.targets.local.resources import MachineRequest

ROOT = "root.qcow2"
SOCKET = "qmp.sock"
PID = "pid"

SECONDS = 60  # for QEMU to become a daemon, and qemu-img to end


def command(
    request: MachineRequest,
    accelerator: Accelerator,
    ports: Mapping[int, int],
    disks: Mapping[str, Path],
    serial: int,
) -> list[str]:
    """QEMU's argv; `ports` maps guest ports to host ports, `disks` names to absolute files.

    `serial` is the descriptor that the console is written to.
    """
    # Paths in the machine's directory are relative: a socket's path may have 108 bytes at most.
    forwards = "".join(f",hostfwd={forward_rule(host, guest)}" for guest, host in ports.items())
    argv = [
        "qemu-system-x86_64",
        *("-name", request.id),
        # i440fx: the BIOS machine type whose slots all support hotplug.
        *("-machine", "pc"),
        *("-accel", "kvm" if accelerator == "kvm" else "tcg,thread=multi"),
        # One vCPU emulated by QEMU 7.2: Linux 6.12 died at a cmpxchg16b in 3 of 10 boots, and in
        # none of 10 without that instruction.
        *("-cpu", "host" if accelerator == "kvm" else "max,-cx16"),
        *("-smp", str(request.vcpus)),
        *("-m", f"{request.memory}M"),
        "-nodefaults",
        "-no-user-config",
        *("-display", "none"),
        # -daemonize needs what its other two switches forbid.
        *("-sandbox", "on,obsolete=deny,resourcecontrol=deny"),
        *("-blockdev", _blockdev("root", Path(ROOT))),
        *("-device", "virtio-blk-pci,id=disk-root,drive=root,bootindex=0"),
        *("-netdev", f"user,id=net0,net={request.subnet}{forwards}"),
        *("-device", "virtio-net-pci,netdev=net0"),
        *("-device", "virtio-rng-pci"),
        # A guest whose kernel panicked ends instead of seeming to run.
        *("-device", "pvpanic"),
        *console.arguments(serial),
        *("-chardev", f"socket,id=qmp,path={SOCKET},server=on,wait=off"),
        *("-mon", "chardev=qmp,mode=control"),
    ]
    for name, file in disks.items():
        argv += ["-blockdev", _blockdev(f"data-{name}", file)]
        argv += ["-device", f"virtio-blk-pci,id=disk-{name},drive=data-{name},serial={name}"]
    return [*argv, "-pidfile", PID, "-daemonize"]


def forward_rule(host_port: int, guest_port: int) -> str:
    """A rule for `hostfwd=` and `hostfwd_add`: only the workstation itself reaches the port."""
    return f"tcp:{LOOPBACK}:{host_port}-:{guest_port}"


def _blockdev(node: str, file: Path) -> str:
    name = str(file).replace(",", ",,")
    return f"driver=qcow2,node-name={node},discard=unmap,file.driver=file,file.filename={name}"


def create_disk(file: Path, size: int, backing: tuple[Path, str] | None = None) -> None:
    """Create a disk of `size` MiB, on top of an image of a format or empty."""
    new = file.with_suffix(".new")  # a disk that exists is complete
    for each in (file, new):
        refuse_links(each)
    image: list[str | Path] = ["-b", backing[0], "-F", backing[1]] if backing else []
    _qemu_img("create", *image, new, f"{size}M")
    new.replace(file)


def resize_disk(file: Path, size: int) -> None:
    """Grow a disk that no machine has to `size` MiB."""
    _qemu_img("resize", file, f"{size}M")


def _qemu_img(verb: str, *words: str | Path) -> None:
    run(["qemu-img", verb, "-q", "-f", "qcow2", *words], timeout=SECONDS)
