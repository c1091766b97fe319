"""The cloud-init drive: what Proxmox VE writes on it of a VM's options."""

from __future__ import annotations

import hashlib
import re
import tempfile
from ipaddress import ip_interface
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from dev.proxmox.schema import parsed
from dev.proxmox.volumes import qemu_img
from flakeship.system.process import run

if TYPE_CHECKING:
    from dev.proxmox.machines import Machine


def user_data(machine: Machine) -> str:
    """The user and how to log in."""
    config = machine.config
    name, domain = config.get("name", f"VM{machine.vmid}"), config.get("searchdomain")
    host = name.partition(".")[0]
    full = f"{name}.{domain}" if domain and "." not in name else name
    lines = ["#cloud-config", f"hostname: {host}", "manage_etc_hosts: true", f"fqdn: {full}"]
    user = config.get("ciuser")
    lines += [f"user: {user}"] if user else []
    lines += ["disable_root: False"] if user == "root" else []
    lines += [f"password: {config['cipassword']}"] if "cipassword" in config else []
    if keys := unquote(config.get("sshkeys", "")).split("\n"):
        kept = [f"  - {key.strip()}" for key in keys if key.strip()]
        lines += ["ssh_authorized_keys:", *kept] if kept else []
    lines += ["chpasswd:", "  expire: False"]
    lines += ["users:", "  - default"] if user != "root" else []
    lines += ["package_upgrade: true"] if config.get("ciupgrade", "1") == "1" else []
    return "".join(f"{line}\n" for line in lines)


def network_config(machine: Machine) -> str:
    """Addresses and name servers, in version 1 of cloud-init's format."""
    lines = ["version: 1", "config:"]
    for key, value in sorted(machine.config.items()):
        if not (found := re.fullmatch(r"net(\d+)", key)):
            continue
        address = re.search(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", value)
        lines += ["    - type: physical", f"      name: eth{found[1]}",
                  f"      mac_address: '{address[0].lower() if address else ''}'",
                  "      subnets:"]  # fmt: skip
        given = parsed(machine.config.get(f"ipconfig{found[1]}", ""), {})
        for option, gateway, dynamic in (("ip", "gw", "dhcp4"), ("ip6", "gw6", "dhcp6")):
            chosen = given.get(option)
            if chosen in {"dhcp", "auto"}:
                lines.append(f"      - type: {dynamic if chosen == 'dhcp' else 'ipv6_slaac'}")
            elif chosen:
                static = ip_interface(chosen)
                lines += [f"      - type: static{'6' if option == 'ip6' else ''}"]
                short = option == "ip"
                lines += [f"        address: '{static.ip if short else static}'"]
                lines += [f"        netmask: '{static.netmask}'"] if short else []
                lines += [f"        gateway: '{given[gateway]}'"] if gateway in given else []
    lines += ["    - type: nameserver", "      address:"]
    lines += [f"      - '{each}'" for each in machine.config.get("nameserver", "").split()]
    lines += ["      search:"]
    lines += [f"      - '{each}'" for each in machine.config.get("searchdomain", "").split()]
    return "".join(f"{line}\n" for line in lines)


def meta_data(machine: Machine) -> str:
    """The instance's id, which changes with the other two."""
    content = user_data(machine) + network_config(machine)
    return f"instance-id: {hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()}\n"


FILES = {"user": user_data, "meta": meta_data, "network": network_config}
"""What `cloudinit/dump` shows."""


def hashed(password: str) -> str:
    """A password as Proxmox VE keeps it; one that is hashed already stays as it is."""
    if password.startswith("$"):
        return password
    return run(["openssl", "passwd", "-5", "-stdin"], stdin=password, timeout=60).stdout.strip()


def write(machine: Machine, file: Path) -> None:
    """Write the drive of a VM, of the format that its name says."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        content = {"user-data": user_data(machine), "meta-data": meta_data(machine),
                   "network-config": network_config(machine)}  # fmt: skip
        for name, text in content.items():
            (folder / name).write_text(text)
        image = folder / "drive.iso"
        run(["genisoimage", "-quiet", "-iso-level", "3", "-R", "-V", "cidata", "-o", image,
             *(folder / name for name in content)], timeout=60)  # fmt: skip
        qemu_img("convert", "-f", "raw", "-O", file.suffix[1:], image, file)
