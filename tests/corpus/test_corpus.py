"""Every bad input is refused in one message, with its key, and nothing changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flakeship.config import settings
from flakeship.model.errors import FlakeshipError, SettingsError
from flakeship.nix import manifest
from flakeship.ssh import keys
from flakeship.state import outputs
from flakeship.state.stack import Stack
from flakeship.system import files
from flakeship.targets import registry
from tests.corpus.inputs import Json, changed, rows
from tests.fuzz import manifests, stacks, state_files
from tests.fuzz.settings import stored
from tests.fuzz.subject import readable, tree
from tests.unit.verify.machines import ED25519

BASE = {"flake": "./nix/appliance", "host": "appliance", "servers": [{"name": "web", "ports": []}]}
PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"
KEY_FILES = {
    "key": b"",
    "nokeys.pub": b"# nothing\n",
    "empty.pub": b"",
    "private": PRIVATE.encode(),
    "dss.pub": b"ssh-dss AAAAB3NzaC1kc3MAAACBAO me\n",
    "esc.pub": f"{ED25519} \x1b[2Jme\n".encode(),
}


def cases(name: str) -> list[Any]:
    return [pytest.param(row, id=f"{name}-{number}") for number, row in enumerate(rows(name))]


def refused(act: Callable[[], object], row: dict[str, Json]) -> FlakeshipError:
    """The refusal of an input, whose message can be read."""
    before = tree(Path.cwd())
    with pytest.raises(FlakeshipError) as caught:
        act()
    assert tree(Path.cwd()) == before
    readable(str(caught.value))
    error: FlakeshipError = caught.value
    problems = error.problems if isinstance(error, SettingsError) else [error]
    said = [(each.code, each.key) for each in problems]
    assert (row["code"], row["key"]) in [*said, (error.code, error.key)]
    for each in problems:
        assert each.key
        assert each.given or not needs_value(each), each
        assert each.allowed or each.remedy or "must" in each.what or "needs" in each.what, each
    return error


def needs_value(error: FlakeshipError) -> bool:
    """Whether a message shows the value; never a key, which may be a private one, or user data."""
    secret = any(each in error.key for each in ("authorizedKeys", "hostKey", "userData"))
    return error.code == "setting-invalid" and not secret


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nix/appliance").mkdir(parents=True)
    (tmp_path / "nix/appliance/flake.nix").touch()
    (tmp_path / "folder").mkdir()
    for name, content in KEY_FILES.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("target", "row"),
    [
        pytest.param(target, *case.values, id=case.id)
        for target in registry.names()
        for case in cases(f"settings-{target}")
    ],
)
def test_settings(target: str, row: dict[str, Json]) -> None:
    config = stored(changed({**BASE, "target": target}, row["input"]))

    def read() -> None:
        found, _ = settings.read(config, registry.spec, registry.names())
        keys.public_keys(found.authorized_keys)

    refused(read, row)


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("row", cases("manifests"))
def test_manifests(row: dict[str, Json]) -> None:
    text = row["text"] if "text" in row else json.dumps(manifests.EXAMPLE | row["input"])
    error = refused(lambda: manifest.read(text, "./x#flakeship.a.b"), row)
    assert row.get("names", "") in error.what


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("row", cases("outputs"))
def test_outputs(row: dict[str, Json]) -> None:
    given = changed(stacks.OUTPUTS[0], row["input"])
    stack = Stack("dev", {"resources": [{**stacks.WRITTEN[0]["resources"][0], "outputs": given}]})
    refused(lambda: outputs.read(given, "dev"), row)
    for name in stacks.COMMANDS:
        refused(partial(stacks.COMMANDS[name], stack), row)


READERS = state_files.READERS | {
    "own key": lambda: keys.public_keys([]),
    "orphans": state_files.READERS["local orphans"],
    "write": lambda: files.write(Path(".state/dev/x"), ""),
}


@pytest.mark.parametrize("row", cases("state-files"))
def test_state_files(row: dict[str, Json], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    broken = Path(row["path"])
    for file, text in ((Path(path), text) for path, text in state_files.FILES.items()):
        if broken not in (file, *file.parents):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    broken.parent.mkdir(parents=True, exist_ok=True)
    match row["content"]:
        case str(text):
            broken.write_bytes(text.encode(errors="surrogatepass"))
        case {"directory": True}:
            broken.mkdir()
        case {"bytes": digits}:
            broken.write_bytes(bytes.fromhex(digits))
        case {"link": to}:
            broken.symlink_to(to)
    if row.get("ok"):
        READERS[row["reader"]]()
    else:
        refused(READERS[row["reader"]], row)


def test_there_are_many() -> None:
    assert sum(len(rows(each.stem)) for each in Path(__file__).parent.glob("*.json")) >= 250
