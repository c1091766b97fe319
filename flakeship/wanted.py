"""Which release a stack is to run."""

from __future__ import annotations

from pathlib import Path

from flakeship import access, ledger, nix
from flakeship.errors import FlakeshipError
from flakeship.release import Record, Release
from flakeship.settings import Settings


def evaluated(settings: Settings, stack: str) -> Release:
    """The release that the flake describes now, with the stack's keys in it; builds nothing."""
    keys = access.public_keys(settings.authorized_keys)
    directory = access.directory(stack, keys)
    return nix.evaluate(settings.flake, settings.host, settings.variant, directory)


def chosen(records: list[Record], name: str) -> Release:
    """The release of the ledger that the settings name; the flake is not evaluated."""
    release = ledger.choose(records, name).release
    if not Path(release.path).exists():
        raise FlakeshipError(nix.gone(release))
    return release


def lost(records: list[Record]) -> list[str]:
    """What to tell of kept releases that could not be booted any more."""
    return [nix.gone(r.release) for r in records if not Path(r.release.path).exists()]
