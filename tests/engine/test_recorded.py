"""States that runs of version 0.1 have left: every command reads them or refuses them in one line.

tests/targets/<target>/recorded/0.1.json is what `pulumi stack export --show-secrets` wrote there,
without what tells of the workstation and of the passphrase. A recording stays as it is.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from flakeship.system.process import Result, run
from tests.engine.conftest import HERE
from tests.project import Project, make

TARGETS = HERE.parent / "targets"
RECORDED = sorted(TARGETS.glob("*/recorded/0.1.json"))
REFUSED = "stack old: was deployed by an older Flakeship (0.1, "


class Old(Project):
    """A stack with the recorded state."""

    def flakeship(self, *words: str) -> Result:
        command = [".venv/bin/flakeship", "--stack", "old", *words]
        done = run(command, cwd=self.path, env=self.env, check=False, timeout=60)
        assert "Traceback" not in done.stdout + done.stderr
        return done


@pytest.fixture(params=RECORDED, ids=lambda file: file.parents[1].name)
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(request.param.read_text())
    state["target"] = request.param.parents[1].name
    return state


@pytest.fixture
def old(tmp_path: Path, recorded: dict[str, Any]) -> Old:
    made = make(tmp_path, Path("flake"), HERE / "flake", stack="old")
    settings = {"target": recorded["target"], "flake": "./flake", "host": "tiny", "variant": "qemu"}
    for key, value in settings.items():
        made.config(key, value)
    salt = re.findall(r"encryptionsalt: (\S+)", (tmp_path / "Pulumi.old.yaml").read_text())[0]
    secrets = {"type": "passphrase", "state": {"salt": salt}}
    deployment = {**recorded["deployment"], "secrets_providers": secrets}
    if recorded["target"] != "local":
        made.unset("servers[0].ports[0].hostPort")
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"version": recorded["version"], "deployment": deployment}))
    made.pulumi("stack", "import", "--file", str(file))
    return Old(made.path, made.flake, made.env)


def outputs(recorded: dict[str, Any]) -> dict[str, Any]:
    stack = recorded["deployment"]["resources"][0]
    assert stack["type"] == "pulumi:pulumi:Stack"
    found: dict[str, Any] = stack["outputs"]
    return found


def test_its_status_is_shown(old: Old, recorded: dict[str, Any]) -> None:
    done = old.flakeship("status")
    assert done.code == 0, done.stderr
    known = outputs(recorded)
    for record in known["releases"]:
        assert record["release"]["out"].split("/")[3][:8] in done.stdout
    for name, server in known["servers"].items():
        assert f"{name}: {server['ssh']}" in done.stdout
    assert "✓ host-key" in done.stdout


def test_a_person_logs_in(old: Old, recorded: dict[str, Any]) -> None:
    tools = old.path / "tools"
    tools.mkdir()
    (tools / "ssh").write_text('#!/bin/sh\necho "$@"\n')
    (tools / "ssh").chmod(0o755)
    old.env["PATH"] = f"{tools}:{old.env['PATH']}"
    name, server = next(iter(outputs(recorded)["servers"].items()))
    done = old.flakeship("ssh", name)
    _, *words = shlex.split(server["ssh"])
    assert (done.code, done.stdout) == (0, f"{' '.join(words)}\n"), done.stderr


def test_a_verification_is_refused(old: Old) -> None:
    done = old.flakeship("verify")
    assert done.code == 1
    assert done.stderr.startswith(REFUSED)
    assert len(done.stderr.splitlines()) == 1


def test_a_deployment_is_refused_before_it_changes_anything(old: Old) -> None:
    before = json.loads(old.pulumi("stack", "export").stdout)["deployment"]["resources"]
    for done in (old.pulumi("preview", check=False), old.pulumi("up", "--yes", check=False)):
        assert done.code != 0
        assert REFUSED in done.stdout
    assert json.loads(old.pulumi("stack", "export").stdout)["deployment"]["resources"] == before


def test_sweep_removes_nothing_of_it(old: Old, recorded: dict[str, Any]) -> None:
    if recorded["target"] == "openstack":
        old.env["OS_CLIENT_CONFIG_FILE"] = str(old.path / "clouds.yaml")
    done = old.flakeship("sweep")
    if recorded["target"] == "openstack":
        assert (done.code, done.stdout) == (1, "")
        assert done.stderr.startswith("flakeship:openstack.cloud: ")
    else:
        assert (done.code, done.stdout) == (0, "no orphaned resources\n"), done.stderr
