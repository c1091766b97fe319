"""`flakeship revoke` and `flakeship approve`: what people state about releases."""

from __future__ import annotations

import getpass
import json
import socket
from datetime import UTC, datetime
from pathlib import Path

from flakeship.model import ledger
from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Approval, Revocation, Statements
from flakeship.operate import promote
from flakeship.ssh import public_key, signature
from flakeship.state import choice, statements
from flakeship.state.stack import Stack, configuration, exported
from flakeship.system.process import run


def revoke(stack: Stack, release: str, why: str) -> Revocation:
    """Let no stack take a release any more. Raises FlakeshipError where no ledger here has it."""
    record = ledger.choose(stack.outputs.ledger, release, f"stack {stack.name}")
    made = Revocation(record.name, why, _who(), _now())
    statements.add(Statements(revocations=(made,)), stack.name)
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
        choice.own_name(stack.name),
        tuple(file.sha512 for file in record.artifact.files),
        _who(),
        _now(),
        public,
    )
    signed = signature.sign(made, key)
    statements.add(Statements(approvals=(signed,)), stack.name)
    return signed


def _approvers(stack: Stack) -> list[str]:
    gate = configuration(stack).get("flakeship:gate", {}).get("value") or "{}"
    return [str(each) for each in json.loads(gate).get("approvers") or ()]


def _public(private: Path) -> str:
    """The public key of a private key file. Raises FlakeshipError."""
    derived = run(["ssh-keygen", "-y", "-f", private], check=False)
    key = signature.identity(derived.stdout)
    if derived.code != 0 or public_key.fault(key):
        raise FlakeshipError(
            "is no private key that can be used",
            code="key-unusable",
            key=str(private),
            remedy="name a private key file with --key",
            details=derived.stderr.strip().splitlines()[-1:],
        )
    return key


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
