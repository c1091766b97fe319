"""What `nix flake check` would run, on a machine with KVM: here it is only evaluated."""

from __future__ import annotations

import json
import re

import pytest

from flakeship.nix.store import NIX
from flakeship.system.process import run
from tests.nix.known import HOSTS, Repository, env
from tests.project import ROOT

FILE = ROOT / "nix/tests/default.nix"
TESTS = re.findall(r"(?m)^  ([\w-]+) = \./", FILE.read_text()) if FILE.exists() else []


@pytest.fixture(scope="module")
def offered(repository: Repository) -> list[str]:
    argv = [*NIX, "eval", "--json", f"{repository.hosts}#checks.x86_64-linux", "--apply"]
    found: list[str] = json.loads(run([*argv, "builtins.attrNames"], env=env()).stdout)
    return found


def test_the_budget_of_each_host_is_checked(offered: list[str]) -> None:
    assert {"format", *(f"{host}-closure" for host in HOSTS)} <= set(offered)


@pytest.mark.parametrize("test", [*TESTS, "web-closure"])
def test_a_check_evaluates(repository: Repository, offered: list[str], test: str) -> None:
    assert test in offered
    repository.drv(f"{repository.hosts}#checks.x86_64-linux.{test}")
