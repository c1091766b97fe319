"""What a killed run has left is found, removed, and never mixed up with what is in use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.operate import sweep, target
from flakeship.state.stack import Stack
from flakeship.targets.local.operate import LocalOperator

MACHINES, ROOTS = Path(".state/dev/machines"), Path(".state/dev/roots")


URN = "urn:pulumi:dev::flakeship::command:local:Command"
STATE = {
    "resources": [
        {"urn": "urn:pulumi:dev::flakeship::pulumi:pulumi:Stack::flakeship-dev"},
        {"urn": f"{URN}::machine-web-new"},
        {"urn": f"{URN}::image-host-new"},
    ]
}


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


@pytest.fixture(autouse=True)
def _target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "configuration", lambda _: {})


def swept(state: dict[str, Any]) -> list[str]:
    return list(sweep.sweep(Stack("dev", state)).removed)


def test_only_what_the_state_does_not_have_goes() -> None:
    roots = ["GC root host-left", "GC root host-left-drv", "GC root host-left-toplevel"]
    assert swept(STATE) == ["web-left", *roots]
    assert {path.name for path in MACHINES.iterdir()} == {"web-new", "web-serving"}
    assert {path.name for path in ROOTS.iterdir()} == {"host-new", "host-new-drv"}
    assert swept(STATE) == []


def test_after_a_destroy_everything_is_orphaned() -> None:
    Path(".state/dev/active/web").unlink()
    swept({})
    assert not MACHINES.exists()
    assert not ROOTS.exists()


def test_a_run_under_way_is_left_alone() -> None:
    with pytest.raises(FlakeshipError) as refused:
        LocalOperator(Stack("dev", {"resources": [], "pending_operations": [{}]})).sweep()
    assert refused.value.code == "stack-locked"
    assert len(list(MACHINES.iterdir())) == 3
