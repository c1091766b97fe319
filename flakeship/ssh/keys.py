"""The login keys: public ones become part of every image, a private one logs in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from flakeship.model.errors import SettingError
from flakeship.system.files import make_directory, refuse_links, write
from flakeship.system.process import run

OWN_KEY = Path(".state/id_ed25519")  # of this checkout, where the settings name no public keys


def public_keys(configured: list[str]) -> list[str]:
    """The public keys of every image: the configured ones, each a key or a file of keys.

    Without any it is the checkout's own, which is made where it is missing. Raises SettingError.
    """
    if not configured:
        return [_own_key()]
    return [_valid(key) for entry in configured for key in _keys(entry)]


def directory(stack: str, keys: list[str]) -> Path:
    """The directory with the file authorized_keys, the input `access` of the flake."""
    path = Path(".state", stack, "access")
    file = path / "authorized_keys"
    text = "".join(f"{key}\n" for key in keys)
    if file.is_symlink() or not file.is_file() or file.read_text() != text:
        write(file, text)
    return path


def identity(file: str, authorized_keys: Sequence[str]) -> str:
    """The private key file to log in with; empty: the user's agent. SettingError without both."""
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


def _own_key() -> str:
    public = OWN_KEY.with_suffix(".pub")
    if not OWN_KEY.is_file():
        make_directory(OWN_KEY.parent)
        refuse_links(OWN_KEY)
        public.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "flakeship", "-f", OWN_KEY])
    if not public.is_file():
        write(public, run(["ssh-keygen", "-y", "-f", OWN_KEY]).stdout)
    return public.read_text().strip()


def _keys(entry: str) -> list[str]:
    if " " in entry:
        return [entry.strip()]
    path = Path(entry).expanduser()
    if not path.is_file():
        raise SettingError(
            "must be a public key or a file with public keys",
            key="flakeship:authorizedKeys",
            given=entry,
        )
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _valid(key: str) -> str:
    """Refuse anything but a public key, above all a private one, without repeating it."""
    kind, _, rest = key.partition(" ")
    if kind.startswith(("ssh-", "ecdsa-", "sk-")) and rest.startswith("AAAA"):
        return key
    raise SettingError(
        "an entry is not a public key",
        key="flakeship:authorizedKeys",
        remedy="write the text `ssh-ed25519 AAAA…`, or the file whose name ends in .pub",
    )
