"""A lab whose guests do not boot, and a disk to upload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.proxmox.access import AUTOMATION, OPERATOR
from dev.proxmox.server import Server
from dev.proxmox.site import Site
from flakeship.system.process import run
from tests.dev.proxmox.client import Client, running
from tests.dev.proxmox.no_guests import NoGuests


@pytest.fixture
def guests() -> NoGuests:
    return NoGuests()


@pytest.fixture
def lab(tmp_path: Path, guests: NoGuests) -> Iterator[Server]:
    with running(Site(tmp_path, port=0), guests) as server:
        yield server


@pytest.fixture
def operator(lab: Server) -> Iterator[Client]:
    client = Client(lab, lab.lab.access.token(OPERATOR))
    yield client
    client.close()


@pytest.fixture
def automation(lab: Server) -> Iterator[Client]:
    client = Client(lab, lab.lab.access.token(AUTOMATION))
    yield client
    client.close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    file = tmp_path / "a.qcow2"
    run(["qemu-img", "create", "-q", "-f", "qcow2", file, "8M"])
    return file


@pytest.fixture
def template(automation: Client, image: Path) -> str:
    """The path of a template of the pool's, made as the provider makes it."""
    upload = "/nodes/pve/storage/local/upload"
    assert automation.do("POST", upload, ("a.qcow2", image), content="import") == "OK"
    drive = "local:0,import-from=local:import/a.qcow2,format=qcow2"
    fields = {"vmid": "100", "pool": "iac", "name": "t", "scsi0": drive, "agent": "1"}
    assert automation.do("POST", "/nodes/pve/qemu", **fields) == "OK"
    assert automation.do("POST", "/nodes/pve/qemu/100/template") == "OK"
    return "/nodes/pve/qemu/100"
