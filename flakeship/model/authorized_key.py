"""A key that may log in to the machines of a release."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from flakeship.model.fields import Text

MOST = 10  # keys that an error lists
COMMENT = 100  # characters that are kept of a comment
Fingerprint = Annotated[
    str,
    Field(
        pattern=r"^SHA256:[A-Za-z0-9+/]{43}$",
        title="SHA256: and 43 characters of base64, as `flakeship keys` lists them",
    ),
]


@dataclass(frozen=True)
class AuthorizedKey:
    """Its fingerprint, as `ssh-keygen -l` prints it, and its comment, for people."""

    fingerprint: Fingerprint
    comment: Text = ""

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.comment})" if self.comment else self.fingerprint


def listed(title: str, keys: Iterable[AuthorizedKey]) -> list[str]:
    """Lines of an error that list keys, each key once and the first ones of many."""
    found = list(dict.fromkeys(keys))
    more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
    texts = [*map(str, found[:MOST]), *more] or ["none"]
    first = f"  {title}: "
    return [
        f"{first if not number else ' ' * len(first)}{each}" for number, each in enumerate(texts)
    ]
