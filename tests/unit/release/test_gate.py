"""Each rule of a gate refuses what does not meet it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from flakeship.config.gate import Gate
from flakeship.model import dsse, provenance
from flakeship.model.errors import FlakeshipError
from flakeship.model.provenance import StackId
from flakeship.model.release import Record
from flakeship.model.statement import Approval, Signature, Statements
from flakeship.release import gate
from flakeship.release.gate import Candidate
from flakeship.ssh import signature
from flakeship.system.backoff import backoff
from flakeship.system.process import run
from tests.project import commit
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


def soak(given: str) -> Gate:
    return Gate.model_validate({"soak": given})


def codes(found: Sequence[FlakeshipError]) -> list[str]:
    return [each.code for each in found]


def test_without_rules_everything_passes() -> None:
    assert refusals(Gate()) == []


def test_named_checks_must_have_passed_there() -> None:
    assert refusals(Gate(checks=["greeting"])) == []
    (refused,) = refusals(Gate(checks=["greeting", "backup"]))
    assert (refused.code, refused.key) == ("gate-checks", "flakeship:gate.checks")
    assert "backup" in refused.what
    assert "greeting, ssh" in refused.allowed


@pytest.mark.parametrize(("minutes", "passes"), [(119, True), (120, True), (121, False)])
def test_a_release_is_to_run_for_a_while(minutes: int, passes: bool) -> None:
    found = refusals(soak(f"{minutes}m"))
    assert codes(found) == ([] if passes else ["gate-soak"])
    assert not found or "2026-11-28 12:01" in found[0].remedy


def test_a_time_that_nobody_recorded_is_no_soak() -> None:
    assert codes(refusals(soak("1s"), at="")) == ["gate-soak"]
    assert codes(refusals(soak("1s"), at="2026-11-28 10:00:00")) == ["gate-soak"]
    assert refusals(Gate(), at="") == []


def test_a_verification_in_the_future_is_a_wrong_clock() -> None:
    tomorrow = (NOW + timedelta(days=1)).isoformat(sep=" ")
    assert codes(refusals(soak("1s"), at=tomorrow)) == ["gate-clock"]
    a_minute = (NOW + timedelta(minutes=1)).isoformat(sep=" ")
    assert codes(refusals(soak("1s"), at=a_minute)) == ["gate-soak"]


@pytest.mark.parametrize("revision", ["", "abc-dirty"])
def test_a_clean_revision(revision: str) -> None:
    (refused,) = refusals(Gate(revision="clean"), of=revision)
    assert (refused.code, refused.given) == ("gate-revision", revision)
    assert refusals(Gate(revision="clean"), of="abc") == []


def test_a_pushed_revision_is_on_a_branch_of_a_remote(tmp_path: Path) -> None:
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    run(["git", "init", "-q", origin])
    commit(origin)
    run(["git", "clone", "-q", origin, clone])
    pushed, local = head(clone), ""
    commit(clone)
    local = head(clone)
    rule = Gate(revision="pushed")
    assert refusals(rule, of=pushed, checkout=clone) == []
    assert codes(refusals(rule, of=local, checkout=clone)) == ["gate-revision"]
    assert codes(refusals(rule, of="0" * 40, checkout=clone)) == ["gate-revision"]
    branch = run(["git", "-C", clone, "branch", "--show-current"]).stdout.strip()
    for name in (f"origin/{branch}", "HEAD~1", "--no-merged"):
        assert codes(refusals(rule, of=name, checkout=clone)) == ["gate-revision"]
    assert codes(refusals(rule, of=f"{pushed}-dirty", checkout=clone)) == ["gate-revision"]


def head(folder: Path) -> str:
    return run(["git", "-C", folder, "rev-parse", "HEAD"]).stdout.strip()


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return new_key(tmp_path / "key")


def new_key(path: Path) -> Path:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "release manager", "-f", path])
    return path


def public(key: Path) -> str:
    return key.with_suffix(".pub").read_text().strip()


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


def test_all_rules_that_refuse_are_told() -> None:
    rules = Gate.model_validate({"soak": "1d", "checks": ["backup"], "revision": "clean"})
    assert codes(refusals(rules)) == ["gate-checks", "gate-soak", "gate-revision"]


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


DEV = StackId("servers", "dev")


def signed(
    key: Path,
    record: Record = VERIFIED,
    stack: StackId = DEV,
    namespace: str = signature.PROVENANCE,
) -> Signature:
    text = dsse.pre_authentication(provenance.statement(record, stack))
    made = signature.sign(text, namespace, key)
    return Signature(record.name, "servers", "dev", signature.identity(public(key)), made)


def unsigned(rules: Gate, *signatures: Signature, record: Record = VERIFIED) -> list[str]:
    candidate = Candidate(record, "dev", "prod", "servers", NOW, Path())
    return codes(gate.refusals(candidate, rules, Statements(signatures=signatures)))


def test_a_provenance_is_signed_by_a_signer(key: Path, tmp_path: Path) -> None:
    rule = Gate(signers=[public(key)])
    assert unsigned(rule) == ["gate-unsigned"]
    assert unsigned(rule, signed(key)) == []
    # one whose key is not in the list any more, or never was
    assert unsigned(rule, signed(new_key(tmp_path / "other"))) == ["gate-unsigned"]
    assert unsigned(Gate(signers=[public(tmp_path / "other")]), signed(key)) == ["gate-unsigned"]
    # a file of keys, and an approver's is none
    assert unsigned(Gate(signers=[str(tmp_path / "key.pub")]), signed(key)) == []
    assert unsigned(Gate(approvers=[public(key)]), signed(key)) == ["gate-approval"]


def test_a_signature_is_for_one_record_one_stack_and_one_purpose(key: Path, tmp_path: Path) -> None:
    rule, other = Gate(signers=[public(key)]), replace(VERIFIED, at="2026-11-28 09:00:00+00:00")
    for wrong in (
        signed(key, other),
        signed(key, stack=StackId("servers", "staging")),
        signed(key, stack=StackId("another", "dev")),
        signed(key, namespace=signature.APPROVAL),
        replace(signed(key), signature=""),
        replace(signed(new_key(tmp_path / "other")), key=signature.identity(public(key))),
    ):
        assert unsigned(rule, wrong) == ["gate-signature"]
        # one that is wrong does not outweigh one that is right
        assert unsigned(rule, wrong, signed(key)) == []
    for elsewhere in ({"stack": "staging"}, {"project": "another"}, {"release": "web-22222222"}):
        assert unsigned(rule, replace(signed(key), **elsewhere)) == ["gate-unsigned"]


def test_a_planted_change_makes_the_signature_wrong(key: Path) -> None:
    rule, given = Gate(signers=[public(key)]), signed(key)
    release, (file,) = VERIFIED.release, VERIFIED.artifact.files
    flipped = replace(file, sha512="0" + file.sha512[1:])
    for change in (
        {"artifact": replace(VERIFIED.artifact, files=(flipped,))},
        {"release": replace(release, revision="0" * 40)},
        {"checks": ("greeting",)},
    ):
        assert unsigned(rule, given, record=replace(VERIFIED, **change)) == ["gate-signature"]


def test_a_signer_is_a_public_key_and_all_that_is_wrong_is_told(key: Path) -> None:
    candidate = Candidate(VERIFIED, "dev", "prod", "servers", NOW, Path())
    rules = Gate(signers=["somebody", public(key)], approvers=[public(key)], checks=["backup"])
    found = gate.refusals(candidate, rules, Statements())
    assert codes(found) == ["gate-checks", "gate-approval", "setting-invalid", "gate-unsigned"]
    assert found[2].key == "flakeship:gate.signers[0]"
    assert "flakeship --stack dev sign web-11111111" in found[3].remedy


def test_a_stack_of_another_project_is_named_with_it(key: Path) -> None:
    there = StackId("base", "dev")
    given = replace(signed(key, stack=there), project="base")
    candidate = Candidate(VERIFIED, "organization/base/dev", "prod", "servers", NOW, Path())
    rules = Gate(signers=[public(key)])
    assert gate.refusals(candidate, rules, Statements(signatures=(given,))) == []
