"""The login keys: public ones become part of every image, a private one logs in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.ssh import public_key
from flakeship.ssh.options import literal
from flakeship.system.files import expanded, make_directory, read, refuse_links, write
from flakeship.system.process import run

OWN_KEY = Path(".state/id_ed25519")  # of this checkout, where the settings name no public keys
KEY_LIKE = ("ssh-", "ecdsa-", "sk-", "-----")  # how keys begin, and no paths
LARGEST = 256 * 1024  # bytes of a file of keys
REMEDY = "write the text `ssh-ed25519 AAAA…`, or the file whose name ends in .pub"


def public_keys(configured: Sequence[str]) -> list[str]:
    """The public keys of every image: the configured ones, each a key or a file of keys.

    Without any it is the checkout's own, which is made where it is missing. Raises SettingError,
    and FlakeshipError where the own key cannot be used.
    """
    if not configured and not OWN_KEY.exists():
        _make_own_key()
    return existing(configured)


def existing(configured: Sequence[str]) -> list[str]:
    """The same, but the checkout's own key is not made: none where it has none yet."""
    if configured:
        return of_entries(configured, "flakeship:authorizedKeys")
    return [_own_key()] if OWN_KEY.exists() else []


def directory(stack: str, keys: Sequence[str]) -> Path:
    """The directory with the file authorized_keys, the input `access` of the flake."""
    path = Path(".state", stack, "access")
    file = path / "authorized_keys"
    text = "".join(f"{key}\n" for key in keys)
    if file.is_symlink() or read(file) != text:
        write(file, text)
    return path


def identity(file: str, authorized_keys: Sequence[str]) -> str:
    """The private key file to log in with; empty: the user's agent.

    Raises SettingError without both, and FlakeshipError for a path that ssh cannot be given.
    """
    if file:
        return literal_file(file, "flakeship:identity")
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


def literal_file(file: str, key: str) -> str:
    """The file of the setting `key`, with its `~`: a state is for operators with other homes too.

    Raises FlakeshipError for a path that ssh cannot be given.
    """
    literal(expanded(file), key)
    return str(Path(file))


def _make_own_key() -> None:
    refuse_links(OWN_KEY)
    make_directory(OWN_KEY.parent)
    OWN_KEY.with_suffix(".pub").unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "flakeship", "-f", OWN_KEY])


def _own_key() -> str:
    public = OWN_KEY.with_suffix(".pub")
    derived = run(["ssh-keygen", "-y", "-P", "", "-f", OWN_KEY], check=False)
    own = derived.stdout.strip()
    if derived.code != 0 or public_key.fault(own):
        raise FlakeshipError(
            "the login key of this checkout cannot be used",
            code="own-key-unusable",
            key=str(OWN_KEY),
            remedy="restore it from a backup; or remove it and its .pub: the next run makes "
            "another key, and with it new releases and machines",
            details=derived.stderr.strip().splitlines()[-1:],
        )
    # the file may have another comment, which is part of every image
    known = public.read_text(errors="replace").strip() if public.is_file() else ""
    if known.split(" ")[:2] != own.split(" ")[:2] or public_key.fault(known):
        write(public, f"{own}\n")
        return own
    return known


def of_entries(entries: Sequence[str], key: str) -> list[str]:
    """The public keys of a setting `key` that is a list of `of_entry`'s. Raises SettingError."""
    return [
        each for number, entry in enumerate(entries) for each in of_entry(entry, f"{key}[{number}]")
    ]


def of_entry(entry: str, key: str) -> list[str]:
    """The public keys of a setting `key`, which is one, or a file of them. Raises SettingError.

    What is no key is never repeated: it may be a private one.
    """
    text = entry.strip()
    if text.startswith(KEY_LIKE) or "\n" in text:
        found, where = [(text, "")], ""
    else:
        where = text if text.startswith(("~", "/", ".")) else ""
        lines = enumerate(_text(key, text, where).split("\n"), 1)
        found = [(line.strip(), f"{where} line {count}".strip()) for count, line in lines]
        found = [(line, place) for line, place in found if line and not line.startswith("#")]
    if not found:
        raise SettingError(
            "must have a public key, and has none", key=key, given=where, remedy=REMEDY
        )
    for line, place in found:
        if wrong := public_key.fault(line):
            raise SettingError(
                wrong, key=key, given=place, allowed=", ".join(public_key.TYPES), remedy=REMEDY
            )
    return [line for line, _ in found]


def _text(key: str, path: str, shown: str) -> str:
    try:
        file = expanded(path)
        if not file.is_file():
            why = "is a directory" if file.is_dir() else "there is no such file"
        elif file.stat().st_size > LARGEST:
            why = f"has more than {LARGEST} bytes"
        else:
            return file.read_text(errors="replace")
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or "there is no such file"
    what = f"must be a public key or a file with public keys ({why})"
    raise SettingError(what, key=key, given=shown, remedy=REMEDY)
