"""A secret in a file that only its owner, and maybe a group, can read."""

from __future__ import annotations

import os
from pathlib import Path

from flakeship.model.errors import FlakeshipError

LONGEST = 1024  # bytes of the file


def read(path: Path, kind: str, what: str) -> str:
    """The text in a file, empty where it is longer than any secret; `kind` is that of the codes.

    `what` it is tells a person. Raises FlakeshipError: <kind>-unreadable, and <kind>-shared for one
    that others can read.
    """
    try:
        with path.open("rb") as file:
            shared = os.fstat(file.fileno()).st_mode & 0o007
            found = file.read(LONGEST + 1)
        text = found.decode("ascii").strip() if len(found) <= LONGEST else ""
    except (OSError, ValueError) as error:
        raise FlakeshipError(
            f"cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}",
            code=f"{kind}-unreadable",
            key=str(path),
        ) from error
    if shared:
        raise FlakeshipError(
            f"everybody on this machine can read or change the {what}",
            code=f"{kind}-shared",
            key=str(path),
            remedy=f"run `chmod o= {path}`, and make another {kind} if others use this machine",
        )
    return text
