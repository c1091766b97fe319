"""The secret of a TSIG key: only ever in its file and in memory."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from flakeship.model.errors import FlakeshipError

LONGEST = 1024  # bytes of the file


def secret(file: str) -> bytes:
    """The key in a file that only its owner, and maybe a group, can read.

    Raises FlakeshipError: `key-unreadable`, `key-malformed`, `key-shared` for one that others read.
    """
    path = Path(file)
    try:
        with path.open("rb") as opened:
            shared = os.fstat(opened.fileno()).st_mode & 0o007
            found = opened.read(LONGEST + 1)
        text = found.decode("ascii").strip() if len(found) <= LONGEST else ""
    except (OSError, ValueError) as error:
        raise FlakeshipError(
            f"cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}",
            code="key-unreadable",
            key=file,
        ) from error
    if shared:
        raise FlakeshipError(
            "everybody on this machine can read or change the key of the name server",
            code="key-shared",
            key=file,
            remedy=f"run `chmod o= {path}`, and make another key if others use this machine",
        )
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
