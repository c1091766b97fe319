"""The list of a closure is valid CycloneDX, the same each time, and names every path."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from flakeship.model.release import Record
from flakeship.nix.closure import Member
from flakeship.operate import sbom
from tests.unit.model.test_ledger import record

AT = "2026-11-28 10:00:00+00:00"
RECORD = replace(record(1), at=AT)
SYSTEM = RECORD.release.toplevel
GLIBC, ETC = (f"/nix/store/{'b' * 32}-{name}" for name in ("glibc-2.40", "etc"))
MEMBERS = [
    Member(SYSTEM, "sha256-a", 1, (GLIBC, ETC)),
    Member(GLIBC, "sha256-b", 2, ()),
    Member(ETC, "sha256-c", 3, (GLIBC,)),
]


def fault(text: str) -> str:
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return str(found.data) if found else ""


@pytest.mark.parametrize("made", [RECORD, record(1)])
def test_it_is_valid(made: Record) -> None:
    text = sbom.document(made, MEMBERS)
    assert fault(text) == ""
    wrong = json.loads(text) | {"unheard": "of"}
    assert fault(json.dumps(wrong))


def test_it_names_every_path_of_the_closure() -> None:
    said = json.loads(sbom.document(RECORD, MEMBERS))
    found = {each["bom-ref"]: each for each in said["components"]}
    assert found.keys() == {GLIBC, ETC}
    assert (found[GLIBC]["name"], found[GLIBC]["version"]) == ("glibc", "2.40")
    assert (found[ETC]["name"], found[ETC].get("version")) == ("etc", None)
    properties = {each["name"]: each["value"] for each in found[GLIBC]["properties"]}
    assert properties["nix:store_path"] == GLIBC
    assert properties["nix:narinfo:nar_hash"] == "sha256-b"
    assert said["metadata"]["component"]["bom-ref"] == SYSTEM
    assert {each["ref"]: set(each.get("dependsOn", [])) for each in said["dependencies"]} == {
        SYSTEM: {GLIBC, ETC},
        GLIBC: set(),
        ETC: {GLIBC},
    }


def test_it_is_the_same_each_time() -> None:
    text = sbom.document(RECORD, MEMBERS)
    assert sbom.document(RECORD, MEMBERS[::-1]) == text
    later = replace(RECORD, at="2026-11-29 10:00:00+00:00")
    numbers = [json.loads(sbom.document(each, MEMBERS))["serialNumber"] for each in (later, RECORD)]
    assert len({*numbers}) == 2
