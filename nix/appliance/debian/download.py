"""Downloads what the store lacks; relocks where a version is gone."""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bootstrap
import lock
import mirrors
import nixstore
from archive import checked
from package import ArchiveError, Package
from relock import relock_anywhere

DOWNLOADS = 6
BY_HAND = "python nix/appliance/debian/relock.py"


class DroppedError(ArchiveError):
    """No place has this version any more."""


def download(package: Package, places: list[str]) -> bytes:
    """The package from the first place that has these very bytes.

    It counts as dropped only where every place says so. A place whose name nobody here knows is
    none: closed networks have a mirror, but not the snapshot archive.
    """
    problems: list[ArchiveError] = []
    for place in places:
        try:
            data = mirrors.get(f"{place}/{package.filename}")
            return checked(data, package.sha256, f"{place}/{package.filename}")
        except ArchiveError as error:
            problems.append(error)
    what = f"{package.name} {package.version}: {'; '.join(map(str, problems))}"
    answers = [error for error in problems if not isinstance(error, mirrors.NoSuchHostError)]
    if answers and all(isinstance(error, mirrors.GoneError) for error in answers):
        raise DroppedError(what)
    raise ArchiveError(f"{what}: run again; if it stays so, lock anew by hand: {BY_HAND}")


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


def fill_or_relock(locked: lock.Lock) -> lock.Lock:
    """Fills the store; the lock that was used in the end is returned."""
    try:
        fill(locked)
    except DroppedError as dropped:
        say(f"{dropped}")
        say("the locked version is gone from every place: relocking")
        locked = relock_anywhere()
        fill(locked)
        say(f"relocked to Debian {locked.release} of {locked.date:%Y-%m-%d}; commit lock.json")
    return locked


def say(text: str) -> None:
    """Progress and problems, for people."""
    print(f"debian: {text}", file=sys.stderr, flush=True)
