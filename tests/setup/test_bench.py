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
from dev.bench.openstack.probe import STEP, probing, silence
from dev.bench.openstack.stand_in import VERIFICATION, unverified
from dev.setup import gobuild
from tests.project import ROOT
from tests.setup.conftest import OPENSTACK

KEY = Path("key")


def test_the_provider_of_the_peer_is_the_one_behind_the_plugin() -> None:
    pattern = r"terraform-provider-openstack/v3 (v\S+)"
    versions = {
        part.name: re.findall(pattern, (gobuild.SOURCES / part.name / "go.mod").read_text())
        for part in (OPENSTACK.part, gobuild.TERRAFORM)
    }
    assert versions == {"openstack": ["v3.4.0"], "terraform": ["v3.4.0"]}


def test_terraform_is_told_all_that_it_asks_for() -> None:
    text = (peers.HERE / "main.tf").read_text()
    asked = re.findall(r'^variable "(\w+)" \{\}', text, re.MULTILINE)
    assert set(asked) == set(peers.variables(KEY, KEY))


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
    argv = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, '.'){code}"]
    done = subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["web-1-32eb", str(tmp_path / VERIFICATION)]
