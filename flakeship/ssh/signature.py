"""Signatures by a login key, as OpenSSH makes and verifies them (`ssh-keygen -Y`)."""

from __future__ import annotations

from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.ssh import public_key
from flakeship.system.process import run
from flakeship.system.temporary import directory

APPROVAL = "flakeship-approval"
PROVENANCE = "flakeship-provenance"
"""The namespaces: a signature in one of them is none in the other."""
SIGNER = "signer"


def identity(key: str) -> str:
    """The type and the key of a line of authorized_keys, without its comment."""
    return " ".join(key.split()[:2])


def public(file: Path) -> str:
    """The public key of a key file: its own text, that of the .pub beside it, or derived from it.

    A key with a passphrase has a .pub, and an agent signs. Raises FlakeshipError.
    """
    for candidate in (file, file.with_name(f"{file.name}.pub")):
        if candidate.is_file():
            text = candidate.read_text(errors="replace").strip()
            if not public_key.fault(text):
                return identity(text)
    derived = run(["ssh-keygen", "-y", "-P", "", "-f", file], check=False)
    key = identity(derived.stdout)
    if derived.code != 0 or public_key.fault(key):
        raise FlakeshipError(
            "is no key that can be used",
            code="key-unusable",
            key=str(file),
            remedy="name a private key file with --key, or the .pub of one that the agent has",
            details=derived.stderr.strip().splitlines()[-1:],
        )
    return key


def sign(text: str, namespace: str, file: Path) -> str:
    """The signature of a text by a private key file, or by the agent that has it.

    With a .pub ssh-keygen asks the agent first, and else takes the private key beside it. Raises
    FlakeshipError.
    """
    beside = file.with_name(f"{file.name}.pub")
    named = str(beside if beside.is_file() else file)
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", named]
    done = run(argv, stdin=text, check=False)
    if done.code != 0 or not done.stdout:
        raise FlakeshipError(
            "cannot sign with this key",
            code="signature-failed",
            key=str(file),
            remedy="where it has a passphrase, let the agent sign: `ssh-add` it first",
            details=done.stderr.strip().splitlines()[-1:],
        )
    return done.stdout


def is_valid(text: str, namespace: str, key: str, signature: str) -> bool:
    """Whether a public key has signed a text. Raises FlakeshipError without ssh-keygen."""
    with directory() as folder:
        signers, file = folder / "signers", folder / "signature"
        signers.write_text(f"{SIGNER} {identity(key)}\n")
        file.write_text(signature)
        words = ["-I", SIGNER, "-n", namespace, "-s", str(file), "-f", str(signers)]
        argv = ["ssh-keygen", "-q", "-Y", "verify", *words]
        return run(argv, stdin=text, check=False).code == 0
