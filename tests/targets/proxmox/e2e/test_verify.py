"""A real machine in a lab is verified over each of the two ways that tell its host keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dev.proxmox.access import Access as Tokens
from dev.proxmox.site import Site
from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult
from flakeship.model.ports import Port
from flakeship.system.process import run
from flakeship.targets.proxmox.api import client, login, tasks
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.guest.verify_machine import verify_existing, verify_machine
from flakeship.targets.proxmox.requests import (
    MachineEvidence,
    UploadRequest,
    VerifyMachineRequest,
)
from flakeship.targets.proxmox.resources import Marks, tags
from flakeship.targets.proxmox.uploads import remove, upload
from flakeship.verify.request import VerifyRequest
from tests.project import ROOT

VMID, NAME = 7900, "web-6h0ir2lm-a1"
TAGS = tags(VMID, Marks("verify", machine=NAME))
IMAGE = "flakeship-verify.qcow2"
SEEN = "VM.Audit,Pool.Audit,VM.PowerMgmt"
"""What a verification needs beside the ways to the host keys."""
ROLES = {
    "8.4": {"agent": "VM.Monitor", "neither": ""},
    "9.2": {
        "agent": "VM.GuestAgent.Audit,VM.GuestAgent.FileRead",
        "console": "VM.GuestAgent.Audit,VM.Console",
        "neither": "VM.GuestAgent.Audit",
    },
}
"""The privileges of tokens that have one of both, by the version; 8.4 shows tokens no console."""


@dataclass(frozen=True)
class Machine:
    """A virtual machine by DHCP, which is off."""

    request: VerifyMachineRequest

    def act(self, *path: str, method: str = "POST", **given: str) -> None:
        """Call what starts a task, and wait for it."""
        with client.connected(login.find(Access())) as api:
            task = api.call(method, "nodes", "pve", "qemu", *path, **given)
            tasks.finish(api, task, "/".join(path), 120)

    def state(self, verb: str) -> None:
        self.act(str(VMID), "status", verb)

    def verify(self, pinned: Sequence[str] = (), address: str = "") -> MachineEvidence:
        return verify_machine(replace(self.request, address=address), pinned)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    key = tmp_path_factory.mktemp("key") / "id"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
    access = tmp_path_factory.mktemp("access")
    (access / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
    image, toplevel = (_built(access, kind) for kind in ("qemu", "toplevel"))
    file = image / "appliance.qcow2"
    sha512 = run(["sha512sum", file]).stdout.split()[0]
    sent = UploadRequest(Access(), "pve", "local", IMAGE, str(file), sha512)
    uploaded = upload(sent, "")
    asked = VerifyRequest(
        machine=NAME,
        ports=[Port(port=22, protocol="ssh"), Port(port=80, protocol="http")],
        user="nixos",
        identity=str(key),
        toplevel=str(toplevel),
        disk=2048,
        deadline=120.0,
    )
    found = Machine(VerifyMachineRequest(Access(), "verify", VMID, TAGS, asked))
    fields = {
        "vmid": str(VMID),
        "pool": "iac",
        "name": NAME,
        "tags": ";".join(TAGS),
        "memory": "384",
        "cores": "2",
        "agent": "1",
        "serial0": "socket",
        "scsihw": "virtio-scsi-pci",
        "virtio0": f"local:0,import-from={uploaded.volume},format=qcow2",
        "net0": "virtio,bridge=vmbr0",
        "ide2": "local:cloudinit",
        "ipconfig0": "ip=dhcp",
        "boot": "order=virtio0",
    }
    found.act(**fields)
    found.act(str(VMID), "resize", method="PUT", disk="virtio0", size="2G")
    yield found
    found.state("stop")
    found.act(str(VMID), method="DELETE", purge="1")
    remove(sent, "")


def _built(access: Path, kind: str) -> Path:
    """What the appliance's flake builds."""
    flake = f"{ROOT}/nix/appliance#appliance-{kind}"
    given = ["--no-write-lock-file", "--no-link", "--print-out-paths"]
    override = ["--override-input", "access", f"path:{access}"]
    return Path(run(["nix", "build", flake, *given, *override]).stdout.strip())


def check(found: MachineEvidence, name: str) -> CheckResult:
    return next(each for each in found.checks if each.name == name)


def select(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Select a token that has this way alone; skip where this version has it not."""
    site = Site.from_environment()
    if way not in ROLES[site.version]:
        pytest.skip(f"Proxmox VE {site.version} shows no console to an API token")
    held = [each for each in f"{SEEN},{ROLES[site.version][way]}".split(",") if each]
    secret = Tokens(site).add_token("few@pve!ci", {"/pool/iac": held})
    monkeypatch.setenv("PROXMOX_VE_API_TOKEN", secret)


@pytest.fixture(scope="module")
def first(machine: Machine) -> MachineEvidence:
    """The evidence of its first start, whose announcement is seen on the console."""
    machine.state("start")
    return machine.verify()


def test_a_new_machine_is_found_and_verified(first: MachineEvidence) -> None:
    assert first.host_keys
    assert check(first, "dhcp").detail.startswith(f"{first.address} on eth0, lease of")
    assert f"{VMID} is running on pve" in check(first, "api").detail
    assert "none of" in check(first, "port-scan").detail
    version = Site.from_environment().version
    where = "on the console" if version == "9.2" else "by its guest agent"
    assert check(first, "host-key").detail.endswith(f"as announced {where}")


def test_it_is_verified_again_with_its_known_keys(machine: Machine, first: MachineEvidence) -> None:
    again = verify_existing(machine.request, codec.dump(first), "verify")
    assert (again.address, again.host_keys) == (first.address, first.host_keys)
    assert "pinned before" in check(again, "host-key").detail


@pytest.mark.parametrize(("way", "said"), [("agent", "by its guest agent"), ("console", "on the")])
def test_one_way_is_enough(
    machine: Machine,
    first: MachineEvidence,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    said: str,
) -> None:
    select(monkeypatch, way)
    if way == "console":  # it shows what is written from now on
        machine.state("stop")
        machine.state("start")
    found = machine.verify()
    assert found.host_keys == first.host_keys
    assert f"as announced {said}" in check(found, "host-key").detail


@pytest.mark.usefixtures("first")
def test_without_both_nobody_waits(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    select(monkeypatch, "neither")
    with pytest.raises(FlakeshipError) as caught:
        machine.verify()
    assert caught.value.code == "privilege-missing"
    assert len([each for each in caught.value.details if "pveum acl modify" in each]) == 2


def test_an_address_by_dhcp_is_not_taken_for_a_static_one(
    machine: Machine, first: MachineEvidence
) -> None:
    with pytest.raises(FlakeshipError) as caught:
        machine.verify(first.host_keys, first.address)
    assert caught.value.code == "checks-failed"
    (failed,) = [each for each in caught.value.details if "✗" in each]
    assert "✗ static-address" in failed


def test_one_that_stops_meanwhile_is_told_at_once(machine: Machine, first: MachineEvidence) -> None:
    machine.state("reset")
    stop = threading.Timer(2.0, machine.state, ["stop"])
    stop.start()
    try:
        with pytest.raises(FlakeshipError) as caught:
            machine.verify(first.host_keys)
    finally:
        stop.join()
    assert caught.value.code == "machine-stopped"
    machine.state("start")
