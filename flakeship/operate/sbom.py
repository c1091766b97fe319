"""`flakeship sbom`: everything that a release's system refers to at run time, as CycloneDX."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6

from flakeship import __version__
from flakeship.model import dsse, ledger, provenance
from flakeship.model.release import Record
from flakeship.model.times import parsed
from flakeship.nix import closure
from flakeship.nix.closure import Member
from flakeship.ssh import public_key, signature
from flakeship.state.stack import Stack

BOM = "https://cyclonedx.org/bom"


def show(stack: Stack, release: str) -> str:
    """The CycloneDX document of a release in the stack's ledger. Raises FlakeshipError."""
    return document(*_found(stack, release))


def signed(stack: Stack, release: str, key: Path) -> str:
    """The DSSE envelope of an in-toto statement that has the document, signed by a key file.

    Raises FlakeshipError.
    """
    record, members = _found(stack, release)
    ledger.refuse_inconsistent(record, stack.name, f"stack {stack.name}")
    predicate = json.loads(document(record, members))
    text = provenance.canonical(record.artifact, BOM, predicate)
    by = public_key.fingerprint(signature.public(key))
    made = signature.sign(dsse.pre_authentication(text), signature.PROVENANCE, key)
    return dsse.envelope(text, {by: made})


def document(record: Record, members: list[Member]) -> str:
    """The CycloneDX document of a closure, the same for the same record, closure and version.

    The properties are those of nixpkgs' taxonomy for CycloneDX.
    """
    components = {member.path: _component(member) for member in members}
    toplevel = components.pop(record.release.toplevel)
    toplevel.type = ComponentType.OPERATING_SYSTEM
    tool = Component(name="flakeship", version=__version__, type=ComponentType.APPLICATION)
    bom = Bom(
        components=components.values(),
        dependencies=_dependencies(members),
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"nix:{record.release.toplevel}?{record.at}"),
        metadata=BomMetaData(
            component=toplevel,
            tools=ToolRepository(components=[tool]),
            timestamp=parsed(record.at) or datetime.fromtimestamp(0, UTC),
        ),
    )
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _component(member: Member) -> Component:
    name, version = member.name_and_version
    return Component(
        name=name,
        version=version or None,
        bom_ref=member.path,
        properties=[
            Property(name="nix:store_path", value=member.path),
            Property(name="nix:narinfo:nar_hash", value=member.nar_hash),
            Property(name="nix:narinfo:nar_size", value=str(member.nar_size)),
        ],
    )


def _dependencies(members: list[Member]) -> list[Dependency]:
    # Bom.register_dependency searches all of them each time: 14 s for 1,500 paths instead of 4
    ends = {member.path: Dependency(BomRef(member.path)) for member in members}
    return [
        Dependency(BomRef(member.path), [ends[path] for path in member.references])
        for member in members
    ]


def _found(stack: Stack, release: str) -> tuple[Record, list[Member]]:
    record = ledger.choose(stack.outputs.ledger, release, f"stack {stack.name}")
    return record, closure.read(record.release.toplevel, record.name)
