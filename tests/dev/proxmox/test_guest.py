"""A real guest: the appliance, in QEMU, by the API alone. Root on a machine with the tools."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from dev.proxmox.access import AUTOMATION
from dev.proxmox.faults import Faults
from dev.proxmox.guests import SILENT, Qemu
from dev.proxmox.network import Network
from dev.proxmox.server import Server
from dev.proxmox.site import Site
from dev.proxmox.volumes import Volumes
from flakeship.system.process import run
from flakeship.targets.local import qemu_process
from tests.dev.proxmox.client import Client, running
from tests.project import ROOT

TOOLS = ("qemu-system-x86_64", "qemu-img", "nix", "ip", "dnsmasq", "genisoimage")
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="a bridge needs root"),
    pytest.mark.skipif(bool(MISSING), reason=f"there is no {' and no '.join(MISSING)}"),
]
BOOT_SECONDS = 120
VMID = "100"
VM = f"/nodes/pve/qemu/{VMID}"


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    access = tmp_path_factory.mktemp("access")
    (access / "authorized_keys").touch()
    built = run(
        ["nix", "build", f"{ROOT}/nix/appliance#appliance-qemu", "--no-write-lock-file",
         "--no-link", "--print-out-paths", "--override-input", "access", f"path:{access}"]
    ).stdout.strip()  # fmt: skip
    return Path(built) / "appliance.qcow2"


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    made = Network(tmp_path / "network", "pvetest0", IPv4Network("198.18.3.0/24"))
    made.up()
    yield made
    made.down()


@pytest.fixture
def lab(tmp_path: Path, network: Network) -> Iterator[Server]:
    site = Site(tmp_path, port=0)
    guests = Qemu(site.folder / "run", network, Volumes(site, Faults(site)).path)
    with running(site, guests) as server:
        yield server
    for place in (site.folder / "run").glob("*"):
        qemu_process.end(place, gently=False)


@pytest.fixture
def automation(lab: Server) -> Iterator[Client]:
    with contextlib.closing(Client(lab, lab.lab.access.token(AUTOMATION))) as client:
        yield client


def read(file: Path, wanted: str) -> str:
    """The text of a file, once it has what is wanted."""
    end = time.monotonic() + BOOT_SECONDS
    while wanted not in (text := file.read_text(errors="replace") if file.exists() else ""):
        assert time.monotonic() < end, text[-2000:]
        time.sleep(0.2)
    return text


def addresses(client: Client) -> set[str]:
    """The IPv4 addresses that the guest agent reports, once it answers."""
    end = time.monotonic() + BOOT_SECONDS
    while True:
        answer = client.send("GET", f"{VM}/agent/network-get-interfaces")
        if answer.status == 200:
            found = [each for interface in answer.data["result"]
                     for each in interface.get("ip-addresses", [])]  # fmt: skip
            ipv4 = {each["ip-address"] for each in found if each["ip-address-type"] == "ipv4"}
            if ipv4 - {"127.0.0.1"}:
                return ipv4 - {"127.0.0.1"}
        assert time.monotonic() < end, answer
        time.sleep(0.2)


def test_a_guest_boots_and_ends(
    lab: Server, automation: Client, appliance: Path, network: Network
) -> None:
    upload = "/nodes/pve/storage/local/upload"
    assert automation.do("POST", upload, ("a.qcow2", appliance), content="import") == "OK"
    fields = {
        "vmid": VMID,
        "pool": "iac",
        "name": "guest",
        "memory": "256",
        "cores": "2",
        "agent": "1",
        "serial0": "socket",
        "scsihw": "virtio-scsi-pci",
        "scsi0": "local:0,import-from=local:import/a.qcow2,format=qcow2",
        "net0": "virtio,bridge=vmbr0",
        "ide2": "local:cloudinit",
        "ipconfig0": "ip=dhcp",
        "boot": "order=scsi0",
    }
    assert automation.do("POST", "/nodes/pve/qemu", **fields) == "OK"
    assert automation.do("PUT", f"{VM}/resize", disk="scsi0", size="2G") == "OK"
    assert automation.do("POST", f"{VM}/status/start") == "OK"

    status = automation.get(f"{VM}/status/current")
    assert (status["status"], status["maxdisk"]) == ("running", 2 * 1024**3)
    assert automation.do("POST", f"{VM}/status/start") == f"VM {VMID} already running"
    silent = automation.send("GET", f"{VM}/agent/network-get-interfaces")
    assert silent.reason == SILENT
    place = lab.lab.site.folder / "run" / VMID
    assert "BEGIN SSH HOST KEY KEYS" in read(place / "serial0.log", "END SSH HOST KEY KEYS")

    address = automation.get(f"{VM}/config")["net0"].split(",")[0].split("=")[1].lower()
    lease = read(network.folder / "leases", address)
    ip = next(line.split()[2] for line in lease.splitlines() if address in line)
    with socket.create_connection((ip, 22), timeout=BOOT_SECONDS) as ssh:
        assert ssh.recv(4) == b"SSH-"
    assert addresses(automation) == {ip}

    assert automation.do("PUT", f"{VM}/resize", disk="scsi0", size="+1G") == "OK"
    assert automation.do("POST", f"{VM}/status/shutdown", timeout="60") == "OK"
    assert automation.get(f"{VM}/status/current")["status"] == "stopped"
    assert "Power down" in read(place / "serial0.log", "Power down")

    static = [("ipconfig0", "ip=198.18.3.20/24,gw=198.18.3.1")]
    assert automation.send("PUT", f"{VM}/config", static).status == 200
    assert automation.do("POST", f"{VM}/status/start") == "OK"
    assert addresses(automation) == {"198.18.3.20"}
    pid = automation.get(f"{VM}/status/current")["pid"]
    assert automation.do("POST", f"{VM}/status/reset") == "OK"
    assert automation.get(f"{VM}/status/current")["pid"] == pid
    assert automation.do("POST", f"{VM}/status/stop") == "OK"
    assert automation.get(f"{VM}/status/current")["status"] == "stopped"
    assert automation.do("DELETE", VM, purge="1") == "OK"
    assert not (lab.lab.site.storage_path("pve", "local") / "images" / VMID).exists()
