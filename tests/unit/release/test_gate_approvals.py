"""An approval is for one release, one stack and these bytes, by the key of an approver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from flakeship.config.gate import Gate
from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Approval
from flakeship.ssh import signature
from flakeship.system.backoff import backoff
from flakeship.system.process import run
from tests.unit.release.gating import VERIFIED, codes, key, new_key, public, refusals

__all__ = ["key"]


def approval(key: Path) -> Approval:
    files = tuple(file.sha512 for file in VERIFIED.artifact.files)
    made = Approval(
        VERIFIED.name,
        "servers",
        "prod",
        files,
        "a@b",
        "2026-11-28",
        signature.identity(public(key)),
    )
    return replace(made, signature=signature.sign(made.signed, signature.APPROVAL, key))


def test_an_approval_is_signed_by_an_approver(key: Path, tmp_path: Path) -> None:
    rule = Gate(approvers=[public(key)])
    assert codes(refusals(rule)) == ["gate-approval"]
    given = approval(key)
    assert refusals(rule, given) == []
    assert codes(refusals(rule, approval(new_key(tmp_path / "other")))) == ["gate-approval"]
    both = Gate(approvers=[public(tmp_path / "other"), public(key)])
    assert refusals(both, given) == []


@pytest.mark.parametrize(
    "change",
    [
        {"release": "web-22222222"},
        {"stack": "staging"},
        {"project": "another"},
        {"sha512": ("0" * 128,)},
        {"by": "somebody@else"},
        {"at": "2026-11-29"},
        {"signature": ""},
    ],
)
def test_an_approval_is_for_one_release_one_stack_and_these_bytes(
    key: Path, change: dict[str, object]
) -> None:
    forged = replace(approval(key), **change)  # type: ignore[arg-type]
    assert codes(refusals(Gate(approvers=[public(key)]), forged)) == ["gate-approval"]


def test_an_approval_by_a_forged_key_is_none(key: Path, tmp_path: Path) -> None:
    """Its signature is valid, but by another key than the one that it claims."""
    other = new_key(tmp_path / "other")
    forged = replace(approval(other), key=signature.identity(public(key)))
    assert codes(refusals(Gate(approvers=[public(key)]), forged)) == ["gate-approval"]


def test_an_approver_is_a_public_key() -> None:
    (refused, missing) = refusals(Gate(approvers=["somebody"]))
    assert refused.key == "flakeship:gate.approvers[0]"
    assert missing.code == "gate-approval"


def test_a_key_with_a_passphrase_signs_by_the_agent(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with agent(tmp_path, monkeypatch):
        run(["ssh-add", "-q", key])
        run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", key])
        assert refusals(Gate(approvers=[public(key)]), approval(key)) == []
        run(["ssh-add", "-q", "-D"])
        with pytest.raises(FlakeshipError) as refused:
            approval(key)
        assert (refused.value.code, refused.value.key) == ("signature-failed", str(key))


@contextmanager
def agent(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An agent of the test's own."""
    with Popen(["ssh-agent", "-D", "-a", str(path / "agent")], stdout=DEVNULL) as process:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path / "agent"))
        assert any((path / "agent").exists() for _ in backoff(10))
        yield
        process.terminate()
