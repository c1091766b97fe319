"""Pulumi never changes the committed Pulumi.dev.yaml, so the checkout stays clean."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from dev.setup import paths
from flakeship.config import settings
from flakeship.targets import registry
from tests.project import commit
from tests.setup.conftest import copy_checkout

ENVIRONMENT = dict(os.environ)
"""As `make env` made it: the fixtures of this folder hide it from the tests."""

PROGRAM = """
import pulumi
pulumi.export("host", pulumi.Config("flakeship").get("host"))
"""


EXAMPLES = sorted(file.name for file in paths.ROOT.glob("Pulumi.*.yaml.example"))
NIX = ("--extra-experimental-features", "nix-command flakes")


class Clone:
    """A checkout of its own with all files of this one committed."""

    def __init__(self, path: Path) -> None:
        copy_checkout(path)
        (path / ".state").mkdir()
        self.path = path
        self.env = ENVIRONMENT | {
            "PULUMI_BACKEND_URL": (path / ".state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(path / "dev/public-passphrase"),
        }
        self.env.pop("PULUMI_CONFIG_PASSPHRASE", None)
        commit(path)

    def run(self, *words: str, fails: bool = False) -> str:
        done = subprocess.run(
            words, cwd=self.path, env=self.env, capture_output=True, text=True, check=False
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    for tool in ("pulumi", "nix"):
        if not shutil.which(tool):
            pytest.fail(f'{tool} is not on PATH: `make test`, or first eval "$(make env)"')
    made = Clone(tmp_path)
    yield made
    made.run("pulumi", "stack", "rm", "--yes", "--force", "--preserve-config", "dev")


LIFE = (
    "stack select --create dev",
    "config",
    "config get flakeship:host",
    "preview --stack dev",
    "up --yes --skip-preview --stack dev",
    "stack output --json",
    "refresh --yes --skip-preview --stack dev",
    "destroy --yes --skip-preview --stack dev",
    "stack rm --yes --preserve-config dev",
    "stack select --create dev",
    "up --yes --skip-preview --stack dev",
)


def test_no_command_changes_the_committed_file(clone: Clone) -> None:
    (clone.path / "__main__.py").write_text(PROGRAM)  # its resources would take a minute
    commit(clone.path)
    for command in LIFE:
        clone.run("pulumi", *command.split(), "--non-interactive")
        assert clone.run("git", "status", "--porcelain") == "", command
    # a clean tree has a revision, by which every Nix caches its evaluation; a dirty one has none
    metadata = json.loads(clone.run("nix", *NIX, "flake", "metadata", "--json", "./nix/appliance"))
    assert metadata["revision"] == clone.run("git", "rev-parse", "HEAD").strip()


def test_the_public_passphrase_takes_no_secret(clone: Clone) -> None:
    clone.run("pulumi", "stack", "select", "--create", "dev")
    port = "flakeship:servers[0].ports[0].hostPort"
    for setting in (
        ("set", "--secret", "aws:key", "AKIA"),
        ("set", "flakeship:target", "openstack"),
    ):
        clone.run("pulumi", "config", *setting)
        clone.run("pulumi", "config", "rm", "--path", port)  # of the target local
        said = clone.run("pulumi", "up", "--yes", "--skip-preview", fails=True)
        assert "stack dev: the passphrase of this stack is public" in said, setting
        state = json.loads(clone.run("pulumi", "stack", "export"))["deployment"]
        made = {each["type"] for each in state["resources"]}
        providers = {each for each in made if each.startswith("pulumi:providers:")}
        assert made - providers == {"pulumi:pulumi:Stack"}
        clone.run("git", "checkout", "Pulumi.dev.yaml")
    clone.env["PULUMI_CONFIG_PASSPHRASE"] = "not the one of the committed salt"
    assert "incorrect passphrase" in clone.run("pulumi", "preview", fails=True)


@pytest.mark.parametrize("name", ["Pulumi.dev.yaml", *EXAMPLES])
def test_the_examples_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(paths.ROOT)
    config = yaml.safe_load((paths.ROOT / name).read_text())["config"]
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}
    found, _ = settings.read(texts, registry.spec, registry.names())
    assert found.servers[0].name == "web"
