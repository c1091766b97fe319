"""What nix/ is locked to, without anything being fetched."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from flakeship.nix.store import NIX
from flakeship.system.process import run
from tests.project import ROOT

LOCK: dict[str, Any] = json.loads((ROOT / "nix/flake.lock").read_text())


@pytest.fixture(scope="module")
def inputs() -> dict[str, Any]:
    """The inputs as the flake states them."""
    argv = [*NIX, "eval", "--json", "--file", f"{ROOT}/nix/flake.nix", "inputs"]
    found: dict[str, Any] = json.loads(run(argv).stdout)
    return found


def test_nixpkgs_is_pinned() -> None:
    locked = LOCK["nodes"]["nixpkgs"]["locked"]
    assert locked == {
        "lastModified": 1784011430,
        "narHash": "sha256-lDebytrYdd47IBLwvNOD+6AGeoqZ78CIKlp70hzW280=",
        "owner": "NixOS",
        "repo": "nixpkgs",
        "rev": "8eeec934ae0dbeca3d7868c059568a65c08b2fc3",
        "type": "github",
    }


def test_there_are_no_other_inputs_than_the_lock_knows(inputs: dict[str, Any]) -> None:
    assert LOCK["nodes"]["root"]["inputs"] == {"nixpkgs": "nixpkgs", "access": "access"}
    assert set(LOCK["nodes"]) == {"root", "nixpkgs", "access"}
    assert set(inputs) == {"nixpkgs", "access"}


def test_the_flake_and_its_lock_agree(inputs: dict[str, Any]) -> None:
    asked = LOCK["nodes"]["nixpkgs"]["original"]
    assert asked["ref"] == "nixos-26.05"
    assert inputs["nixpkgs"]["url"] == f"github:{asked['owner']}/{asked['repo']}/{asked['ref']}"
    access = LOCK["nodes"]["access"]
    assert inputs["access"] == {"url": f"path:{access['original']['path']}", "flake": False}
    assert not access["flake"]


def test_everything_is_locked() -> None:
    """By a hash or, within this flake, by being a part of it."""
    for name, node in LOCK["nodes"].items():
        locked = node.get("locked", {})
        within = locked.get("type") == "path" and locked["path"].startswith("./")
        hashed = re.match("sha256-", locked.get("narHash", "")) and locked.get("rev")
        assert name == "root" or within or hashed, name


def test_no_key_lies_in_the_flake() -> None:
    lines = (ROOT / "nix/access/authorized_keys").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
