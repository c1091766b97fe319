"""Builds the image of a release."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.release import Built, Release
from flakeship.nix import image_file, store
from flakeship.nix.store import NIX
from flakeship.system.process import run


@dataclass(frozen=True)
class BuildRequest:
    """Build a release and keep it from garbage collection by `root`, a path without its ending.

    `sha512` is what the ledger remembers of a release of this name; empty for a new one. `room` is
    the smallest root disk in MiB that is to boot it, where the flake does not say what that needs.
    """

    release: Release
    root: str
    sha512: str = ""
    room: int = 0


LOG_LINES = 25
"""How much of a failed builder's log is shown."""


def build(request: BuildRequest) -> Built:
    """Build a release's image and keep it, its derivation and its toplevel from collection.

    Nix's progress goes to standard error as it comes. Raises FlakeshipError when the build fails,
    when it has no such file, when that does not fit, or when the bytes are not those that the
    ledger knows by this name.
    """
    release, root = request.release, Path(request.root)
    root.parent.mkdir(parents=True, exist_ok=True)
    wanted = [f"{release.drv}^out", "--out-link", str(root), "--log-lines", str(LOG_LINES)]
    try:
        run([*NIX, "build", *wanted], stream=True)
    except CommandError as error:
        raise FlakeshipError(
            f"{release.name}: the image could not be built, see above; "
            f"the whole log: nix log {release.drv}"
        ) from error
    built = describe(release)
    if request.sha512 and built.sha512 != request.sha512:
        store.drop(request.root)
        raise FlakeshipError(
            f"{release.name}: {built.file} has other bytes than the release that was verified "
            f"(sha512 {built.sha512[:16]}…, the ledger has {request.sha512[:16]}…): the build is "
            "not reproducible. Restore the old bytes from a binary cache, or change the host so "
            "that it gets a new name"
        )
    if request.room and built.disk > request.room:
        store.drop(request.root)
        raise FlakeshipError(
            f"{release.name}: the disk in the image has {built.disk} MiB, and the smallest that is "
            f"to boot it {request.room} MiB: give the server a larger `disk`"
        )
    store.keep(release.drv, Path(f"{root}-drv"))
    # Absent only where the image came from a binary cache without its toplevel.
    if run([*NIX, "build", release.toplevel, "--out-link", f"{root}-toplevel"], check=False).code:
        print(f"{release.toplevel} is in no store here and is not kept", file=sys.stderr)
    return built


def describe(release: Release) -> Built:
    """What there is to know of a release's image file. Raises FlakeshipError when it is gone."""
    path = Path(release.path)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha512").hexdigest()
    except FileNotFoundError as error:
        raise FlakeshipError(store.gone(release)) from error
    return Built(release.path, digest, path.stat().st_size, image_file.inspect(path)[1])
