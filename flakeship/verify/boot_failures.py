"""What firmware, boot loaders, the kernel and NixOS call a failure on a console.

Marks are as in boot_stages.
"""

from __future__ import annotations

from dataclasses import dataclass

from flakeship.verify.boot_stages import NAMES, Stage


@dataclass(frozen=True)
class Failure(Stage):
    """What a program on the console calls a failure. It outranks every stage."""

    over: tuple[str, ...] = ()  # the stages that are reached only where it was overcome
    within: str = ""  # the last stage in which its marks mean this; empty: any
    ends: bool = True  # the machine may start again because of it


SERVING = ("sshd", "login prompt")
# not those of a terminal, which are waited for in the same words
DISKS = ("disk/", "mapper/", "md", "mmcblk", "nvme", "root", "gpt-auto-root", "sd", "vd", "xvd")

# a cause is before what it leads to
FAILURES = (
    Failure(
        "out of memory",
        (
            *("Out of memory: Kill", "Out of memory and no killable processes"),
            *("System is deadlocked on memory", "Initramfs unpacking failed: write error"),
        ),
        "the kernel ran out of memory, and ended a program or itself",
        "give the server more memory",
        ends=False,
    ),
    Failure(
        "passphrase",
        ("Enter passphrase for", "Passphrase for ", "Please enter passphrase"),
        "the boot waits for somebody to type a passphrase",
        "have the key where the machine finds it at boot, or do not encrypt what it boots from",
        over=("stage 2", *SERVING),
        within="initrd",
        ends=False,
    ),
    Failure(
        "file system",
        (
            *(f"waiting for device /dev/{disk}" for disk in DISKS),
            *(f"job is running for /dev/{disk}" for disk in DISKS),
            "waiting for device dev-disk",
            *("Dependency failed for /sysroot", "Failed to mount /sysroot", "mount: /mnt-root"),
            *("on /mnt-root/ failed", "stage 2 init script (", "Unable to mount root fs on"),
            *("has unrepaired errors", "UNEXPECTED INCONSISTENCY"),
            *("Failed to start File System Check", "\nno root ", "\ncannot mount "),
        ),
        "a file system that the boot needs is not there, or cannot be mounted",
        "compare `fileSystems` with the labels and partitions of the image; the driver of the disk "
        "belongs into boot.initrd.availableKernelModules",
        over=("stage 2", *SERVING),
    ),
    Failure(
        "emergency mode",
        (
            *("You are in emergency mode", "Welcome to emergency mode", "You are in rescue mode"),
            *("Started Emergency Shell", "Reached target Emergency Mode"),
            *("Reached target Rescue Mode", "the root account is locked"),
            *("Press Enter for maintenance", "Give root password for maintenance"),
            "An error occurred in stage 1 of the boot process",
        ),
        "systemd or the initrd gave up and waits for somebody at the console",
        "read the lines before it for the first unit that failed, most often a mount",
        over=SERVING,
    ),
    Failure(
        "kernel panic",
        ("Kernel panic - not syncing",),
        "the kernel stopped",
        "read the lines before it; if it is the end of init, the initrd failed before",
        over=SERVING,
    ),
    Failure(
        "sshd failed",
        (
            *("Failed to start SSH Daemon", "Failed to start sshd.service"),
            *("Failed to start SSH Host Keys", "sshd.service: Failed with result"),
            "no hostkeys available",
        ),
        "sshd or the making of its host keys failed",
        "check services.openssh: `sshd -t` in the build finds most mistakes",
        over=("sshd",),
        ends=False,
    ),
    Failure(
        "no lease",
        (
            *("Timeout occurred while waiting for network", "Failed to start Wait for Network to"),
            *("Failed to start systemd-networkd-wait-online", "udhcpc: no lease"),
            *("job is running for Wait for Network", "using IPv4LL address"),
            "No DHCPOFFERS received",
        ),
        "the network did not come up: no DHCP server answered, or an interface waits for nothing",
        "check that the server's network has DHCP, and set `linkConfig.RequiredForOnline = false` "
        "for interfaces that stay without",
        over=("address",),
        ends=False,
    ),
    Failure(
        "boot loader failed",
        (
            *("grub rescue>", "\ngrub> ", "Entering rescue mode...", "\nerror: no such "),
            *("\nerror: unknown filesystem", "\nerror: file `", "\nerror: disk `"),
            *("\nerror: you need to load the kernel first", "\nerror: out of memory"),
            *("\nerror: symbol `", "\nerror: invalid ", "Error loading \\", 'Error loading "\\'),
            *("Failed to execute NixOS", "Error preparing initrd"),
        ),
        "GRUB or systemd-boot found no kernel, or could not load it",
        "check that the image has its boot partition and that boot.loader names the right device",
        over=NAMES[2:],
        within="boot loader",
    ),
    Failure(
        "no boot device",
        (
            *("No bootable device", "Boot failed: ", "BdsDxe: No bootable option"),
            *("UEFI Interactive Shell v", "Nothing to boot: ", "No more network devices"),
            "No configuration methods succeeded",
        ),
        "the firmware found nothing that it can or may boot",
        "compare the image's firmware (BIOS or UEFI) with the server's, check its boot disk, and "
        "turn Secure Boot off where the boot loader is not signed",
        over=NAMES,  # the firmware goes on with another device
        within="firmware",
    ),
)
