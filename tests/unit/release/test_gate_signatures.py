"""A signature is for one record in one stack, by the key of a signer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flakeship.config.gate import Gate
from flakeship.model import dsse, provenance
from flakeship.model.provenance import StackId
from flakeship.model.release import Record
from flakeship.model.statement import Signature, Statements
from flakeship.release import gate
from flakeship.release.gate import Candidate
from flakeship.ssh import signature
from tests.unit.release.gating import NOW, VERIFIED, codes, key, new_key, public

__all__ = ["key"]

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
