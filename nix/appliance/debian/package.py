"""A package of the lock."""

from dataclasses import dataclass


class ArchiveError(Exception):
    """One line for people, with the next step in it."""


@dataclass(frozen=True)
class Package:
    """One stanza of a Packages file."""

    name: str
    version: str
    filename: str
    sha256: str
    size: int
    depends: str = ""
