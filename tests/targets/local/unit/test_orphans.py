"""What a killed run has left is found, removed, and never mixed up with what is in use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.local import orphans

MACHINES, ROOTS = Path(".state/dev/machines"), Path(".state/dev/roots")


def resource(name: str, request: dict[str, str]) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::flakeship::command:local:Command::{name}"
    return {"urn": urn, "inputs": {"stdin": json.dumps(request)}}


STATE: orphans.Resources = [
    {"urn": "urn:pulumi:dev::flakeship::pulumi:pulumi:Stack::flakeship-dev"},
    resource("machine-web-new", {"directory": str(MACHINES / "web-new")}),
    resource("image-host-new", {"root": str(ROOTS / "host-new")}),
]


@pytest.fixture(autouse=True)
def _left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("web-new", "web-serving", "web-left"):
        (MACHINES / name).mkdir(parents=True)
    ROOTS.mkdir()
    for name in ("host-new", "host-new-drv", "host-left", "host-left-drv", "host-left-toplevel"):
        (ROOTS / name).symlink_to("/nix/store/nothing")
    Path(".state/dev/active").mkdir()
    Path(".state/dev/active/web").write_text("web-serving\n")


def test_only_what_nobody_knows_goes() -> None:
    gone = orphans.sweep("dev", {"resources": STATE})
    assert gone == ["web-left", "host-left", "host-left-drv", "host-left-toplevel"]
    assert {path.name for path in MACHINES.iterdir()} == {"web-new", "web-serving"}
    assert {path.name for path in ROOTS.iterdir()} == {"host-new", "host-new-drv"}
    assert orphans.sweep("dev", {"resources": STATE}) == []


def test_after_a_destroy_everything_is_left_over() -> None:
    Path(".state/dev/active/web").unlink()
    orphans.sweep("dev", {})
    assert not MACHINES.exists()
    assert not ROOTS.exists()


def test_a_run_under_way_is_left_alone() -> None:
    with pytest.raises(FlakeshipError, match="a run of the stack dev is under way"):
        orphans.sweep("dev", {"resources": [], "pending_operations": [{}]})
    assert len(list(MACHINES.iterdir())) == 3
