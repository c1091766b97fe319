"""Builds the image of a release."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.release import Artifact, File, Release
from flakeship.nix import image_file, store
from flakeship.nix.progress import Progress
from flakeship.nix.store import NIX
from flakeship.system.files import make_directory
from flakeship.system.process import run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildRequest:
    """Build a release, and keep it from garbage collection by links that begin with `root`."""

    release: Release
    root: str
    verified: tuple[File, ...] = ()  # as the ledger has them; none for a new release
    max_image_disk: int = 0  # of the smallest server that will boot it, in MiB; 0: any


@dataclass(frozen=True)
class ForgetRequest:
    """Let Nix collect what a BuildRequest with this `root` keeps."""

    root: str


def build(request: BuildRequest) -> Artifact:
    """Build an image, and keep it, its derivation and its toplevel from collection.

    Raises FlakeshipError when the build fails, lacks a file or has other bytes than the ledger, and
    when the image is too large.
    """
    release, root = request.release, Path(request.root)
    make_directory(root.parent)
    _run(release, root)
    try:
        if not Path(release.out).exists():
            raise _other_output(release)
        artifact = describe(release)
        _check(request, artifact)
    except FlakeshipError:
        store.drop(request.root)
        raise
    store.keep(release.drv, Path(f"{root}-drv"))
    # Absent only where the image came from a binary cache without its toplevel.
    if run([*NIX, "build", release.toplevel, "--out-link", f"{root}-toplevel"], check=False).code:
        log.info("%s is not in the Nix store and not kept", release.toplevel)
    return artifact


def _run(release: Release, root: Path) -> None:
    progress = Progress(release.name)
    words = ["--out-link", str(root), "--log-format", "internal-json"]
    try:
        run([*NIX, "build", f"{release.drv}^out", *words], reader=progress)
    except CommandError as error:
        if error.code != "command-failed":
            raise
        failed = progress.failed
        tail = failed.tail if failed else ()
        raise FlakeshipError(
            "the image could not be built",
            code="build-failed",
            key=release.name,
            remedy=f"all of the builder's log: nix log {failed.drv if failed else release.drv}",
            details=[*(f"  > {line}" for line in tail), *progress.errors],
        ) from error


def _other_output(release: Release) -> FlakeshipError:
    return FlakeshipError(
        f"the derivation was built, and does not make the output {release.out}",
        code="build-without-output",
        key=release.name,
        remedy="correct `drv` or `out` of the manifest (docs/reference/manifest.md)",
    )


def describe(release: Release) -> Artifact:
    """The files of a release that is built, as nix.image_file.check accepts them.

    Raises FlakeshipError as that does, and where the output is missing.
    """
    if (error := store.missing(release, [release.out])) is not None:
        raise error
    for path in release.paths:
        image_file.check(Path(path), release.format, release.name)
    files = tuple(image_file.describe(Path(path)) for path in release.paths)
    disk = 0
    if release.format in {"qcow2", "raw"}:
        disk = image_file.mebibytes(image_file.inspect(Path(release.paths[0]))[1])
    return Artifact(files, disk)


def _check(request: BuildRequest, artifact: Artifact) -> None:
    name, largest = request.release.name, request.max_image_disk
    verified = {file.path: file.sha512 for file in request.verified}
    for file in artifact.files:
        known = verified.get(file.path, file.sha512)
        if file.sha512 != known:
            raise FlakeshipError(
                f"{file.path} differs from the verified one (sha512 {file.sha512[:16]}…, the "
                f"ledger has {known[:16]}…): the build is not reproducible",
                code="build-not-reproducible",
                key=name,
                remedy="restore the original from a binary cache, or change the host's "
                "configuration to produce a new release",
            )
    if largest and artifact.disk > largest:
        raise FlakeshipError(
            f"the image has a disk of {artifact.disk} MiB, and the smallest server that will boot "
            f"it has {largest} MiB",
            code="image-too-large",
            key=name,
            remedy="give the server a larger `disk`",
        )
