"""`flakeship provenance` and `flakeship sign`: what made a release, and who signs that."""

from __future__ import annotations

from pathlib import Path

from flakeship.model import dsse, ledger, provenance
from flakeship.model.errors import FlakeshipError
from flakeship.model.provenance import StackId
from flakeship.model.release import Record
from flakeship.model.statement import Signature, Statements
from flakeship.operate.statements import record_all
from flakeship.ssh import public_key, signature
from flakeship.state import choice, statements
from flakeship.state.stack import Stack, exported


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
            remedy=f"`flakeship --stack {stack.name} sign {release}`",
        )
    return dsse.envelope(text, found)


def sign(stack: Stack, release: str, key: Path) -> Signature:
    """Sign the statement of a release with a private key file, and record the signature.

    Raises FlakeshipError: no such release, or a key that cannot sign.
    """
    record, at = _record(stack, release), _id(stack)
    public = signature.public(key)
    text = dsse.pre_authentication(provenance.statement(record, at))
    by = signature.sign(text, signature.PROVENANCE, key)
    made = Signature(record.name, at.project, at.stack, public, by)
    record_all(Statements(signatures=(made,)), stack)
    return made


def _record(stack: Stack, release: str) -> Record:
    return ledger.choose(stack.outputs.ledger, release, f"stack {stack.name}")


def _id(stack: Stack) -> StackId:
    return StackId.of(stack.name, choice.project(Path.cwd()))
