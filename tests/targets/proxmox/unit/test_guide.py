"""The examples of the guide are settings, and its commands grant what the preview asks for."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no stubs

from flakeship.config import settings
from flakeship.config.target import TargetSchema
from flakeship.targets import registry
from flakeship.targets.proxmox.privileges import needs
from flakeship.targets.proxmox.server_settings import ProxmoxServer
from flakeship.targets.proxmox.settings import ClusterSettings, ProxmoxSettings
from tests.project import ROOT

GUIDE = (ROOT / "docs/how-to/proxmox.md").read_text()
BLOCKS = [textwrap.dedent(each) for each in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
STACKS: list[dict[str, Any]] = [yaml.safe_load(block)["config"] for block in BLOCKS]
NAME = re.compile(r"`([a-z][A-Za-z]*(?:\.[a-z][A-Za-z]*)?)`")
OTHERS = {"disk", "memory", "vcpus", "checks", "bootTimeout", "full", "linked", "fingerprint"}
"""What a table of the guide may name beside the target's own keys."""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the examples name."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web/flake.nix").touch()
    (tmp_path / ".state").mkdir()
    for name in ("pve-token", "pve-root-ca.pem", "dns-key"):
        (tmp_path / ".state" / name).touch()
    monkeypatch.chdir(tmp_path)


def read(config: dict[str, Any]) -> tuple[ClusterSettings, TargetSchema]:
    web = {"flake": "./web", "host": "web"}
    given = {f"flakeship:{key}": value for key, value in web.items()} | config
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
    return settings.read(texts, registry.spec, registry.names())


@pytest.mark.parametrize("config", STACKS)
def test_an_example_is_accepted(config: dict[str, Any]) -> None:
    found, schema = read(config)
    assert schema.name == "proxmox"
    assert found.options.pool == "iac"


def granted(release: tuple[int, int]) -> dict[str, set[str]]:
    """What the guide's commands grant by path: the ones of both versions, and those of one."""
    common, by_version = GUIDE.split("3. What differs between versions. Proxmox VE 9:\n")
    nine, eight = by_version.split("Proxmox VE 8.4:\n", 1)
    text = common + (nine if release >= (9, 0) else eight)
    roles: dict[str, set[str]] = defaultdict(set)
    paths: dict[str, set[str]] = defaultdict(set)
    for line in re.findall(r"^ +(pveum (?:role|acl) .*)$", text, re.MULTILINE):
        match shlex.split(line):
            case ["pveum", "role", "add", role, "--privs", names]:
                assert role not in roles, f"{role} is made twice"
                roles[role] |= {*names.split(",")}
            case ["pveum", "role", "modify", role, "--append", "1", "--privs", names]:
                assert role in roles, f"{role} is changed before it is made"
                roles[role] |= {*names.split(",")}
            case ["pveum", "acl", "modify", path, "--roles", role, "$who"]:
                paths[path].add(role)
            case other:
                pytest.fail(f"not read: {other}")
    return {path: set().union(*(roles[role] for role in given)) for path, given in paths.items()}


@pytest.mark.parametrize("release", [(8, 4), (9, 0), (9, 2)])
def test_the_commands_grant_what_is_needed_and_nothing_else(release: tuple[int, int]) -> None:
    found = needs(
        release=release,
        pool="iac",
        images="local",
        disks="local-lvm",
        bridges=[("vmbr0", 0)],
        ha=False,
        permissions={},
    )
    assert granted(release) == {need.path: {*need.privileges} for need in found}


def test_the_least_privileges_are_all_told() -> None:
    table = (ROOT / "docs/reference/least-privilege.md").read_text().split("## proxmox\n")[1]
    table = table.split("\n## ")[0]
    for release in ((8, 4), (9, 2)):
        found = needs(
            release=release,
            pool="iac",
            images="local",
            disks="local-lvm",
            bridges=[("vmbr0", 0)],
            ha=True,
            permissions={},
        )
        for privilege in {name for need in found for name in need.privileges}:
            assert privilege in table


def test_every_key_in_the_tables_exists() -> None:
    """The right column of the lines about Packer and Terraform names settings that there are."""
    keys = {
        field.alias or name
        for model in (ProxmoxSettings, ProxmoxServer)
        for name, field in model.model_fields.items()
    }
    tables = GUIDE.split("## Coming from Packer and Terraform")[1].split("\n## ")[0]
    right = [line.split(" | ")[1] for line in tables.splitlines() if line.startswith("| `")]
    named = {word.split(".")[0] for cell in right for word in NAME.findall(cell)}
    own = {word for word in named if not word.startswith(("services", "servers"))}
    assert own <= keys | OTHERS
    assert len(right) > 20
    assert len(own & keys) > 15
