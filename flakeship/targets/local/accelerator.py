"""KVM or emulation, decided by running a small guest: /dev/kvm may exist and not work."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from flakeship.model.errors import CommandError
from flakeship.system.files import read, write
from flakeship.system.process import Result, run
from flakeship.targets.local import probe_guest

Accelerator = Literal["kvm", "tcg"]
Run = Callable[..., Result]

PROBE_SECONDS = 4.0
"""How long the guest may run."""


def accelerator(
    run: Run = run, device: Path = Path("/dev/kvm"), cache: Path | None = None
) -> Accelerator:
    """The accelerator for the workstation's machines.

    The answer is kept until the workstation boots again, in `cache` (by default
    `~/.cache/flakeship/accelerator`).
    """
    if not os.access(device, os.R_OK | os.W_OK):
        return "tcg"
    cache = cache or _cache()
    boot = read(Path("/proc/sys/kernel/random/boot_id")).strip()
    for answer in ("kvm", "tcg"):
        if boot and read(cache) == f"{boot} {answer}\n":
            return answer
    found: Accelerator = "kvm" if works("kvm", run) else "tcg"
    write(cache, f"{boot} {found}\n")
    return found


def works(accelerator: Accelerator, run: Run = run) -> bool:
    """Whether a guest runs with an accelerator; takes PROBE_SECONDS at most.

    Raises CommandError where there is no QEMU.
    """
    with tempfile.NamedTemporaryFile(prefix="flakeship-probe-", suffix=".img") as image:
        image.write(probe_guest.BOOT_SECTOR)
        image.flush()
        try:
            result = run(_argv(accelerator, image.name), check=False, timeout=PROBE_SECONDS)
        except CommandError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise
            return False
    return result.code == probe_guest.EXIT_CODE


def _argv(accelerator: Accelerator, image: str) -> list[str]:
    return [
        "qemu-system-x86_64",
        *("-accel", accelerator),
        *("-machine", "pc"),
        *("-m", "16"),
        *("-display", "none"),
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        *("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"),
        *("-drive", f"file={image},format=raw,if=ide"),
    ]


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "flakeship", "accelerator")
