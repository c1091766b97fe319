"""`flakeship provenance` and `flakeship sign`: what made a release, and who signs that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from flakeship.model import dsse, ledger, provenance
from flakeship.model.errors import FlakeshipError
from flakeship.model.provenance import StackId
from flakeship.model.release import File, Record
from flakeship.model.statement import Signature, Statements
from flakeship.operate.statements import record_all
from flakeship.ssh import public_key, signature
from flakeship.state import choice, statements
from flakeship.state.stack import Stack, exported


@dataclass(frozen=True)
class Signed:
    """What a signature is about: `statement` is the sha512 of its text, in hexadecimal."""

    release: str
    stack: str
    statement: str
    files: tuple[File, ...]


def show(stack: Stack, release: str) -> str:
    """The in-toto statement of a release in the stack's ledger. Raises FlakeshipError."""
    return provenance.statement(_record(stack, release), _id(stack))


def signed(stack: Stack, release: str) -> str:
    """The DSSE envelope of the statement, with each recorded signature that is valid for it.

    Raises FlakeshipError where there is none.
    """
    text, at = show(stack, release), _id(stack)
    signable = dsse.pre_authentication(text)
    known = statements.read(exported(statements.beside(stack.name)).raw_outputs)
    found = {
        public_key.fingerprint(each.key): each.signature
        for each in known.signed(release, at.project, at.stack)
        if not public_key.fault(each.key)
        and signature.is_valid(signable, signature.PROVENANCE, each.key, each.signature)
    }
    if not found:
        raise FlakeshipError(
            f"nobody has signed the provenance of {release} as it is now",
            code="unsigned",
            key=f"stack {stack.name}",
            remedy=f"a signer runs {provenance.how_to_sign(stack.name, release)}",
        )
    return dsse.envelope(text, found)


def sign(stack: Stack, release: str, key: Path, statement: Path) -> Signed:
    """Sign the statement of a release with a private key file, and record the signature.

    `statement` is the file that the signer has read, as `flakeship provenance` wrote it: the state
    may have changed since then. Raises FlakeshipError: no such release, a record without the hash
    of each file, another statement than the state has now, or a key that cannot sign.
    """
    record, at = _record(stack, release), _id(stack)
    ledger.refuse_inconsistent(record, stack.name, f"stack {stack.name}")
    text = provenance.statement(record, at)
    if _read(statement) != text.encode():
        raise FlakeshipError(
            f"is not what the state of the stack {stack.name} says of {record.name} now",
            code="statement-differs",
            key=str(statement),
            remedy="find out who changed which of the two; to sign what the state says now: "
            + provenance.how_to_sign(stack.name, record.name),
        )
    public = signature.public(key)
    by = signature.sign(dsse.pre_authentication(text), signature.PROVENANCE, key)
    made = Signature(record.name, at.project, at.stack, public, by)
    record_all(Statements(signatures=(made,)), stack)
    digest = hashlib.sha512(text.encode()).hexdigest()
    return Signed(record.name, at.stack, digest, record.artifact.files)


def _read(statement: Path) -> bytes:
    """The text of a statement, without the line break that a shell's redirection leaves."""
    try:
        return statement.read_bytes().removesuffix(b"\n")
    except OSError as error:
        raise FlakeshipError(
            f"cannot be read: {error.strerror}",
            code="statement-unreadable",
            key=str(statement),
            remedy="name the file that `flakeship provenance` wrote",
        ) from error


def _record(stack: Stack, release: str) -> Record:
    return ledger.choose(stack.outputs.ledger, release, f"stack {stack.name}")


def _id(stack: Stack) -> StackId:
    return StackId.of(stack.name, choice.project(Path.cwd()))
