"""The template for `pulumi new`: its settings are valid, its flake is that of nix/."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from dev.setup import paths
from flakeship.config import settings
from flakeship.targets import registry

TEMPLATE = paths.ROOT / "nix/templates/project"
FLAKE = paths.ROOT / "nix/templates/server"


def test_its_flake_is_that_of_nix_flake_init() -> None:
    files = [file.relative_to(FLAKE) for file in FLAKE.rglob("*") if file.is_file()]
    assert Path("flake.nix") in files
    for file in files:
        assert (TEMPLATE / file).read_text() == (FLAKE / file).read_text(), file


def test_its_settings_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TEMPLATE)
    config = yaml.safe_load((TEMPLATE / "Pulumi.dev.yaml").read_text())["config"]
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}
    read, _ = settings.read(texts, registry.spec, registry.names())
    assert (read.flake, read.host) == (".", "web")
    assert (TEMPLATE / "hosts" / f"{read.host}.nix").is_file()


def test_its_provider_is_started_by_the_same_script_as_that_of_a_checkout() -> None:
    script = Path("pulumi-resource-flakeship")
    for project, folder in ((TEMPLATE, "provider"), (paths.ROOT, "flakeship/provider")):
        (plugin,) = yaml.safe_load((project / "Pulumi.yaml").read_text())["plugins"]["providers"]
        assert plugin == {"name": "flakeship", "path": folder}
        assert os.access(project / folder / script, os.X_OK)
    own, ours = TEMPLATE / "provider", paths.ROOT / "flakeship/provider"
    assert (own / script).read_text() == (ours / script).read_text()


def test_it_names_no_version_of_its_own() -> None:
    text = (TEMPLATE / "pyproject.toml").read_text()
    assert 'dependencies = ["flakeship"]' in text
    assert "/path/to/flakeship" in text
    assert "/path/to/flakeship" in (TEMPLATE / "flake.nix").read_text()
