"""What people have stated about releases: who revoked, approved or signed one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypeVar

from flakeship.model import codec
from flakeship.model.fields import Raw, Text, Word
from flakeship.model.release import Artifact, ReleaseName

T = TypeVar("T")


@dataclass(frozen=True)
class Revocation:
    """No stack takes the release any more. `at` is a time with its zone (ISO 8601)."""

    release: ReleaseName
    why: Text
    by: Text
    at: Text

    def __str__(self) -> str:
        return f"{self.release} was revoked at {self.at} by {self.by}: {self.why}"


@dataclass(frozen=True)
class Approval:
    """A stack may take the release, as far as the one is concerned whose public key signed it.

    It is about bytes: `sha512` are those of the release's files. `signature` is what `ssh-keygen -Y
    sign` wrote, over `signed`.
    """

    release: ReleaseName
    project: Text
    stack: Word
    sha512: tuple[str, ...]
    by: Text
    at: Text
    key: Text
    signature: Raw = ""

    @property
    def signed(self) -> str:
        """The text that was signed."""
        return codec.dump(replace(self, signature=""))

    def is_of(self, release: str, project: str, stack: str, artifact: Artifact) -> bool:
        """Whether it is about these bytes in that stack of a project."""
        files = tuple(file.sha512 for file in artifact.files)
        about = (self.release, self.project, self.stack, self.sha512)
        return about == (release, project, stack, files)


@dataclass(frozen=True)
class Signature:
    """The provenance of a release, as the ledger of a stack has it, signed by a public key.

    `signature` is what `ssh-keygen -Y sign` wrote, over the DSSE encoding of the statement.
    """

    release: ReleaseName
    project: Text
    stack: Word
    key: Text
    signature: Raw


@dataclass(frozen=True)
class Statements:
    """All statements of a project, in the order in which they were made."""

    revocations: tuple[Revocation, ...] = ()
    approvals: tuple[Approval, ...] = ()
    signatures: tuple[Signature, ...] = ()

    def revoked(self, release: str) -> Revocation | None:
        """The first revocation of a release."""
        return next((each for each in self.revocations if each.release == release), None)

    def signed(self, release: str, project: str, stack: str) -> list[Signature]:
        """The signatures of a release's provenance in a stack of a project."""
        about = (release, project, stack)
        return [s for s in self.signatures if (s.release, s.project, s.stack) == about]

    def with_more(self, more: Statements) -> Statements:
        """These, and those of `more` that are not among them."""
        return Statements(
            _joined(self.revocations, more.revocations),
            _joined(self.approvals, more.approvals),
            _joined(self.signatures, more.signatures),
        )


def _joined(known: Collection[T], more: Collection[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys([*known, *more]))
