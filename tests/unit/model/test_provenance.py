"""A statement is about every byte of a record, and says nothing of the workstation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from securesystemslib.dsse import Envelope

from flakeship.model import codec, dsse, provenance
from flakeship.model.authorized_key import AuthorizedKey
from flakeship.model.locked_input import LockedInput
from flakeship.model.provenance import StackId
from flakeship.model.release import Record
from tests.changed import changes
from tests.unit.model.test_ledger import record, release

COMMIT, NAR = "c" * 40, f"sha256-{'A' * 43}="
DEV = StackId("servers", "dev")
INPUTS = (
    LockedInput("self", "./nix", NAR, COMMIT),
    LockedInput("nixpkgs", f"github:NixOS/nixpkgs/{COMMIT}", NAR, COMMIT),
    LockedInput("local", "", NAR),
)
RECORD = TypeAdapter(Record)
WHOLE = replace(
    record(1),
    release=replace(
        release(1, revision=f"{COMMIT}-dirty"),
        firmware="hybrid",
        agent=True,
        rebuildable=False,
        switchable=False,
        keys=(AuthorizedKey(f"SHA256:{'k' * 43}", "me"),),
        inputs=INPUTS,
    ),
    artifact=replace(record(1).artifact, disk=512),
    at="2026-11-28 10:00:00+00:00",
    checks=("greeting", "ssh"),
    origin="before",
    ssh_seconds=13.25,
    check_seconds=4.5,
)


def statement(of: Record = WHOLE, stack: StackId = DEV) -> Any:
    return json.loads(provenance.statement(of, stack))


def texts(value: str) -> Iterator[str]:
    """Texts that differ in one character."""
    for number, each in enumerate(value):
        yield value[:number] + ("0" if each != "0" else "1") + value[number + 1 :]
    yield value[:-1] or f"{value}0"


def test_a_change_of_any_byte_of_a_record_is_another_statement() -> None:
    known, seen = provenance.statement(WHOLE, DEV), 0
    assert codec.sparse(WHOLE).keys() == codec.plain(WHOLE).keys(), "a field has its default"
    assert codec.sparse(WHOLE.release).keys() == codec.plain(WHOLE.release).keys()
    for changed in changes(codec.plain(WHOLE), texts):
        try:
            other = RECORD.validate_python(changed)
        except ValidationError:
            continue  # it is refused when the state is read
        assert provenance.statement(other, DEV) != known, changed
        seen += 1
    assert seen > 500


@pytest.mark.parametrize("revision", [COMMIT, f"{COMMIT}-dirty", ""])
def test_what_the_flake_was_is_told_once_and_whole(revision: str) -> None:
    """Records that differ only in where a revision is have different statements."""
    records = [
        replace(WHOLE, release=replace(WHOLE.release, revision=revision, inputs=inputs))
        for inputs in ((), (LockedInput("self"),), (LockedInput("self", revision=COMMIT),))
    ]
    assert len({provenance.statement(each, DEV) for each in records}) == 3


def test_another_stack_of_the_same_record_has_another_statement() -> None:
    assert len({provenance.statement(WHOLE, StackId(*each)) for each in ("ab", "ba", "aa")}) == 3


def test_what_a_state_has_read_again_gives_the_same_text() -> None:
    read = RECORD.validate_json(json.dumps(codec.plain(WHOLE)))
    as_numbers = json.loads(json.dumps(codec.plain(WHOLE)), parse_int=float)
    for again in (read, RECORD.validate_python(as_numbers)):
        assert provenance.statement(again, DEV) == provenance.statement(WHOLE, DEV)


def test_it_has_what_in_toto_and_slsa_ask_for() -> None:
    said = statement()
    (file,) = WHOLE.artifact.files
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    (subject,) = said["subject"]
    assert (subject["name"], subject["digest"]) == (file.path, {"sha512": file.sha512})
    build = said["predicate"]["buildDefinition"]
    assert build["externalParameters"] == {"flake": "./nix", "host": "web", "variant": "qemu"}
    assert build["internalParameters"]["drv"] == WHOLE.release.drv
    assert build["resolvedDependencies"] == [
        {"name": "self", "digest": {"narHash": NAR, "gitCommit": COMMIT}},
        {
            "name": "nixpkgs",
            "uri": f"github:NixOS/nixpkgs/{COMMIT}",
            "digest": {"narHash": NAR, "gitCommit": COMMIT},
        },
        {"name": "local", "digest": {"narHash": NAR}},
    ]
    run = said["predicate"]["runDetails"]
    assert ":" in run["builder"]["id"]
    assert run["metadata"]["finishedOn"] == "2026-11-28T10:00:00Z"
    assert run["metadata"]["flakeship_verification"]["checks"] == ["greeting", "ssh"]
    assert run["metadata"]["flakeship_verification"]["stack"] == "servers/dev"


@pytest.mark.parametrize(
    ("revision", "known"), [(COMMIT, True), (f"{COMMIT}-dirty", False), ("", False)]
)
def test_the_record_of_an_older_version_has_the_revision_alone(revision: str, known: bool) -> None:
    said = statement(replace(record(1), release=release(1, revision)))
    dependencies = said["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert dependencies == ([{"name": "self", "digest": {"gitCommit": COMMIT}}] if known else [])
    assert "finishedOn" not in said["predicate"]["runDetails"]["metadata"]


def test_others_read_the_envelope() -> None:
    text = provenance.statement(WHOLE, DEV)
    made = json.loads(dsse.envelope(text, {"SHA256:x": "signed"}))
    read = Envelope.from_dict(made)
    assert (read.payload.decode(), read.payload_type) == (text, dsse.IN_TOTO)
    assert read.pae().decode() == dsse.pre_authentication(text)
    assert [each.keyid for each in read.signatures.values()] == ["SHA256:x"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("dev", StackId("servers", "dev")),
        ("somebody/dev", StackId("servers", "dev")),
        ("organization/base/dev", StackId("base", "dev")),
    ],
)
def test_a_whole_name_names_the_project(name: str, found: StackId) -> None:
    assert StackId.of(name, "servers") == found
