#!/usr/bin/env python3
"""Puts the locked Debian packages into the Nix store, from whatever mirror has them."""

import sys
from pathlib import Path

import lock
import nixstore
from package import ArchiveError


def complete(locked: lock.Lock, roots: Path) -> bool:
    """Whether there is nothing to do."""
    paths = [*locked.deb_paths().values(), locked.bootstrap_path()]
    return all(path.exists() for path in paths) and nixstore.kept(paths, roots)


def run(roots: Path) -> None:
    """Fills the store, with a new lock where the old one cannot be had any more."""
    locked = lock.read()
    if complete(locked, roots):
        return
    # Imported here because it takes ten times as long as finding out that there is nothing to do.
    from download import fill_or_relock  # noqa: PLC0415

    locked = fill_or_relock(locked)
    nixstore.keep([*locked.deb_paths().values(), locked.bootstrap_path()], roots)


def main() -> int:
    """The command line."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print("usage: fill.py FOLDER-FOR-GARBAGE-COLLECTION-ROOTS", file=sys.stderr)
        return 2
    try:
        run(Path(sys.argv[1]).absolute())
    except ArchiveError as error:
        print(f"debian: {error}", file=sys.stderr)
        return 1
    except (OSError, nixstore.CalledProcessError) as error:
        print(f"debian: {error}; is Nix on PATH and its store writable?", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
