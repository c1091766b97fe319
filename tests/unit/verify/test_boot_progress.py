"""How far a machine came is read from what the programs of a boot really print."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.model.sizes import MIB
from flakeship.model.text import EVIDENCE, clean
from flakeship.ssh import host_keys
from flakeship.verify import boot_progress
from flakeship.verify.boot_failures import FAILURES
from flakeship.verify.boot_progress import MARKS, OWNERS, find
from flakeship.verify.boot_stages import BEGINNINGS, EMPTY, NAMES, STAGES, UNKNOWN
from tests.unit.verify.consoles import (
    APPLIANCE,
    BOOTED,
    CLOUD_INIT,
    DHCPCD,
    EMERGENCY,
    GIVES_UP,
    GRUB,
    IPXE,
    KERNEL,
    KEYGEN,
    KILLED,
    LEASE,
    LINK_LOCAL,
    LOGIN,
    LUKS,
    NETWORK,
    NETWORKD_LEASE,
    NO_DISK,
    NO_KERNEL,
    NO_LEASE,
    NO_NETBOOT,
    NO_OPTION,
    OVMF,
    PANIC,
    RESCUE,
    SCRIPT,
    SEABIOS,
    SHELL,
    SSHD,
    SSHD_FAILED,
    STAGE_2,
    STUB,
    SWITCH,
    SYSTEMD_BOOT,
    SYSTEMD_INITRD,
    TIME,
    UDHCPC,
    UP,
    VFS,
    WAIT_ONLINE,
    WAITS,
    ZFS,
)
from tests.unit.verify.machines import ED25519, block


@pytest.mark.parametrize(
    ("text", "stage", "line"),
    [
        (SEABIOS, "firmware", "SeaBIOS (version 1.16.2-debian-1.16.2-1)"),
        (OVMF, "firmware", "BdsDxe: failed to load Boot0001"),
        (IPXE, "firmware", "iPXE initialising devices...ok"),
        (SEABIOS + GRUB, "boot loader", "GRUB loading..."),
        (OVMF + SYSTEMD_BOOT, "boot loader", "Reboot Into Firmware Interface"),
        (OVMF + SYSTEMD_BOOT + STUB, "kernel", "EFI stub: Loaded initrd from"),
        (SEABIOS + GRUB + KERNEL, "kernel", "[ 0.000000] Linux version 6.18.37"),
        (GRUB + KERNEL + SCRIPT, "initrd", "[ 0.912345] Run /init as init process"),
        (KERNEL + SYSTEMD_INITRD, "initrd", "[ 1.104560] systemd[1]: Running in initrd."),
        (BOOTED, "stage 2", "<<< NixOS Stage 2 >>>"),
        (KERNEL + SYSTEMD_INITRD + SWITCH, "stage 2", "[ 3.401001] systemd[1]: Switching root."),
        (BOOTED + NETWORK, "network", "[ OK ] Started Network Configuration."),
        (BOOTED + DHCPCD, "network", "dhcpcd[762]: ens3: soliciting a DHCP lease"),
        (BOOTED + DHCPCD + LEASE, "address", "ens3: leased 10.0.2.15 for 86400 seconds"),
        (BOOTED + NETWORK + NETWORKD_LEASE, "address", "ens3: DHCPv4 address 10.0.0.7/24"),
        (BOOTED + UDHCPC, "address", "udhcpc: lease of 10.0.2.15 obtained"),
        (BOOTED + KEYGEN, "host keys", "Starting SSH Host Keys Generation..."),
        (BOOTED + CLOUD_INIT, "host keys", "-----BEGIN SSH HOST KEY FINGERPRINTS-----"),
        (BOOTED + block(ED25519), "host keys", host_keys.BEGIN),
        (BOOTED + NETWORK + KEYGEN + SSHD, "sshd", "[ OK ] Started SSH Daemon."),
        (UP, "login prompt", "<<< Welcome to NixOS 26.11.20261101 (x86_64) - ttyS0 >>>"),
        (BOOTED + "Debian GNU/Linux 12 web ttyS0\n\nweb login: ", "login prompt", "web login:"),
        # what comes late does not hide what came before
        (UP + "\n[   61.1] systemd[1]: Reached target Network.\n", "login prompt", "Welcome to"),
    ],
)  # fmt: skip
def test_the_furthest_stage(text: str, stage: str, line: str) -> None:
    found = find(text)
    assert (found.stage, found.failure, found.starts, found.earlier) == (stage, "", 1, "")
    assert line in found.line
    meant = STAGES[NAMES.index(stage)]
    assert (found.means, found.remedy) == (meant.means, meant.remedy)
    assert all([found.means, found.remedy])


@pytest.mark.parametrize(
    ("text", "failure", "stage", "line"),
    [
        (SEABIOS + NO_DISK, "no boot device", "firmware", "Boot failed: not a bootable disk"),
        (NO_OPTION, "no boot device", "firmware", "BdsDxe: No bootable option"),
        (OVMF + SHELL, "no boot device", "firmware", "UEFI Interactive Shell v2.2"),
        (IPXE + NO_NETBOOT, "no boot device", "firmware", "No configuration methods succeeded"),
        (SEABIOS + RESCUE, "boot loader failed", "boot loader", "error: no such device: 5d0b1c2e"),
        (OVMF + SYSTEMD_BOOT + NO_KERNEL, "boot loader failed", "boot loader", "Error loading"),
        (GRUB + "\ngrub> ", "boot loader failed", "boot loader", "grub>"),
        (GRUB + KERNEL + SCRIPT + WAITS, "file system", "initrd", "/by-label/nowhere to appear"),
        (GRUB + KERNEL + SCRIPT + WAITS + GIVES_UP, "file system", "initrd", "waiting for device"),
        (KERNEL + SYSTEMD_INITRD + TIME, "file system", "initrd", "/dev/disk/by-label/nowhere"),
        (KERNEL + SYSTEMD_INITRD + TIME + EMERGENCY, "file system", "initrd", "by-label/nowhere"),
        (KERNEL + VFS, "file system", "kernel", "Unable to mount root fs on unknown-block(0,0)"),
        (KERNEL + SCRIPT + WAITS + PANIC, "file system", "initrd", "/dev/disk/by-label/nowhere"),
        (APPLIANCE, "file system", UNKNOWN.name, "no root LABEL=nixos"),
        (BOOTED + TIME.replace("sysroot", "data"), "file system", "stage 2", "by-label/nowhere"),
        (GRUB + KERNEL + SCRIPT + GIVES_UP, "emergency mode", "initrd", "An error occurred in"),
        (BOOTED + EMERGENCY, "emergency mode", "stage 2", "[ OK ] Started Emergency Shell."),
        (BOOTED + "You are in rescue mode.", "emergency mode", "stage 2", "in rescue mode"),
        (BOOTED + PANIC, "kernel panic", "stage 2", "Attempted to kill init!"),
        (KERNEL + SCRIPT + LUKS, "passphrase", "initrd", "for disk root (nixos)"),
        (KERNEL + SCRIPT + ZFS, "passphrase", "initrd", "Enter passphrase for 'rpool/nixos':"),
        (UP + KILLED, "out of memory", "login prompt", "Killed process 812 (sshd)"),
        (BOOTED + NETWORK + WAIT_ONLINE, "no lease", "network", "Timeout occurred while"),
        (BOOTED + NETWORK + WAIT_ONLINE + LOGIN, "no lease", "network", "Timeout occurred"),
        (BOOTED + NO_LEASE + block(ED25519), "no lease", "network", "udhcpc: no lease"),
        (BOOTED + DHCPCD + LINK_LOCAL, "no lease", "network", "169.254.69.177"),
        (BOOTED + KEYGEN + SSHD_FAILED + LOGIN, "sshd failed", "host keys", "[FAILED]"),
    ],
)  # fmt: skip
def test_a_failure_outranks_the_stage(text: str, failure: str, stage: str, line: str) -> None:
    found = find(text)
    assert (found.failure, found.stage) == (failure, stage)
    assert line in found.line
    assert (found.means, found.remedy) in [(each.means, each.remedy) for each in FAILURES]


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        (SEABIOS + "Boot failed: not a bootable disk\n\nBooting from DVD/CD...\n", "firmware"),
        (SEABIOS + NO_NETBOOT + "Booting from Hard Disk...\n", "firmware"),
        (SEABIOS + NO_DISK + GRUB, "boot loader"),
        (GRUB + "\nerror: no such device: x.\n" + KERNEL, "kernel"),
        (KERNEL + SCRIPT + WAITS + STAGE_2, "stage 2"),
        (KERNEL + SCRIPT + LUKS + STAGE_2 + NETWORK, "network"),
        (BOOTED + DHCPCD + LINK_LOCAL + LEASE, "address"),
        (BOOTED + NETWORK + SSHD_FAILED + SSHD, "sshd"),
        # words of others, at another time
        (UP + "\nerror: no such file or directory\nEnter passphrase for key 'x': ", "login prompt"),
        (BOOTED + "[ TIME ] Timed out waiting for device /dev/ttyS0.\n", "stage 2"),
        (UP + "[  99.1] Memory cgroup out of memory: Killed process 9 (web)\n", "login prompt"),
    ],
)
def test_what_was_overcome_is_no_failure(text: str, stage: str) -> None:
    found = find(text)
    assert (found.failure, found.stage) == ("", stage)


def test_an_empty_console_has_more_than_one_reason() -> None:
    for text in ("", " \n\n\t"):
        found = find(text)
        assert (found.stage, found.means, found.line) == (EMPTY.name, EMPTY.means, "")
    assert "`console=ttyS0`" in EMPTY.remedy
    assert "firmware" in EMPTY.remedy


def test_text_of_no_boot() -> None:
    found = find("much later")
    assert (found.stage, found.remedy, found.line) == (UNKNOWN.name, "", "")


def test_of_several_starts_the_last_counts() -> None:
    found = find(UP + "\n[  300.1] reboot: Restarting system\n" + SEABIOS + GRUB)
    assert (found.stage, found.failure, found.starts) == ("boot loader", "", 2)
    assert found.earlier == "login prompt"
    assert any("2 times" in line and "login prompt" in line for line in found.lines())


def test_a_machine_that_starts_again_keeps_its_reason() -> None:
    """It is in its firmware when it is looked at, and ends as before."""
    again = SEABIOS + GRUB + KERNEL + SCRIPT + WAITS + PANIC
    for last in (SEABIOS, SEABIOS + GRUB + KERNEL + SCRIPT):
        found = find(again + again + last)
        assert (found.failure, found.stage, found.starts) == ("file system", "initrd", 3)
    assert find(again + UP).failure == ""


def test_what_ended_no_start_does_not_outlive_it() -> None:
    found = find(UP + KILLED + SEABIOS + GRUB + KERNEL)
    assert (found.failure, found.stage, found.starts) == ("", "kernel", 2)


def test_a_console_as_a_terminal_gets_it() -> None:
    text = clean(
        "\x1b[2J\x1b[01;01H" + SEABIOS.replace("\n", "\r\n") + "\x1b[1;32m<<< NixOS Stage 2 >>>"
        "\x1b[0m\r\n[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mSSH Daemon\x1b[0m.\r\n"
    )
    assert find(text).stage == "sshd"


HOSTILE = [
    "x" * MIB,
    "\n" * MIB,
    "R" * MIB,
    "\n[    0" * (MIB // 7),
    "Reached target Networ" * (MIB // 21),
    "Timed out waiting for device /dev/" * (MIB // 34),
    "BdsDxe: starting Boo" * (MIB // 20),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_a_mebibyte_of_almost_nothing(text: str) -> None:
    found = find(text)
    assert (found.failure, found.stage) in {("", EMPTY.name), ("", UNKNOWN.name)}
    assert find(text + "\n" + UP).stage == "login prompt"


def test_a_mebibyte_of_marks() -> None:
    marks = "".join(OWNERS)
    found = find(marks * (MIB // len(marks)))
    assert found.failure in {failure.name for failure in FAILURES}
    assert len(found.line) <= EVIDENCE
    assert max(map(len, found.lines())) < 2 * EVIDENCE
    loop = "<<< NixOS Stage 1 >>> login: "
    assert find(loop * 30_000).starts == 30_000


def test_each_mark_belongs_to_one_stage() -> None:
    assert len(OWNERS) == sum(len(owner.marks) for owner in (*STAGES, *FAILURES))
    for mark, owner in OWNERS.items():
        hit = MARKS.search(mark)
        assert hit, mark
        assert OWNERS[hit.group()] is owner
    assert set(BEGINNINGS) <= {mark for stage in STAGES for mark in stage.marks}
    for failure in FAILURES:
        assert set(failure.over) <= set(NAMES)
        assert failure.within in {"", *NAMES}


def test_the_guide_has_every_stage_and_failure() -> None:
    guide = (Path(boot_progress.__file__).parents[2] / "docs/how-to/debug.md").read_text()
    for each in (EMPTY, UNKNOWN, *STAGES, *FAILURES):
        assert f"| {each.name} |" in guide
