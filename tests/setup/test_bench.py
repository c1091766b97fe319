"""The peers of bench/: what they measure with, and what they say where one is missing."""

import re
import socket
import time
from pathlib import Path

import pytest

from dev.bench.openstack import peers
from dev.bench.openstack.probe import STEP, probing, silence
from dev.setup import gobuild
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
