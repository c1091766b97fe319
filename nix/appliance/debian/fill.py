#!/usr/bin/env python3
"""Puts the locked Debian packages into the Nix store, from whatever mirror has them."""

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bootstrap
import lock
import mirrors
import nixstore
from archive import ArchiveError, Package, checked
from relock import relock_anywhere

DOWNLOADS = 6


class DroppedError(ArchiveError):
    """No place has this version any more."""


def download(package: Package, places: list[str]) -> bytes:
    """The package from the first place that has these very bytes."""
    problems = []
    for place in places:
        try:
            data = mirrors.get(f"{place}/{package.filename}")
            return checked(data, package.sha256, f"{place}/{package.filename}")
        except ArchiveError as error:
            problems.append(str(error))
    raise DroppedError(f"{package.name} {package.version}: {'; '.join(problems)}")


def missing(locked: lock.Lock) -> list[Package]:
    """What the store lacks."""
    paths = locked.deb_paths()
    return [package for name, package in locked.packages.items() if not paths[name].exists()]


def fill(locked: lock.Lock) -> None:
    """Downloads what is missing and adds it to the store."""
    todo = missing(locked)
    places = [*mirrors.mirrors(), mirrors.snapshot(locked.date)]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(DOWNLOADS) as pool:
        folder = Path(name)

        def fetch(package: Package) -> Path:
            file = folder / f"{package.name}.deb"
            file.write_bytes(download(package, places))
            return file

        files = []
        for done, file in enumerate(pool.map(fetch, todo), start=1):
            files.append(file)
            if done % 10 == 0 or done == len(todo):
                say(f"{done} of {len(todo)} packages")
        if files:
            nixstore.add(files)
        if not locked.bootstrap_path().exists():
            add_bootstrap(locked, folder)


def add_bootstrap(locked: lock.Lock, folder: Path) -> None:
    """Adds the first builder, taken out of its package."""
    tree = bootstrap.make(locked.deb_paths()["busybox-static"].read_bytes(), folder)
    if bootstrap.digest(tree) != locked.bootstrap:
        raise ArchiveError("the lock's bootstrap hash is not that of its busybox-static: relock")
    nixstore.add([tree], tree=True)


def complete(locked: lock.Lock, roots: Path) -> bool:
    """Whether there is nothing to do."""
    paths = [*locked.deb_paths().values(), locked.bootstrap_path()]
    return all(path.exists() for path in paths) and nixstore.kept(paths, roots)


def run(roots: Path) -> None:
    """Fills the store, with a new lock where the old one cannot be had any more."""
    locked = lock.read()
    if complete(locked, roots):
        return
    try:
        fill(locked)
    except DroppedError as dropped:
        say(f"{dropped}")
        say("the locked version is gone from every place: relocking")
        locked = relock_anywhere()
        fill(locked)
        say(f"relocked to Debian {locked.release} of {locked.date:%Y-%m-%d}; commit lock.json")
    nixstore.keep([*locked.deb_paths().values(), locked.bootstrap_path()], roots)


def say(text: str) -> None:
    """Progress and problems, for people."""
    print(f"debian: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roots", type=Path, help="folder for the garbage-collection roots")
    roots = parser.parse_args().roots.absolute()
    try:
        run(roots)
    except ArchiveError as error:
        say(str(error))
        return 1
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"{error}; is Nix on PATH and its store writable?")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
