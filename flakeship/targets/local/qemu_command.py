"""QEMU's command line, whose working directory is the machine's, and disks by qemu-img."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flakeship.system.files import refuse_links
from flakeship.system.process import run
from flakeship.targets.local import console
from flakeship.targets.local.accelerator import Accelerator
from flakeship.targets.local.checkout import ROOT, environment
from flakeship.targets.local.resources import MachineRequest

SOCKET = "qmp.sock"
PID = "pid"

SECONDS = 60  # for QEMU to become a daemon, and qemu-img to end


def command(
    request: MachineRequest,
    accelerator: Accelerator,
    network: Sequence[str],
    disks: Mapping[str, Path],
    serial: int,
) -> list[str]:
    """QEMU's argv; `network` is that of its network, `disks` maps names to absolute files.

    `serial` is the descriptor that the console is written to.
    """
    # Paths in the machine's directory are relative: a socket's path may have 108 bytes at most.
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
        *("-blockdev", json.dumps(blockdev("root", Path(ROOT), backing=_image(request)))),
        *("-device", "virtio-blk-pci,id=disk-root,drive=root,bootindex=0"),
        *network,
        *("-device", "virtio-rng-pci"),
        # A guest whose kernel panicked ends instead of seeming to run.
        *("-device", "pvpanic"),
        *console.arguments(serial),
        *("-chardev", f"socket,id=qmp,path={SOCKET},server=on,wait=off"),
        *("-mon", "chardev=qmp,mode=control"),
    ]
    for name, file in disks.items():
        argv += ["-blockdev", json.dumps(blockdev(f"data-{name}", file))]
        argv += ["-device", f"virtio-blk-pci,id=disk-{name},drive=data-{name},serial={name}"]
    return [*argv, "-pidfile", PID, "-daemonize"]


def _image(request: MachineRequest) -> dict[str, Any]:
    """The image below the root disk, opened in its declared format and with nothing below it."""
    image = _opened(Path(request.image).absolute()) | {"driver": request.format, "read-only": True}
    return image | ({"backing": None} if request.format == "qcow2" else {})


def _opened(file: Path) -> dict[str, Any]:
    return {"file": {"driver": "file", "filename": str(file)}}


def blockdev(node: str, file: Path, **options: object) -> dict[str, Any]:
    """The options of a qcow2 disk, for `-blockdev` and for `blockdev-add`."""
    base = {"driver": "qcow2", "node-name": node, "discard": "unmap"}
    return base | _opened(file) | options


def create_disk(file: Path, size: int, backing: tuple[Path, str] | None = None) -> None:
    """Create a disk of `size` MiB, on top of an image of a format or empty."""
    new = file.with_suffix(".new")  # a disk that exists is complete
    for each in (file, new):
        refuse_links(each)
    image: list[str | Path] = ["-b", backing[0], "-F", backing[1]] if backing else []
    qemu_img("create", *image, new, f"{size}M")
    new.replace(file)


def resize_disk(file: Path, size: int) -> None:
    """Grow a disk that no machine has to `size` MiB."""
    qemu_img("resize", file, f"{size}M")


def qemu_img(verb: str, *words: str | Path) -> None:
    """Run a command of qemu-img on a qcow2 file. Raises CommandError."""
    form = [] if verb == "snapshot" else ["-f", "qcow2"]  # it has no such option
    run(["qemu-img", verb, "-q", *form, *words], timeout=SECONDS, env=environment())
