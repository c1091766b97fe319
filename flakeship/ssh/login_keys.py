"""The keys that this workstation can log in with, by their fingerprints."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.ssh import public_key
from flakeship.system.files import expanded
from flakeship.system.process import run

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
# what ssh tries beside the agent where it is given no file, in the home that the system knows
DEFAULTS = tuple(
    Path(pwd.getpwuid(os.getuid()).pw_dir, ".ssh", name)
    for name in ("id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk")
)
AGENT = "ssh-agent"
PATIENCE = 10.0  # seconds for the agent


def of_file(file: str) -> str:
    """The fingerprint of a private key file, which may have a passphrase.

    Raises FlakeshipError (identity-unusable) where ssh would not use the file.
    """
    if _exposed(Path(file)):
        raise FlakeshipError(
            "others may read this private key, so ssh ignores it",
            code="identity-unusable",
            key=file,
            remedy=f"`chmod 600 {file}`",
        )
    done = run(["ssh-keygen", "-l", "-E", "sha256", "-f", file], check=False)
    if found := FINGERPRINT.search(done.stdout):
        return found[0]
    raise FlakeshipError(
        "is no key that ssh can log in with",
        code="identity-unusable",
        key=file,
        remedy="set flakeship:identity to another private key file",
        details=done.stderr.strip().splitlines()[-1:],
    )


def _exposed(file: Path) -> bool:
    """Whether it is a private key whose mode ssh refuses."""
    try:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            private = opened.read(5) == b"-----"
    except OSError:
        return False
    return private and status.st_uid == os.getuid() and bool(status.st_mode & 0o077)


def of_agent() -> list[str]:
    """The fingerprints of the agent's keys; none where no agent answers."""
    if not os.environ.get("SSH_AUTH_SOCK"):
        return []
    lines = run(["ssh-add", "-L"], check=False, timeout=PATIENCE).stdout.splitlines()
    return [public_key.fingerprint(line) for line in lines if not public_key.fault(line)]


def offered(identity: str) -> dict[str, str]:
    """Where each key is that a login offers, by its fingerprint.

    With a private key file it is that one alone; empty: those of the agent, and ssh's own files.
    Raises FlakeshipError (identity-unusable) for a file that ssh would not use.
    """
    if identity:
        file = str(expanded(identity))
        return {of_file(file): file}
    return {**usable(map(str, DEFAULTS)), **dict.fromkeys(of_agent(), AGENT)}


def of_login(argv: Sequence[str]) -> dict[str, str]:
    """Where each key is that such an `ssh` command line offers, by its fingerprint."""
    told = [line.partition(" ") for line in run(["ssh", "-G", *argv[1:]]).stdout.splitlines()]
    named = [value.replace("%%", "%") for name, _, value in told if name == "identityfile"]
    files = [str(expanded(file)) for file in named]
    agent = of_agent() if ("identitiesonly", " ", "no") in told else []
    return {**usable(files), **dict.fromkeys(agent, AGENT)}


def usable(files: Iterable[str]) -> dict[str, str]:
    """The key files by fingerprint, without those that ssh would not use."""
    found = {}
    for file in filter(os.path.isfile, files):
        try:
            found[of_file(file)] = file
        except FlakeshipError:
            continue
    return found
