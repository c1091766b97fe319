"""KVM or emulation, decided by running a small guest: /dev/kvm may exist and not work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from flakeship.model.errors import CommandError
from flakeship.system import temporary
from flakeship.system.files import read, write
from flakeship.system.process import run
from flakeship.targets.local.checkout import environment

Accelerator = Literal["kvm", "tcg"]

DEVICE = Path("/dev/kvm")
PROBE_SECONDS = 4.0
BOOTED = 33  # QEMU's exit code after the guest wrote 0x10 to isa-debug-exit: (0x10 << 1) | 1

# The guest waits for one timer interrupt, enters long mode with paging and adds to memory 20
# million times: 0.1 s on a processor, 0.3 s emulated by QEMU, and a minute where the KVM of a
# nested hypervisor emulates each instruction of a guest's kernel. Linux seems to hang there, while
# a boot sector without the loop passes.
BOOT_SECTOR = bytes.fromhex(
    "fa 31c0 8ed8 8ec0 8ed0 bc007c"  # cli; ds = es = ss = 0; sp = 0x7c00
    "fb f4 fa"  # sti; hlt; cli
    "fc bf0010 b90018 f3ab"  # clear 0x1000-0x3fff for the page tables
    "c70600100320 c70600200330 c70600308300"  # PML4 -> PDPT -> PD -> one page of 2 MiB
    "66b800100000 0f22d8"  # cr3 = 0x1000
    "0f20e0 0c20 0f22e0"  # cr4 |= PAE
    "66b9800000c0 0f32 80cc01 0f30"  # EFER |= LME
    "660f0116877c"  # lgdt [0x7c87]
    "0f20c0 660d01000080 0f22c0"  # cr0 |= PG | PE
    "66ea627c00000800"  # jmp 8:0x7c62
    "b9002d3101"  # ecx = 20,000,000
    "010c2500500000 e2f7"  # add [0x5000], ecx; loop
    "b010 e6f4 f4 ebfd"  # out 0xf4, 0x10; hlt in a loop
    "0000000000000000 00000000009a2000"  # descriptors: null, 64-bit code
    "0f00 777c0000"  # 0x7c87: the table's limit and address
).ljust(510, b"\0") + bytes.fromhex("55aa")


def accelerator() -> Accelerator:
    """The accelerator for the workstation's machines, cached until the workstation boots again."""
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return "tcg"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(home, "flakeship", "accelerator")
    boot = read(Path("/proc/sys/kernel/random/boot_id")).strip()
    for answer in ("kvm", "tcg"):
        if boot and read(cache) == f"{boot} {answer}\n":
            return answer
    found: Accelerator = "kvm" if works("kvm") else "tcg"
    write(cache, f"{boot} {found}\n")
    return found


def works(accelerator: Accelerator) -> bool:
    """Whether a guest runs with an accelerator. Raises CommandError where there is no QEMU."""
    with temporary.directory() as directory:
        image = directory / "probe.img"
        image.write_bytes(BOOT_SECTOR)
        argv = [
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
        try:
            return run(argv, check=False, timeout=PROBE_SECONDS, env=environment()).code == BOOTED
        except CommandError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise
            return False
