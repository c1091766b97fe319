"""The examples about the target are settings, and those of the reference show every key."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no stubs

from flakeship.config import settings
from flakeship.config.server import TARGET, Server
from flakeship.model.fields import Model
from flakeship.targets import registry
from flakeship.targets.openstack.settings import CloudSettings, OpenStackServer, OpenStackSettings
from flakeship.targets.openstack.spec import SPEC
from tests.project import ROOT

PAGES = [ROOT / "docs/how-to/openstack.md", ROOT / "docs/reference/openstack.md"]
GUIDE = "\n".join(page.read_text() for page in PAGES)
BLOCKS = [textwrap.dedent(each) for each in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
STACKS: list[dict[str, Any]] = [
    yaml.safe_load(block)["config"] for block in BLOCKS if block.startswith("config:")
]
FLAVORS = [yaml.safe_load(line) for line in GUIDE.splitlines() if line.startswith("flavor: ")]


@pytest.fixture(autouse=True)
def flake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/flake.nix").touch()
    monkeypatch.chdir(tmp_path)


def read(config: dict[str, Any]) -> CloudSettings:
    web = {"flake": "./web", "host": "web", "servers": [{"name": "web"}]}
    given = {f"flakeship:{key}": value for key, value in web.items()} | config
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
    found, _ = settings.read(texts, registry.spec, registry.names())
    return found


@pytest.mark.parametrize("config", STACKS)
def test_an_example_is_accepted(config: dict[str, Any]) -> None:
    assert read(config).target == "openstack"


@pytest.mark.parametrize("flavor", FLAVORS)
def test_each_way_to_a_flavor_is_accepted(flavor: dict[str, Any]) -> None:
    assert OpenStackServer.model_validate(flavor).flavor


def test_the_examples_show_every_key() -> None:
    whole = STACKS[-1]
    shown = whole["flakeship:servers"][0]
    assert set(keys(Server)) - set(shown) == {"dataDisks", TARGET}
    assert set(keys(OpenStackServer)) == set(shown["openstack"])
    assert set(keys(OpenStackSettings)) == set(whole["flakeship:openstack"])
    assert len(FLAVORS) == 4


def test_the_defaults_are_told_as_they_are() -> None:
    told = STACKS[-1]
    plain = read({"flakeship:target": "openstack"})
    assert told["flakeship:retainReleases"] == plain.retain_releases
    assert told["flakeship:standbyReleases"] == plain.standby_releases
    assert told["flakeship:variant"] == SPEC.images.variants[0]
    assert told["flakeship:openstack"]["bootConcurrency"] == plain.options.boot_concurrency
    server = plain.servers[0]
    for key in ("vcpus", "memory", "disk"):
        assert re.search(rf" {key}: .*\(default: {getattr(server, key)}\b", GUIDE)


def test_the_access_rules_are_rules() -> None:
    rules = json.loads((ROOT / "docs/reference/openstack-access-rules.json").read_text())
    assert {tuple(sorted(rule)) for rule in rules} == {("method", "path", "service")}
    storage = {"block-storage", "volumev3"}  # a cloud has one of these names for it
    assert {rule["service"] for rule in rules} == {"compute", "image", "network", *storage}
    assert all(rule["path"].startswith("/") for rule in rules)


def keys(model: type[Model]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
