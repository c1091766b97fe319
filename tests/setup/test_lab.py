"""Where no lab can run, and in clouds that are not the lab's, its tests are skipped and say why."""

import os

import pytest

from dev.openstack.__main__ import CLOUD
from dev.setup.tools import Machine
from tests.targets.openstack.e2e import lab


@pytest.fixture(autouse=True)
def debian(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(Machine, "detect", classmethod(lambda _cls: machine))
    monkeypatch.setenv("OS_CLOUD", CLOUD)


def test_in_the_lab_nothing_is_skipped() -> None:
    assert lab.reason_to_skip() == ""


def test_a_lab_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "needs root" in lab.reason_to_skip()


def test_a_lab_needs_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    fedora = Machine("", root=True, manager="dnf")
    monkeypatch.setattr(Machine, "detect", classmethod(lambda _cls: fedora))
    assert "no apt-get" in lab.reason_to_skip()


@pytest.mark.parametrize("cloud", ["production", ""])
def test_no_test_acts_in_a_cloud_of_the_users(monkeypatch: pytest.MonkeyPatch, cloud: str) -> None:
    monkeypatch.setenv("OS_CLOUD", cloud)
    assert lab.reason_to_skip() == (
        "OS_CLOUD is not flakeship-lab: `make test-openstack` brings the lab up and selects it"
    )
    monkeypatch.delenv("OS_CLOUD")
    assert lab.reason_to_skip()
