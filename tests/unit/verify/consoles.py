# ruff: noqa: E501 - as the programs print it
"""What the programs of a boot print to a console, excerpt by excerpt."""

from tests.unit.verify.machines import ED25519, block

SEABIOS = """\
SeaBIOS (version 1.16.2-debian-1.16.2-1)


iPXE (http://ipxe.org) 00:03.0 CA00 PCI2.10 PnP PMM+1EFD0D60+1EF30D60 CA00


Booting from Hard Disk...
"""
OVMF = """\
BdsDxe: failed to load Boot0001 "UEFI QEMU DVD-ROM QM00003 " from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x1,0xFFFF,0x0): Not Found
BdsDxe: loading Boot0002 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x3,0x0)
BdsDxe: starting Boot0002 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x3,0x0)
"""
IPXE = """\
iPXE initialising devices...ok

iPXE 1.21.1+ (g4e456) -- Open Source Network Boot Firmware -- https://ipxe.org
Features: DNS HTTP iSCSI TFTP VLAN SRP AoE EFI Menu
Configuring (net0 52:54:00:12:34:56)...... ok
"""
GRUB = """\
GRUB loading...
Welcome to GRUB!

                             GNU GRUB  version 2.12

 +----------------------------------------------------------------------------+
 |*NixOS - Default                                                            |
 | NixOS - All configurations                                                 |
 +----------------------------------------------------------------------------+

  Booting `NixOS - Default'

"""
SYSTEMD_BOOT = """\
                  NixOS (Generation 1 NixOS 26.11.20261101, built on 2026-11-01)
                            Reboot Into Firmware Interface
                                     Boot in 3 s.
"""
KERNEL = """\
[    0.000000] Linux version 6.18.37 (nixbld@localhost) (gcc (GCC) 15.2.0, GNU ld (GNU Binutils) 2.44) #1-NixOS SMP
[    0.000000] Command line: BOOT_IMAGE=(hd0,gpt2)/nix/store/x-linux/bzImage init=/nix/store/x/init console=tty0 console=ttyS0,115200
[    0.004000] tsc: Fast TSC calibration using PIT
"""
STUB = """\
EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path
EFI stub: Measured initrd data into PCR 9
"""
SCRIPT = """\
[    0.912345] Run /init as init process

<<< NixOS Stage 1 >>>

loading module virtio_balloon...
loading module dm_mod...
running udev...
Starting systemd-udevd version 258.2
starting device mapper and LVM...
"""
SYSTEMD_INITRD = """\
[    1.104311] systemd[1]: systemd 258.2 running in system mode (+PAM +AUDIT -SELINUX +APPARMOR +IMA)
[    1.104530] systemd[1]: Detected virtualization kvm.
[    1.104560] systemd[1]: Running in initrd.

Welcome to NixOS 26.11 (Zebra) (Initrd)!

[  OK  ] Reached target Path Units.
         Expecting device /dev/disk/by-label/nixos...
"""
STAGE_2 = """\
<<< NixOS Stage 2 >>>

[    3.145153] booting system configuration /nix/store/wqlwyycprjgkqbk7ryyl63v6kjzqp2fi-nixos-system-web-26.11
running activation script...
setting up /etc...
starting systemd...
[    3.590471] systemd[1]: systemd 258.2 running in system mode (+PAM +AUDIT -SELINUX +APPARMOR +IMA)

Welcome to NixOS 26.11 (Zebra)!

[  OK  ] Created slice Slice /system/getty.
"""
SWITCH = """\
[  OK  ] Reached target Switch Root.
         Starting Switch Root...
[    3.401001] systemd[1]: Switching root.
"""
NETWORK = """\
[  OK  ] Started Network Configuration.
[  OK  ] Reached target Network.
         Starting Wait for Network to be Configured...
"""
DHCPCD = """\
[    9.657703] dhcpcd[762]: ens3: soliciting a DHCP lease
"""
LEASE = """\
[   10.157703] dhcpcd[762]: ens3: offered 10.0.2.15 from 10.0.2.2
[   14.657703] dhcpcd[762]: ens3: leased 10.0.2.15 for 86400 seconds
"""
NETWORKD_LEASE = """\
systemd-networkd[512]: ens3: DHCPv4 address 10.0.0.7/24, gateway 10.0.0.1 acquired from 10.0.0.2
"""
UDHCPC = "udhcpc: sending discover\nudhcpc: lease of 10.0.2.15 obtained from 10.0.2.2, lease time 86400\n"
KEYGEN = """\
         Starting SSH Host Keys Generation...
[  OK  ] Finished SSH Host Keys Generation.
"""
CLOUD_INIT = f"""\
ci-info: no authorized SSH keys fingerprints found for user nixos.
<14>Nov 27 15:28:09 cloud-init: #############################################################
<14>Nov 27 15:28:09 cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----
<14>Nov 27 15:28:09 cloud-init: 256 SHA256:l+DxPgPpZ9iqWPMa6nILnl4trXCllPjXTniU8i/pQR8 root@web (ED25519)
<14>Nov 27 15:28:09 cloud-init: -----END SSH HOST KEY FINGERPRINTS-----
{block(ED25519)}"""
SSHD = """\
         Starting SSH Daemon...
[  OK  ] Started SSH Daemon.
"""
LOGIN = """\

<<< Welcome to NixOS 26.11.20261101 (x86_64) - ttyS0 >>>

Run 'nixos-help' for the NixOS manual.

web login: """

