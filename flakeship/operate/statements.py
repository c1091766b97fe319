"""`flakeship revoke` and `flakeship approve`: what people state about releases."""

from __future__ import annotations

import getpass
import socket
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from flakeship.config.gate import Gate
from flakeship.model import codec, ledger
from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Approval, Revocation, Statements
from flakeship.model.text import one_line
from flakeship.operate import promote
from flakeship.ssh import public_key, signature
from flakeship.state import choice, statements
from flakeship.state.stack import Stack, exported, setting
from flakeship.system.process import run


def revoke(stack: Stack, release: str, why: str) -> Revocation:
    """Let no stack take a release any more. Raises FlakeshipError where no ledger here has it."""
    record = ledger.choose(stack.outputs.ledger, release, f"stack {stack.name}")
    made = Revocation(record.name, one_line(why), _who(), _now())
    _record(Statements(revocations=(made,)), stack)
    return made


def approve(stack: Stack, release: str, key: Path) -> Approval:
    """Approve a release of the stack before for a stack, signed by a private key file.

    Raises FlakeshipError: no such release there, or a key that cannot sign.
    """
    upstream = promote.source(stack)
    if not upstream:
        raise FlakeshipError(
            "it promotes from no other stack, so nothing is to be approved for it",
            code="nothing-to-approve",
            key=f"stack {stack.name}",
            remedy="choose the stack that promotes with --stack",
        )
    public = _public(key)
    approvers = _approvers(stack)
    if public not in map(signature.identity, approvers):
        raise FlakeshipError(
            "the key is of none of the stack's approvers",
            code="approver-unknown",
            key=str(key),
            allowed=f"a key of flakeship:gate.approvers, which has {len(approvers)}",
            remedy="name another one with --key",
        )
    record = ledger.choose(exported(upstream).outputs.ledger, release, f"stack {upstream}")
    made = Approval(
        record.name,
        choice.project(Path.cwd()),
        choice.own_name(stack.name),
        tuple(file.sha512 for file in record.artifact.files),
        _who(),
        _now(),
        public,
    )
    signed = signature.sign(made, key)
    _record(Statements(approvals=(signed,)), stack)
    return signed


def _record(made: Statements, stack: Stack) -> None:
    """Record statements, and see that they are where this project's stacks read them."""
    statements.add(made, stack.name)
    name = statements.beside(stack.name)
    known = statements.read(exported(name).raw_outputs)
    if known.with_more(made) != known:
        raise FlakeshipError(
            "the statement was recorded in another backend than the stacks of this project have",
            code="statement-elsewhere",
            key=f"stack {name}",
            remedy="set PULUMI_BACKEND_URL to the backend, with an absolute path, and run it again",
        )


def _approvers(stack: Stack) -> list[str]:
    gate = setting(stack, "gate") or "{}"
    try:
        return Gate.model_validate_json(gate, by_name=False).approvers
    except ValidationError as error:
        raise FlakeshipError(
            "the rules of the gate cannot be read",
            code="setting-invalid",
            key="flakeship:gate",
            remedy="`pulumi preview` tells what is wrong",
            details=codec.faults(error)[:1],
        ) from error


def _public(file: Path) -> str:
    """The public key of a key file: its own text, that of the .pub beside it, or derived from it.

    A key with a passphrase has a .pub, and an agent signs. Raises FlakeshipError.
    """
    for candidate in (file, file.with_name(f"{file.name}.pub")):
        if candidate.is_file():
            text = candidate.read_text(errors="replace").strip()
            if not public_key.fault(text):
                return signature.identity(text)
    derived = run(["ssh-keygen", "-y", "-P", "", "-f", file], check=False)
    key = signature.identity(derived.stdout)
    if derived.code != 0 or public_key.fault(key):
        raise FlakeshipError(
            "is no key that can be used",
            code="key-unusable",
            key=str(file),
            remedy="name a private key file with --key, or the .pub of one that the agent has",
            details=derived.stderr.strip().splitlines()[-1:],
        )
    return key


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
