"""The peers of bench/: what they measure with, and what they say where one is missing."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dev.bench import preview
from dev.bench.openstack import peers
from dev.bench.openstack.stand_in import VERIFICATION, unverified
from dev.bench.probe import STEP, probing, silence
from dev.bench.proxmox import calls, memory, without_guests
from dev.bench.proxmox import peers as proxmox_peers
from dev.bench.stand_in import replaced
from dev.bench.timeline.watch import Line
from dev.setup import gobuild
from dev.setup.plugins import Plugin
from tests.project import ROOT
from tests.setup.conftest import OPENSTACK, PROXMOX

KEY = Path("key")


@pytest.mark.parametrize(
    ("provider", "version", "plugin", "peer"),
    [
        ("terraform-provider-openstack/v3", "v3.4.0", OPENSTACK, gobuild.TERRAFORM),
        ("bpg/terraform-provider-proxmox", "v0.111.1", PROXMOX, gobuild.TERRAFORM_PROXMOX),
    ],
)
def test_the_provider_of_the_peer_is_the_one_behind_the_plugin(
    provider: str, version: str, plugin: Plugin, peer: gobuild.Part
) -> None:
    for part in (plugin.part, peer):
        text = (gobuild.SOURCES / part.name / "go.mod").read_text()
        assert re.findall(rf"{provider} (v\S+)", text) == [version]


def test_terraform_is_told_all_that_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLAKESHIP_PVE", "/a-short-path")  # the one of the test's home is too long
    file = tmp_path / "image.qcow2"
    file.write_bytes(b"raw")
    for main, given in [
        (peers.PEER.main, peers.variables(file, KEY)),
        (proxmox_peers.PEER.main, proxmox_peers.variables(file, KEY)),
    ]:
        asked = re.findall(r'^variable "(\w+)" \{\}', main.read_text(), re.MULTILINE)
        assert set(asked) == set(given)


def test_a_silence_is_the_longest_time_between_answers() -> None:
    assert silence([1.0, 1.02, 3.0], begin=0.98, end=3.02) == pytest.approx(1.98 - STEP)
    assert silence([0.02], begin=0.0, end=5.02) == pytest.approx(5.0 - STEP)
    assert silence([], begin=0.0, end=7.0) == pytest.approx(7.0 - STEP)


def test_the_probe_hears_a_silence() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        address, port = server.getsockname()
        server.settimeout(60)
        with probing(address, port) as heard:
            for _ in range(3):  # its process starts when it can
                server.accept()[0].close()
            server.close()
            time.sleep(0.6)
    assert 0 < heard.answered < heard.attempts
    assert heard.silence > 0.5


URN = "urn:pulumi:dev::flakeship::"


def test_resources_of_our_own_keep_the_names_of_their_inputs() -> None:
    stored = {
        "urn": f"{URN}flakeship:local:Server$flakeship:local:Machine::web",
        "type": "flakeship:local:Machine",
        "custom": True,
        "id": "1",
        "inputs": {"bootSeconds": 3, "version": "1", "__defaults": []},
    }
    found = preview.plain(stored)
    assert found
    assert found["custom"]
    assert found["type"] == ("flakeship", "local", "Machine")
    assert found["inputs"] == {"bootSeconds": 3, "version": "1"}
    component = preview.plain({"urn": f"{URN}flakeship:local:Server::web",
                               "type": "flakeship:local:Server"})  # fmt: skip
    assert component
    assert not component["custom"]


def test_resources_of_others_have_the_names_of_their_sdk() -> None:
    found = preview.plain(
        {
            "urn": f"{URN}openstack:networking/port:Port::port",
            "type": "openstack:networking/port:Port",
            "custom": True,
            "inputs": {"networkId": "1", "version": "1"},
        }
    )
    assert found
    assert found["type"] == ("openstack", ".networking", "Port")
    assert found["inputs"] == {"network_id": "1"}
    assert preview.plain({"urn": f"{URN}pulumi:pulumi:Stack::dev",
                          "type": "pulumi:pulumi:Stack"}) is None  # fmt: skip


def test_what_a_program_did_not_give_is_not_given_by_the_literal_one() -> None:
    found = preview.plain(
        {
            "urn": f"{URN}proxmoxve:index/vmLegacy:VmLegacy::server-web",
            "type": "proxmoxve:index/vmLegacy:VmLegacy",
            "custom": True,
            "ignoreChanges": ["disks"],
            "inputs": {
                "__defaults": ["acpi"],
                "acpi": True,
                "vmId": 100,
                "memory": {"__defaults": ["hugepages"], "dedicated": 512, "hugepages": ""},
            },
        }
    )
    assert found
    assert found["type"] == ("proxmoxve", "", "VmLegacy")
    assert found["inputs"] == {"vm_id": 100, "memory": {"dedicated": 512}}
    assert found["ignored"] == ["disks"]


def test_a_project_of_links_gets_a_verification_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "flakeship").symlink_to(ROOT / "flakeship")
    real = (ROOT / VERIFICATION).read_text()
    for seconds in (9.0, 0.0):  # it may be replaced again
        unverified(tmp_path, seconds)
    assert (ROOT / VERIFICATION).read_text() == real
    code = """
