"""`flakeship sweep` removes what killed runs have left on the workstation."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.operate import actions
from flakeship.state.stack import Stack
from flakeship.system import temporary
from tests.unit.operate.test_verify import header


def test_abandoned_temporary_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stack = Stack("dev", {"resources": [header("local")]})
    with temporary.directory() as used:
        left = used.with_name("left")
        (left / "control").mkdir(parents=True)
        assert actions.sweep(stack).removed == [".state/tmp/left"]
        assert used.is_dir()
        assert not left.exists()
        assert actions.sweep(stack).removed == []
