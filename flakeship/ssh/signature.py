"""Signatures by a login key, as OpenSSH makes and verifies them (`ssh-keygen -Y`)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Approval
from flakeship.system.process import run
from flakeship.system.temporary import directory

NAMESPACE = "flakeship-approval"
SIGNER = "approver"


def identity(key: str) -> str:
    """The type and the key of a line of authorized_keys, without its comment."""
    return " ".join(key.split()[:2])


def sign(approval: Approval, file: Path) -> Approval:
    """The approval with a signature by a private key file, or by the agent that has it.

    With a .pub ssh-keygen asks the agent first, and else takes the private key beside it. Raises
    FlakeshipError.
    """
    public = file.with_name(f"{file.name}.pub")
    named = str(public if public.is_file() else file)
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", named]
    done = run(argv, stdin=approval.signed, check=False)
    if done.code != 0 or not done.stdout:
        raise FlakeshipError(
            "cannot sign with this key",
            code="signature-failed",
            key=str(file),
            remedy="where it has a passphrase, let the agent sign: `ssh-add` it first",
            details=done.stderr.strip().splitlines()[-1:],
        )
    return replace(approval, signature=done.stdout)


def is_valid(approval: Approval) -> bool:
    """Whether the approval is signed by its own key. Raises FlakeshipError without ssh-keygen."""
    with directory() as folder:
        signers, signature = folder / "signers", folder / "signature"
        signers.write_text(f"{SIGNER} {identity(approval.key)}\n")
        signature.write_text(approval.signature)
        words = ["-I", SIGNER, "-n", NAMESPACE, "-s", str(signature), "-f", str(signers)]
        argv = ["ssh-keygen", "-q", "-Y", "verify", *words]
        return run(argv, stdin=approval.signed, check=False).code == 0
