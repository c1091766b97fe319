"""A statement that was recorded is told as such, also where it cannot be read again."""

from __future__ import annotations

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Revocation, Statements
from flakeship.operate import statements
from flakeship.state import statements as recording
from flakeship.state.available import unreachable
from flakeship.state.stack import Stack

MADE = Statements(revocations=(Revocation("web-11111111", "why", "me", "2026-11-01"),))


def test_a_statement_that_cannot_be_read_again_was_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded: list[Statements] = []
    lost = unreachable("error: dial tcp 192.0.2.1:5432: i/o timeout")
    assert lost
    assert "changed" not in str(lost)  # of that only its caller can tell

    def exported(_: str) -> Stack:
        raise lost

    monkeypatch.setattr(recording, "add", lambda made, _: recorded.append(made))
    monkeypatch.setattr(statements, "exported", exported)
    with pytest.raises(FlakeshipError) as caught:
        statements.record_all(MADE, Stack("dev", {}))
    assert recorded == [MADE]
    assert (caught.value.code, caught.value.given) == ("statement-unseen", lost.given)
    assert "was recorded" in caught.value.what
    assert "i/o timeout" in caught.value.what
    assert caught.value.remedy == lost.remedy
