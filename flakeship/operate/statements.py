"""`flakeship revoke` and `flakeship approve`: what people state about releases."""

from __future__ import annotations

import getpass
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from flakeship.config.gate import Gate
from flakeship.model import codec, ledger
from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Approval, Revocation, Statements
from flakeship.model.text import one_line
from flakeship.operate import promote
from flakeship.ssh import keys, signature
from flakeship.state import choice, statements
from flakeship.state.stack import Stack, exported, setting


def revoke(stack: Stack, release: str, why: str) -> Revocation:
    """Let no stack take a release any more. Raises FlakeshipError where no ledger here has it."""
    record = ledger.choose(stack.outputs.ledger, release, f"stack {stack.name}")
    made = Revocation(record.name, one_line(why), _who(), _now())
    record_all(Statements(revocations=(made,)), stack)
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
    public = signature.public(key)
    approvers = _approvers(stack)
    if public not in approvers:
        raise FlakeshipError(
            "the key is of none of the stack's approvers",
            code="approver-unknown",
            key=str(key),
            allowed=f"a key of flakeship:gate.approvers, which has {len(approvers)}",
            remedy="name another one with --key",
        )
    record = ledger.choose(exported(upstream).outputs.ledger, release, f"stack {upstream}")
    ledger.refuse_inconsistent(record, upstream, f"stack {upstream}")
    made = Approval(
        record.name,
        choice.project(Path.cwd()),
        choice.own_name(stack.name),
        tuple(file.sha512 for file in record.artifact.files),
        _who(),
        _now(),
        public,
    )
    signed = replace(made, signature=signature.sign(made.signed, signature.APPROVAL, key))
    record_all(Statements(approvals=(signed,)), stack)
    return signed


def record_all(made: Statements, stack: Stack) -> None:
    """Record statements, and see that they are where this project's stacks read them.

    Raises FlakeshipError: statement-elsewhere, statement-unseen, and as
    flakeship.state.statements.add.
    """
    statements.add(made, stack.name)
    name = statements.beside(stack.name)
    try:
        known = statements.read(exported(name).raw_outputs)
    except FlakeshipError as error:
        raise FlakeshipError(
            f"the statement was recorded, but could not be read again: {error.what}",
            code="statement-unseen",
            key=f"stack {name}",
            given=error.given,
            remedy=error.remedy,
        ) from error
    if known.with_more(made) != known:
        raise FlakeshipError(
            "the statement was recorded in another backend than the stacks of this project have",
            code="statement-elsewhere",
            key=f"stack {name}",
            remedy="set PULUMI_BACKEND_URL to the backend, with an absolute path, and run it again",
        )


def _approvers(stack: Stack) -> set[str]:
    gate = setting(stack, "gate") or "{}"
    try:
        listed = Gate.model_validate_json(gate, by_name=False).approvers
    except ValidationError as error:
        raise FlakeshipError(
            "the rules of the gate cannot be read",
            code="setting-invalid",
            key="flakeship:gate",
            remedy="`pulumi preview` tells what is wrong",
            details=codec.faults(error)[:1],
        ) from error
    return {*map(signature.identity, keys.of_entries(listed, "flakeship:gate.approvers"))}


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
