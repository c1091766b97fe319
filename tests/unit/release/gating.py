"""What the tests of gates have in common: one verified release, and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flakeship.config.gate import Gate
from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Approval, Statements
from flakeship.release import gate
from flakeship.release.gate import Candidate
from flakeship.system.process import run
from tests.unit.model.test_ledger import record, release

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
VERIFIED = replace(record(1), at="2026-11-28 10:00:00+00:00", checks=("greeting", "ssh"))


def refusals(
    rules: Gate,
    *approvals: Approval,
    of: str = "",
    at: str = VERIFIED.at,
    checkout: Path = Path(),
) -> Sequence[FlakeshipError]:
    made = replace(VERIFIED, at=at, release=release(1, revision=of))
    candidate = Candidate(made, "dev", "prod", "servers", NOW, checkout)
    return gate.refusals(candidate, rules, Statements(approvals=approvals))


def codes(found: Sequence[FlakeshipError]) -> list[str]:
    return [each.code for each in found]


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return new_key(tmp_path / "key")


def new_key(path: Path) -> Path:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "release manager", "-f", path])
    return path


def public(key: Path) -> str:
    return key.with_suffix(".pub").read_text().strip()
