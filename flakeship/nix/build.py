"""Builds the image of a release."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.release import Artifact, File, Format, Release
from flakeship.nix import image_file, store
from flakeship.nix.progress import Progress
from flakeship.nix.store import NIX
from flakeship.system.files import make_directory
from flakeship.system.process import run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildRequest:
    """Build a release, and keep it from garbage collection by links that begin with `gc_root`.

    A preview shows each field as a variable of the command's environment. `files` are paths.
    """

    release: str  # its name
    derivation: str
    output: str
    files: tuple[str, ...]
    format: Format
    toplevel: str
    gc_root: str
    revision: str = ""  # for people alone
    verified_sha512: tuple[str, ...] = ()  # of the files in the ledger; none for a new release
    max_image_disk: int = 0  # of the smallest server that will boot it, in MiB; 0: any

    @classmethod
    def of(
        cls, release: Release, gc_root: str, verified: Sequence[File] = (), max_image_disk: int = 0
    ) -> BuildRequest:
        """The request for a release; `verified` are the files of an earlier build."""
        known = {file.path: file.sha512 for file in verified}
        return cls(
            release=release.name,
            derivation=release.drv,
            output=release.out,
            files=tuple(release.paths),
            format=release.format,
            toplevel=release.toplevel,
            gc_root=gc_root,
            revision=release.revision,
            verified_sha512=tuple(known.get(path, "") for path in release.paths) if known else (),
            max_image_disk=max_image_disk,
        )


@dataclass(frozen=True)
class ForgetRequest:
    """Let Nix collect what a BuildRequest with this `gc_root` keeps."""

    gc_root: str


def build(request: BuildRequest) -> Artifact:
    """Build an image, and keep it, its derivation and its toplevel from collection.

    Raises FlakeshipError when the build fails, lacks a file or has other bytes than the ledger, and
    when the image is too large.
    """
    derivation, root = request.derivation, Path(request.gc_root)
    make_directory(root.parent)
    _run(request, root)
    try:
        if not Path(request.output).exists():
            raise _other_output(request)
        artifact = _artifact(request)
        _check(request, artifact)
    except FlakeshipError:
        store.drop(request.gc_root)
        raise
    store.keep(derivation, Path(f"{root}-drv"))
    # Absent only where the image came from a binary cache without its toplevel.
    if run([*NIX, "build", request.toplevel, "--out-link", f"{root}-toplevel"], check=False).code:
        log.info("%s is not in the Nix store and not kept", request.toplevel)
    return artifact


def _run(request: BuildRequest, root: Path) -> None:
    progress, drv = Progress(request.release), request.derivation
    words = ["--out-link", str(root), "--log-format", "internal-json"]
    try:
        run([*NIX, "build", f"{drv}^out", *words], reader=progress)
    except CommandError as error:
        if error.code != "command-failed":
            raise
        failed = progress.failed
        tail = failed.tail if failed else ()
        raise FlakeshipError(
            "the image could not be built",
            code="build-failed",
            key=request.release,
            remedy=f"all of the builder's log: nix log {failed.drv if failed else drv}",
            details=[*(f"  > {line}" for line in tail), *progress.errors],
        ) from error


def _other_output(request: BuildRequest) -> FlakeshipError:
    return FlakeshipError(
        f"the derivation was built, and does not make the output {request.output}",
        code="build-without-output",
        key=request.release,
        remedy="correct `drv` or `out` of the manifest (docs/reference/manifest.md)",
    )


def _artifact(request: BuildRequest) -> Artifact:
    """The files that were built, as nix.image_file.check accepts them."""
    for path in request.files:
        image_file.check(Path(path), request.format, request.release)
    files = tuple(image_file.describe(Path(path)) for path in request.files)
    disk = 0
    if request.format in {"qcow2", "raw"}:
        disk = image_file.mebibytes(image_file.inspect(Path(request.files[0]))[1])
    return Artifact(files, disk)


def _check(request: BuildRequest, artifact: Artifact) -> None:
    name, largest = request.release, request.max_image_disk
    for file, known in zip(artifact.files, request.verified_sha512, strict=False):
        if known and file.sha512 != known:
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
