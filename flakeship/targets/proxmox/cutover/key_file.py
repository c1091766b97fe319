"""The secret of a TSIG key: only ever in its file and in memory."""

from __future__ import annotations

import base64
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.api import secret_file


def secret(file: str) -> bytes:
    """The key in a file that only its owner, and maybe a group, can read.

    Raises FlakeshipError: `key-unreadable`, `key-malformed`, `key-shared` for one that others read.
    """
    text = secret_file.read(Path(file), "key", "key of the name server")
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if not key:
        raise FlakeshipError(
            "is no secret in base64",
            code="key-malformed",
            key=file,
            remedy="`tsig-keygen` makes one; the file has the text between its quotes alone",
        )
    return key
