"""Who may log in: the public keys that become part of every image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from flakeship.model.errors import SettingError
from flakeship.system.process import run

OWN_KEY = Path(".state/id_ed25519")
"""The key pair of this checkout, used where the configuration names no public keys."""


def public_keys(configured: list[str]) -> list[str]:
    """The public keys to bake: the configured ones, each a key or a file of keys, or our own.

    Makes our own key pair where there is none. Raises FlakeshipError for a file that is missing or
    holds something else.
    """
    if not configured:
        return [own_key()]
    return [key for entry in configured for key in expand(entry)]


def own_key() -> str:
    """The public half of our own key pair; makes the pair, or this half where only it is lost."""
    public = OWN_KEY.with_suffix(".pub")
    if not OWN_KEY.is_file():
        OWN_KEY.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        public.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "flakeship", "-f", OWN_KEY])
    if not public.is_file():
        public.write_text(run(["ssh-keygen", "-y", "-f", OWN_KEY]).stdout)
    return public.read_text().strip()


def expand(entry: str) -> list[str]:
    """The keys that one entry of the configuration stands for."""
    if " " in entry:
        return [valid(entry.strip())]
    path = Path(entry).expanduser()
    if not path.is_file():
        raise SettingError(
            f"flakeship:authorizedKeys: {entry} is neither a public key nor a file with public keys"
        )
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
    return [valid(line) for line in lines if line and not line.startswith("#")]


def valid(key: str) -> str:
    """Refuse what is no public key, a private one above all, without repeating it."""
    kind, _, rest = key.partition(" ")
    if kind.startswith(("ssh-", "ecdsa-", "sk-")) and rest.startswith("AAAA"):
        return key
    raise SettingError(
        "flakeship:authorizedKeys: an entry is no public key: give the text `ssh-ed25519 AAAA…`, "
        "or the file whose name ends in .pub"
    )


def directory(stack: str, keys: list[str]) -> Path:
    """The directory that the flake gets as its input `access`, with the file authorized_keys."""
    path = Path(".state", stack, "access")
    file = path / "authorized_keys"
    text = "".join(f"{key}\n" for key in keys)
    if not file.is_file() or file.read_text() != text:
        path.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return path


def identity(file: str, authorized_keys: Sequence[str]) -> str:
    """The private key file to log in with; empty: the keys of the user's agent.

    `file` and `authorized_keys` are the settings. Raises SettingError where there is neither a file
    nor an agent.
    """
    if file:
        return str(Path(file).expanduser())
    if not authorized_keys:
        return str(OWN_KEY)
    if not os.environ.get("SSH_AUTH_SOCK"):
        raise SettingError(
            "is needed with flakeship:authorizedKeys where no SSH agent runs",
            code="identity-missing",
            key="flakeship:identity",
            remedy="name the private key file that the checks log in with",
        )
    return ""
