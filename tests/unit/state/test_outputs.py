"""The stack's outputs: what is written can be read, by this version and around others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Artifact, File
from flakeship.state import outputs
from flakeship.state.outputs import SCHEMA, ServerOutput
from tests.unit.model.test_ledger import KNOWN

WEB = ServerOutput(
    target="local",
    machine="web-33333333-32eb",
    release="web-33333333",
    address="127.0.0.1",
    ports={"80": "127.0.0.1:8080"},
    ssh="ssh -F .state/dev/ssh_config web",
    checks="14 passed",
    details={"host": "here", "data": {"pg": 1024}},
)
RECORDED = Path(__file__).with_name("recorded")


def written(**more: Any) -> dict[str, Any]:
    """As a run writes them, and the state gives them back."""
    plain = {
        "flakeship": outputs.header("local"),
        "running": {"web": "web-33333333"},
        "releases": outputs.ledger(KNOWN),
        "servers": {"web": WEB.plain()},
        "local": {"anything": 1},
        **more,
    }
    found: dict[str, Any] = json.loads(json.dumps(plain))
    return found


def test_what_is_written_is_read() -> None:
    found = outputs.read(written(), "dev")
    assert (found.schema, found.target) == (SCHEMA, "local")
    assert found.servers == {"web": WEB}
    assert list(found.ledger) == KNOWN
    assert found.details == {"anything": 1}


def test_the_state_has_only_one_kind_of_number() -> None:
    header = {"schema": float(SCHEMA), "version": "0.2.0", "target": "local"}
    given = written(flakeship=header)
    given["releases"][0]["artifact"]["files"][0]["size"] = 1003.0
    found = outputs.read(given, "dev")
    assert found.schema == SCHEMA
    assert list(found.ledger) == KNOWN


def test_a_new_stack_has_none() -> None:
    assert outputs.read({}, "dev").schema is None


def test_what_this_version_does_not_know_is_kept() -> None:
    server = {**WEB.plain(), "rollout": "replace"}
    found = outputs.read(written(promoted={"from": "dev"}, servers={"web": server}), "dev")
    assert found.unknown == {"promoted": {"from": "dev"}}
    assert found.unknown_of_servers == {"web": {"rollout": "replace"}}
    assert found.servers == {"web": WEB}


def test_a_newer_version_is_refused_by_name() -> None:
    header = {"schema": SCHEMA + 1, "version": "9.9", "target": "local"}
    with pytest.raises(FlakeshipError) as caught:
        outputs.read(written(flakeship=header), "prod")
    assert (caught.value.code, caught.value.key) == ("outputs-newer", "stack prod")
    assert "Flakeship 9.9" in caught.value.what


@pytest.mark.parametrize(
    "wrong",
    [
        {"flakeship": 7},
        {"flakeship": {"schema": "x"}},
        {"running": [1]},
        {"releases": [{"name": "web"}]},
        {"releases": 3},
        {"releases": [None]},
        {"releases": [{"artifact": {}}]},
        {"releases": "web"},
        {"flakeship": None, "releases": ["web"]},
        {"servers": {"web": "here"}},
        {"servers": {"web": {"target": "local"}}},
        {"servers": "web"},
        {"machines": {"web": 3}},
        {"flakeship": None, "servers": {"web": {}}},
        {"flakeship": None, "servers": {"web": {"machine": "x"}}},
        {"flakeship": None, "servers": [1]},
    ],
)
def test_what_nobody_has_written_is_one_line_with_the_remedy(wrong: dict[str, Any]) -> None:
    with pytest.raises(FlakeshipError) as caught:
        outputs.read(written(**wrong), "dev")
    assert (caught.value.code, caught.value.key) == ("outputs-unreadable", "stack dev")
    assert "pulumi stack import" in caught.value.remedy
    assert "\n" not in str(caught.value)


SINGLE_FILE: dict[str, Any] = {
    "disk": 1024,
    "release": {
        "agent": False,
        "disk": 1024,
        "drv": "/nix/store/0yh6lyyqxd1n7gv7ckqxwqrjlybjh8yb-appliance-image.drv",
        "file": "appliance.qcow2",
        "firmware": "bios",
        "format": "qcow2",
        "host": "appliance",
        "memory": 256,
        "out": "/nix/store/69x5rsicqbfbkvb7gvrsmn6hg3bd6pr4-appliance-image",
        "revision": "4f54865-dirty",
        "system": "x86_64-linux",
        "toplevel": "/nix/store/p8hsw6bkd2vvzxb8yslw9x3bysy9v4lb-nixos-system-appliance",
        "user": "nixos",
        "variant": "qemu",
        "version": "12.7",
    },
    "sha512": "ab" * 64,
    "size": 41943040.0,
}
"""A record as stacks have it from when a release was a single file."""


@pytest.mark.parametrize(("file", "below"), [("appliance.qcow2", "/appliance.qcow2"), ("", "")])
def test_a_record_of_a_single_file_is_read(file: str, below: str) -> None:
    old = {**SINGLE_FILE, "release": {**SINGLE_FILE["release"], "file": file}}
    (found,) = outputs.read({"running": {"appliance": "x"}, "releases": [old]}, "dev").ledger
    path = f"/nix/store/69x5rsicqbfbkvb7gvrsmn6hg3bd6pr4-appliance-image{below}"
    assert found.name == "appliance-69x5rsic"
    assert found.release.paths == [path]
    assert found.release.revision == "4f54865-dirty"
    assert found.artifact == Artifact((File(path, 41943040, "ab" * 64),), 1024)
