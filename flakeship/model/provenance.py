"""The provenance of a release: an in-toto statement, made of its record in a ledger alone.

Every field of the record is in it, and equal records are equal texts: so a signature of the text
holds for the record, and a change of any of its bytes is found (docs/reference/provenance.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flakeship.model import codec
from flakeship.model.locked_input import SELF, LockedInput
from flakeship.model.release import Artifact, Record, Release
from flakeship.model.times import parsed

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD = "urn:flakeship:release:1"
"""The meaning of the parameters. Another one of the same record raises the number."""
BUILDER = "urn:flakeship:workstation"
DIRTY = "-dirty"


@dataclass(frozen=True)
class StackId:
    """The stack whose ledger has a record: the project, and the stack's own name in it."""

    project: str
    stack: str

    @classmethod
    def of(cls, stack: str, project: str) -> StackId:
        """A stack by its name; only a whole one names another project than `project`."""
        parts = stack.split("/")
        return cls(parts[1] if len(parts) == 3 else project, parts[-1])

    def __str__(self) -> str:
        return f"{self.project}/{self.stack}"


def statement(record: Record, stack: StackId) -> str:
    """The statement as JSON with sorted keys, without blanks: the bytes that are signed."""
    return canonical(record.artifact, PROVENANCE, _predicate(record, stack))


def how_to_sign(stack: str, release: str) -> str:
    """The commands of a signer, who reads the statement between the two."""
    flakeship, file = f"flakeship --stack {stack}", "statement.json"
    return (
        f"`{flakeship} provenance {release} --output {file}`, reads {file}, and runs "
        f"`{flakeship} sign {release} --statement {file}`"
    )


def canonical(artifact: Artifact, kind: str, predicate: Mapping[str, Any]) -> str:
    """An in-toto statement about the files of an artifact."""
    made = {
        "_type": STATEMENT,
        "subject": _subjects(artifact),
        "predicateType": kind,
        "predicate": predicate,
    }
    return json.dumps(made, sort_keys=True, separators=(",", ":"))


def _predicate(record: Record, stack: StackId) -> dict[str, Any]:
    # without defaults: a field that a later version adds changes no statement of an older record
    internal = codec.sparse(record.release)
    internal.pop("inputs", None)
    external = {name: internal.pop(name) for name in ("host", "variant")}
    verified = codec.sparse(record)
    del verified["release"]
    artifact: Any = verified.pop("artifact")
    del artifact["files"]
    for own in record.release.inputs[:1]:
        external["flake"] = own.reference
    at = parsed(record.at)
    finished = {"finishedOn": at.strftime("%Y-%m-%dT%H:%M:%SZ")} if at else {}
    return {
        "buildDefinition": {
            "buildType": BUILD,
            "externalParameters": external,
            "internalParameters": internal,
            "resolvedDependencies": [*_dependencies(record.release)],
        },
        "runDetails": {
            "builder": {"id": BUILDER},
            "metadata": {
                **finished,
                "flakeship_verification": {"stack": str(stack), **artifact, **verified},
            },
        },
    }


def _subjects(artifact: Artifact) -> list[dict[str, Any]]:
    found = []
    for file in map(codec.sparse, artifact.files):
        name, digest = file.pop("path"), {"sha512": file.pop("sha512")}
        found.append({"name": name, "digest": digest, "annotations": file})
    return found


def _dependencies(release: Release) -> Iterator[dict[str, Any]]:
    """The flake and its inputs; in a record of an older version the git revision is all."""
    # with uncommitted changes the sources are no commit's; the parameter `revision` tells which one
    known = "" if release.revision.endswith(DIRTY) else release.revision
    own, *others = release.inputs or [LockedInput(SELF, revision=known)]
    digest = _digest(own)
    if digest or own.name != SELF:
        yield {"name": own.name, "digest": digest}
    for each in others:
        uri = {"uri": each.reference} if each.reference else {}
        yield {"name": each.name, "digest": _digest(each), **uri}


def _digest(locked: LockedInput) -> dict[str, str]:
    given = {"narHash": locked.nar_hash, "gitCommit": locked.revision}
    return {name: value for name, value in given.items() if value}
