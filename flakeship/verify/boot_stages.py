"""The stages of a boot, and what firmware, boot loaders, the kernel and NixOS print in each.

A mark is plain text as the program prints it. The table for users is in docs/how-to/debug.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from flakeship.ssh import host_keys


@dataclass(frozen=True)
class Stage:
    """A part of the boot: what its programs print, and what it means that nothing came after it."""

    name: str
    marks: tuple[str, ...]
    means: str
    remedy: str  # as FlakeshipError has it


SERIAL = (
    "make `console=ttyS0` the last `console=` in boot.kernelParams, and have the boot loader use "
    "the serial port too"
)

EMPTY = Stage(
    "no output",
    (),
    "it is empty: the guest has not started, its image is for another firmware (BIOS or UEFI), or "
    "nothing in it writes to the serial port",
    f"compare the image's firmware with the server's; {SERIAL}",
)
UNKNOWN = Stage(
    "unrecognized output",
    (),
    "no line is of a firmware, a boot loader, a kernel or NixOS; the beginning may be gone",
    "",
)

STAGES = (
    Stage(
        "firmware",
        (
            *("SeaBIOS (version", "Booting from Hard Disk", "Booting from Floppy"),
            *("Booting from DVD/CD", "Booting from ROM", "UEFI firmware (version"),
            *("BdsDxe: loading Boot", "BdsDxe: starting Boot", "BdsDxe: failed to load Boot"),
            *("iPXE initialising", "iPXE (http", "-- Open Source Network Boot Firmware --"),
            *("Start PXE over IPv", "Start HTTP Boot over IPv"),
        ),
        "the firmware started, and no boot loader or kernel wrote anything after it",
        f"compare the image's firmware (BIOS or UEFI) with the server's; if they agree, {SERIAL}",
    ),
    Stage(
        "boot loader",
        (
            *("GRUB loading", "Welcome to GRUB!", "GNU GRUB  version", "Booting `"),
            *("Booting a command list", "Loading Linux ", "Reboot Into Firmware Interface"),
            *("Boot in 1 s.", "Boot in 2 s.", "Boot in 3 s.", "Boot in 4 s.", "Boot in 5 s."),
        ),
        "the boot loader started, and no kernel wrote anything after it",
        f"{SERIAL}; if it is, give the server more memory: kernel and initrd must fit",
    ),
    Stage(
        "kernel",
        (
            *("EFI stub: ", "Decompressing Linux", "early console in ", "Linux version "),
            *("Kernel command line: ", "\n[    0."),
        ),
        "the kernel started, and its initrd did not",
        "read its last lines: it lacks memory, a driver or its initrd",
    ),
    Stage(
        "initrd",
        (
            *("Run /init as init process", "<<< NixOS Stage 1 >>>", "stage-1-init: "),
            *("Running in initrd", "Running in initial RAM disk", "(Initrd)!"),
            *("Reached target Initrd", "starting device mapper and LVM"),
        ),
        "the initrd looks for the root file system, and has not handed over to the system",
        "read its last lines for what it waits for; the driver of the disk belongs into "
        "boot.initrd.availableKernelModules",
    ),
    Stage(
        "stage 2",
        (
            *("Switching root", "<<< NixOS Stage 2 >>>", "stage-2-init: "),
            *("booting system configuration", "running activation script", "starting systemd..."),
        ),
        "the root file system is mounted and the system starts; its network has not",
        "read its last lines for the unit that it waits for (`A start job is running for …`)",
    ),
    Stage(
        "network",
        (
            *("Reached target Network.", "Reached target Network is Online"),
            *("Started Network Configuration", "Started Network Management"),
            *("Starting Wait for Network", "Started DHCP Client", "soliciting a DHCP lease"),
            *("udhcpc: started", "udhcpc: sending discover", "udhcpc: broadcasting discover"),
            "ci-info: ",
        ),
        "the network service started; neither an address nor host keys or sshd are shown",
        "check that the server's network has DHCP and that its interface is configured",
    ),
    Stage(
        "address",
        (": leased ", "DHCPv4 address ", "udhcpc: lease of "),
        "the machine has an address; neither host keys nor sshd are shown",
        "check that services.openssh.enable is set and that the host keys are printed to "
        "/dev/console",
    ),
    Stage(
        "host keys",
        (
            *(host_keys.BEGIN, "-----BEGIN SSH HOST KEY FINGERPRINTS-----"),
            *("SSH Host Keys Generation", "Generating public/private "),
        ),
        "host keys are made or announced; sshd is not shown",
        "check that sshd listens on port 22, and what is between: the server's address, its "
        "firewall, the security group",
    ),
    Stage(
        "sshd",
        (
            *("Started SSH Daemon", "Started sshd.service", "Started OpenSSH"),
            *("Listening on SSH Socket", "Server listening on "),
        ),
        "sshd started",
        "check what is between: the server's address, its firewall, the security group, and that "
        "the host keys are printed to /dev/console",
    ),
    Stage(
        "login prompt",
        (" login: ", "<<< Welcome to NixOS", "Reached target Multi-User System"),
        "the system is up",
        "check that services.openssh.enable is set, what is between (address, firewall, security "
        "group), and that the host keys are printed to /dev/console",
    ),
)
NAMES = tuple(stage.name for stage in STAGES)

# what only the start of a machine prints: after a later stage it has started again
BEGINNINGS = (
    *("SeaBIOS (version", "UEFI firmware (version", "BdsDxe: loading Boot", "iPXE initialising"),
    *("GRUB loading", "Welcome to GRUB!", "EFI stub: ", "Decompressing Linux", "Linux version "),
    *("Run /init as init process", "<<< NixOS Stage 1 >>>", "Running in initrd"),
)
