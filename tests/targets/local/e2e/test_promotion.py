"""Three environments on the workstation, with real machines: what the first one has verified."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flakeship.system.process import Result, run
from flakeship.system.tcp import free_ports
from tests.project import ROOT, Project, make
from tests.targets.local.e2e.conftest import end_plugins, qemus


@dataclass(frozen=True)
class Environment(Project):
    """A stack with the server `web`."""

    def page(self) -> str:
        """What its users see."""
        at = self.outputs()["servers"]["web"]["ports"]["80"]
        with urllib.request.urlopen(f"http://{at}/", timeout=20) as answer:
            text: str = answer.read().decode()
            return text

    def flakeship(self, *words: str) -> Result:
        argv = [".venv/bin/python", "-m", "flakeship", *words]
        return run(argv, cwd=self.path, env=self.env, timeout=600)


def server(port: int) -> dict[str, Any]:
    return {
        "name": "web",
        "memory": 512,
        "disk": "2G",
        "ports": [{"port": 80, "protocol": "http", "hostPort": port}],
        "checks": [{"name": "greeting", "http": 80, "contains": "appliance"}],
    }


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    path = tmp_path_factory.mktemp("environments")
    made = make(path, Path("nix/appliance"), ROOT / "nix/appliance", stack="dev")
    ports = free_ports(3)
    made.config("servers[0].ports[0].hostPort", str(ports[0]))
    first = Environment(made.path, made.flake, made.env)
    stacks = [first]
    for name, upstream, port in (("staging", "dev", ports[1]), ("prod", "staging", ports[2])):
        settings = {"host": "appliance", "promoteFrom": upstream, "servers": [server(port)]}
        stacks.append(first.beside(name, settings))
    yield first
    end_plugins(path)
    for stack in reversed(stacks):
        stack.pulumi("destroy", "--yes", "--skip-preview")
    assert not list(qemus(path))


def of(dev: Environment, name: str) -> Environment:
    return Environment(dev.path, dev.flake, dev.env | {"PULUMI_STACK": name})


def test_a_release_goes_from_dev_to_prod(dev: Environment) -> None:
    staging, prod = of(dev, "staging"), of(dev, "prod")
    dev.up()
    # nothing is evaluated nor built any more: there is no flake
    dev.flake.rename(dev.flake.with_name("gone"))
    staging.flakeship("promote", "--from", "dev", "--yes")
    assert "Hello" in staging.page()

    key = dev.path / ".state/id_ed25519"
    prod.config("gate.soak", "1h")
    prod.config("gate.approvers[0]", key.with_suffix(".pub").read_text().strip())
    said = prod.pulumi("preview", check=False).stdout
    assert "flakeship:gate.soak: " in said
    assert "flakeship:gate.approvers: " in said
    prod.config("gate.soak", "1s")
    prod.flakeship("approve", dev.running())
    prod.up()
    assert "Hello" in prod.page()
    dev.flake.with_name("gone").rename(dev.flake)
    files = [each.outputs()["releases"][0]["artifact"] for each in (dev, staging, prod)]
    assert files[0] == files[1] == files[2]
    prod.preview("--expect-no-changes")


def test_the_next_release_stops_where_it_is_revoked(dev: Environment) -> None:
    staging = of(dev, "staging")
    before = staging.outputs()
    dev.edit("Hello from the appliance", "Welcome to the appliance")
    dev.up()
    dev.flakeship("revoke", dev.running(), "--why", "greets the wrong people")
    done = staging.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.code != 0
    assert "greets the wrong people" in done.stdout
    assert staging.outputs() == before
    assert "Hello" in staging.page()