from types import SimpleNamespace
from flakeship.targets.openstack.servers import verify_server
print(verify_server.verify_server(SimpleNamespace(machine="web-1-32eb"), []).machine)
print(verify_server.__file__)
"""
    assert printed(code, tmp_path) == ["web-1-32eb", str(tmp_path / VERIFICATION)]


def printed(code: str, project: Path) -> list[str]:
    argv = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.'){code}"]
    done = subprocess.run(argv, cwd=project, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_a_verification_on_a_cluster_without_guests_gives_an_address(tmp_path: Path) -> None:
    (tmp_path / "flakeship").symlink_to(ROOT / "flakeship")
    replaced(tmp_path, without_guests.VERIFICATION, without_guests.INSTEAD)
    code = """
from types import SimpleNamespace
from flakeship.targets.proxmox.guest import verify_machine
print(verify_machine.verify_machine(SimpleNamespace(machine="web-1-32eb"), []).address)
"""
    assert printed(code, tmp_path) == ["198.18.0.1"]


def test_calls_are_told_apart_by_what_they_list() -> None:
    at = "2026-11-28 12:26:51,420 "
    place = "/api2/json/nodes/pve/storage/local/content"
    task = "UPID:pve:00000250:00000250:00000250:qmstart:100:iac@pve!ci:"
    log = [
        f"{at}GET {place}?content=import HTTP/1.1 -> 200 OK",
        f"{at}GET {place}/local:import/a.qcow2 HTTP/1.1 -> 200 OK",
        f"{at}GET /api2/json/nodes/pve/tasks/{task}/status HTTP/1.1 -> 200 OK",
        f"{at}GET /api2/json/nodes/pve/qemu/9000/vncwebsocket -> 101",
        f"{at}GET /api2/json/cluster/nextid?vmid=9000 HTTP/1.1 -> 200 OK",
        "Traceback (most recent call last):",
    ]
    assert calls.kinds([Line(0.0, Path("log"), text) for text in log]) == [
        "GET /nodes/pve/storage/local/content content=import",
        "GET /nodes/pve/storage/local/content/…/a.qcow2",
        "GET /nodes/pve/tasks/…/status",
        "GET /nodes/pve/qemu/…/vncwebsocket",
        "GET /cluster/nextid",
    ]


def test_the_large_image_is_an_edit_of_the_appliance() -> None:
    flake = ROOT / "nix/appliance"
    assert memory.CONVERTED in (flake / memory.BUILD).read_text()
    assert memory.DECLARED in (flake / memory.FLAKE).read_text()
