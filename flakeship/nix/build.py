"""Builds the image of a release."""

from __future__ import annotations

import logging
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
    # of the files of a verified release, which has no other ones; none for a new release
    verified_sha512: tuple[str, ...] = ()
    verified_size: tuple[int, ...] = ()
    verified_disk: int = 0  # the size of their disk in MiB
    max_image_disk: int = 0  # of the smallest server that will boot it, in MiB; 0: any

    @classmethod
    def of(
        cls,
        release: Release,
        stack: str,
        verified: Artifact | None = None,
        max_image_disk: int = 0,
        root: str = "",
    ) -> BuildRequest:
        """The request for a release of a stack; `verified` is the artifact, if it was verified.

        `root` names the links that keep it, where another image of the release is there as well.
        """
        known = {file.path: file for file in verified.files} if verified else {}
        # a manifest may name other files of the same output by now
        files = [known[path] for path in release.paths if path in known]
        files = files if len(files) == len(release.paths) else []
        return cls(
            release=release.name,
            derivation=release.drv,
            output=release.out,
            files=tuple(release.paths),
            format=release.format,
            toplevel=release.toplevel,
            gc_root=f".state/{stack}/roots/{root or release.name}",
            revision=release.revision,
            verified_sha512=tuple(file.sha512 for file in files),
            verified_size=tuple(file.size for file in files),
            verified_disk=verified.disk if verified and files else 0,
            max_image_disk=max_image_disk,
        )

    @property
    def verified(self) -> Artifact | None:
        """The artifact that was verified; None: none was."""
        if not self.verified_sha512:
            return None
        known = zip(self.files, self.verified_size, self.verified_sha512, strict=True)
        return Artifact(tuple(File(*each) for each in known), self.verified_disk)


@dataclass(frozen=True)
class ForgetRequest:
    """Let Nix collect what a BuildRequest with this `gc_root` keeps."""

    gc_root: str


def build(request: BuildRequest) -> Artifact:
    """Build an image, and keep it, its derivation and its toplevel from collection.

    A verified release is never built again: where its files are here they are compared and kept,
    and where they are not its artifact is as recorded. Raises FlakeshipError when the build fails,
    lacks a file or has other bytes than the verified one, and when the image is too large.
    """
    if (verified := request.verified) is not None:
        if all(Path(path).exists() for path in request.files):
            return keep_verified(request)
        _check_size(request, verified)
        log.info(
            "%s: its files are not on this workstation, and nothing needs them", request.release
        )
        return verified
    realise(request)
    try:
        if not Path(request.output).exists():
            raise _other_output(request)
        artifact = _artifact(request)
        _check_size(request, artifact)
    except FlakeshipError:
        store.drop(request.gc_root)
        raise
    store.keep(request.derivation, Path(f"{request.gc_root}-drv"))
    # Absent only where the image came from a binary cache without its toplevel.
    toplevel = ["build", request.toplevel, "--out-link", f"{request.gc_root}-toplevel"]
    if run([*NIX, *toplevel], check=False).code:
        log.info("%s is not in the Nix store and not kept", request.toplevel)
    return artifact


def keep_verified(request: BuildRequest) -> Artifact:
    """Keep the files of a verified release, which are here, and what else is here of it.

    Raises FlakeshipError where they are not the ones that were verified (image-changed).
    """
    artifact, verified = _artifact(request), request.verified
    for file, known in zip(artifact.files, verified.files if verified else (), strict=True):
        if file.sha512 != known.sha512:
            raise FlakeshipError(
                f"{file.path} is not the file that was verified",
                code="image-changed",
                key=request.release,
                given=f"sha512 {file.sha512[:16]}…",
                allowed=f"{known.sha512[:16]}…",
                remedy=f"remove it (`nix store delete {request.output}`), then "
                f"{store.bring_back(request.output)}",
            )
    _check_size(request, artifact)
    root = Path(request.gc_root)
    make_directory(root.parent)
    parts = {"": request.output, "-drv": request.derivation, "-toplevel": request.toplevel}
    for suffix, path in parts.items():
        if Path(path).exists():
            store.keep(path, Path(f"{root}{suffix}"))
    return artifact


def realise(request: BuildRequest) -> None:
    """Build the derivation, and keep its output. Raises FlakeshipError (build-failed)."""
    root = Path(request.gc_root)
    make_directory(root.parent)
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


def _check_size(request: BuildRequest, artifact: Artifact) -> None:
    largest = request.max_image_disk
    if largest and artifact.disk > largest:
        raise FlakeshipError(
            f"the image has a disk of {artifact.disk} MiB, and the smallest server that will boot "
            f"it has {largest} MiB",
            code="image-too-large",
            key=request.release,
            remedy="give the server a larger `disk`",
        )