WAITS = """\
waiting for device /dev/disk/by-label/nowhere to appear...
....................
Timed out waiting for device /dev/disk/by-label/nowhere, trying to mount anyway.
mounting /dev/disk/by-label/nowhere on /...
mount: /mnt-root: fsconfig() failed: /dev/disk/by-label/nowhere: Can't lookup blockdev.
"""
GIVES_UP = """\

An error occurred in stage 1 of the boot process, which must mount the
root filesystem on `/mnt-root' and then start stage 2.  Press one
of the following keys:

  r) to reboot immediately
  *) to ignore the error and continue
"""
TIME = """\
[ ***  ] A start job is running for /dev/disk/by-label/nowhere (1min 29s / 1min 30s)
[ TIME ] Timed out waiting for device /dev/disk/by-label/nowhere.
[DEPEND] Dependency failed for /sysroot.
[DEPEND] Dependency failed for Initrd Root File System.
"""
EMERGENCY = """\
[  OK  ] Started Emergency Shell.
[  OK  ] Reached target Emergency Mode.
You are in emergency mode. After logging in, type "journalctl -xb" to view
system logs, "systemctl reboot" to reboot, "systemctl default" or "exit"
to boot into default mode.

Cannot open access to console, the root account is locked.
See sulogin(8) man page for more details.

Press Enter to continue.
"""
PANIC = """\
[    2.104311] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100
[    2.104560] CPU: 0 UID: 0 PID: 1 Comm: init Not tainted 6.18.37 #1-NixOS
[    2.109000] ---[ end Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100 ]---
"""
VFS = """\
[    1.204311] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)
"""
KILLED = """\
[   31.104311] nix-daemon invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE), order=0
[   31.109000] Out of memory: Killed process 812 (sshd) total-vm:12345kB, anon-rss:2345kB, file-rss:0kB
"""
WAIT_ONLINE = """\
systemd-networkd-wait-online[612]: Timeout occurred while waiting for network connectivity.
[FAILED] Failed to start Wait for Network to be Configured.
See 'systemctl status systemd-networkd-wait-online.service' for details.
[  OK  ] Reached target Network is Online.
"""
NO_LEASE = "udhcpc: sending discover\nudhcpc: no lease, forking to background\n"
LINK_LOCAL = "dhcpcd[762]: ens3: using IPv4LL address 169.254.69.177\n"
SSHD_FAILED = """\
         Starting SSH Daemon...
[FAILED] Failed to start SSH Daemon.
"""
NO_DISK = """\
Boot failed: not a bootable disk

No bootable device.
"""
NO_OPTION = """\
BdsDxe: failed to load Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x3,0x0): Not Found
BdsDxe: No bootable option or device was found.
BdsDxe: Press any key to enter the Boot Manager Menu.
"""
SHELL = "UEFI Interactive Shell v2.2\nEDK II\nUEFI v2.70 (EDK II, 0x00010000)\nShell> "
NO_NETBOOT = """\
Configuring (net0 52:54:00:12:34:56)............... No configuration methods succeeded (https://ipxe.org/040ee186)
No more network devices
"""
RESCUE = """\
GRUB loading.
Welcome to GRUB!

error: no such device: 5d0b1c2e-0000-4000-8000-000000000000.
Entering rescue mode...
grub rescue> """
NO_KERNEL = (
    'Error loading "\\EFI\\nixos\\x-linux-6.18.37-bzImage.efi": Not Found\n'
    "Failed to execute NixOS (\\EFI\\nixos\\x-linux-6.18.37-bzImage.efi): Not Found\n"
)
LUKS = "Please enter passphrase for disk root (nixos): (press TAB for no echo) "
ZFS = "importing root ZFS pool \"rpool\"...\nEnter passphrase for 'rpool/nixos':"
APPLIANCE = "no root LABEL=nixos\n"

BOOTED = SEABIOS + GRUB + KERNEL + SCRIPT + STAGE_2
UP = BOOTED + NETWORK + LEASE + KEYGEN + block(ED25519) + SSHD + LOGIN
