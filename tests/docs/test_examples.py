"""What the pages tell a reader to type exists: commands, files and settings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no stubs

from dev.reference import settings as reference
from dev.setup.check import targets
from flakeship import cli
from flakeship.config import settings
from flakeship.config.server import TARGET, Server, ServerOptions
from flakeship.config.settings import AnySettings
from flakeship.model.checks import BUILT_IN, KINDS, Check
from flakeship.state import outputs
from flakeship.targets import registry
from tests.docs.markdown import PAGES, blocks, code, name
from tests.project import ROOT

OWN = ("ports", "checks")
FOLDERS = ("flakeship", "components", "plugin", "policy", "nix", "docs", "dev", "tests")


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_exist(page: Path) -> None:
    known = {"make": {*targets(), "help"}, "flakeship": {*cli.commands.commands, "internal"}}
    named = re.compile(r"(?:^|[\s(;|`])(make|flakeship) ([a-z][a-z-]*)")
    found = [match for text in code(page) for match in named.findall(text)]
    assert [(tool, word) for tool, word in found if word not in known[tool]] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_exist(page: Path) -> None:
    named = re.compile(rf"^(?:\./)?((?:{'|'.join(FOLDERS)})/[\w./-]*)$")
    paths = {match[1] for text in code(page) if (match := named.match(text.strip()))}
    missing = [
        path for path in paths if not (ROOT / path).exists() and not (page.parent / path).exists()
    ]
    assert missing == []


def stacks() -> list[tuple[str, dict[str, Any]]]:
    """The settings in the examples: whole files, and parts of them."""
    found = []
    for page in PAGES:
        for block in blocks(page, "yaml"):
            given = yaml.safe_load(block)
            if isinstance(given, dict) and "…" not in block:
                config = given.get("config", given)
                if any(str(key).startswith("flakeship:") for key in config):
                    found.append((name(page), config))
    return found


@pytest.mark.parametrize(("page", "config"), stacks())
def test_settings_are_valid(
    page: str, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("flake.nix").touch()
    for file in map(Path, re.findall(r'"(\.state/[\w.-]+)"', json.dumps(config))):
        file.parent.mkdir(exist_ok=True)
        file.touch()  # with a secret, which settings name
    given = {"flakeship:host": "web", "flakeship:servers": [{"name": "web"}]} | config
    given["flakeship:flake"] = "."
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
    found, _ = settings.read(texts, registry.spec, registry.names())
    assert found.instances, page


def test_there_are_settings_to_check() -> None:
    assert {page for page, _ in stacks()} >= {"README.md", "docs/tutorial/own-host.md"}


def test_ports_and_checks_of_ones_own_are_valid() -> None:
    found = [yaml.safe_load(each) for each in blocks(ROOT / "docs/reference/checks.md", "yaml")]
    (ports,), (checks,) = ([each[key] for each in found if key in each] for key in OWN)
    kinds = {Check.model_validate(each).kind for each in checks}
    assert kinds == {*KINDS}
    server = Server[ServerOptions].model_validate({"name": "web", "ports": ports})
    assert {port.fixed for port in server.ports} == {True, False}


def first_cells(page: str) -> set[str]:
    text = (ROOT / "docs/reference" / page).read_text()
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def test_every_built_in_check_is_described() -> None:
    described = first_cells("checks.md") - {"port-<number>"}
    of_targets = {check for each in registry.names() for check in registry.spec(each).checks}
    assert described == BUILT_IN | of_targets


def test_every_output_is_described() -> None:
    described = first_cells("outputs.md")
    server = outputs.ServerOutput("local", "m", "r", "a", {}, "s", "c").plain()
    assert {*outputs.KNOWN, *server} - {"local"} | {"<target>"} == described


def test_every_capability_has_words() -> None:
    for target in registry.names():
        features = {*vars(registry.spec(target).features)}
        assert features == {*reference.FEATURES, "secrets"}  # no setting asks for secrets


def test_the_project_declares_every_setting_with_its_default() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    fields = {field.alias or key: field for key, field in AnySettings.model_fields.items()}
    own = {key: field for key, field in fields.items() if key != TARGET}
    blocks = {name for name in registry.names() if registry.spec(name).settings.model_fields}
    assert {key.removeprefix("flakeship:") for key in project} == {*own, *blocks}
    for key, field in own.items():
        default = None if field.is_required() else field.default
        default = {} if field.validate_default else default  # a block of keys of its own
        assert project[f"flakeship:{key}"].get("default") == default, key
    assert all(project[f"flakeship:{block}"]["default"] == {} for block in blocks)
