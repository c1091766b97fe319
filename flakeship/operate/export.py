"""`flakeship export`: the image of a host in another format, as a file to carry elsewhere."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.model.flake import FlakeReference
from flakeship.model.release import File, Release
from flakeship.model.sizes import MIB
from flakeship.nix import build, store
from flakeship.nix.build import BuildRequest
from flakeship.nix.evaluate import Evaluator
from flakeship.nix.workers import workers
from flakeship.operate import stack_settings
from flakeship.release.desired import announcement
from flakeship.ssh import keys
from flakeship.state.stack import Stack

log = logging.getLogger(__name__)

FORMATS = ("vma", "qcow2", "raw", "netboot")
"""What may be asked for: formats of manifests, compressed or not."""
RESTORED = "vzdump-qemu-"
"""How the name of an archive begins that Proxmox VE restores: it reads the type from it."""


@dataclass(frozen=True)
class Exported:
    """A release that was built, and where its files are."""

    release: str
    variant: str
    format: str
    files: Sequence[File]


def export(stack: Stack, host: str, kind: str, variant: str, to: Path | None) -> Exported:
    """Build a host of the stack's flake in one of FORMATS; by default it is the stack's own host.

    The files are copied to a directory. Without one they stay in the Nix store, and are kept there
    until the next sweep. Raises FlakeshipError: flake-missing, host-missing, variant-missing,
    format-missing, format-ambiguous, export-impossible, and those of the evaluation and the build.
    """
    if to is not None and not to.is_dir():
        raise _impossible(to, "there is no such directory")
    settings, _ = stack_settings.read(stack)
    if not settings.flake:
        raise FlakeshipError(
            "its releases are promoted, and it has no flake to build one from",
            code="flake-missing",
            key=f"stack {stack.name}",
            remedy=f"export from the stack that has it: `flakeship --stack {settings.promote_from} "
            "export …`",
        )
    if told := announcement(settings):
        log.info(told)
    access = keys.directory(stack.name, keys.public_keys(settings.authorized_keys))
    reference = FlakeReference.parse(settings.flake)
    evaluator = Evaluator(reference, access, settings.allow_import_from_derivation)
    try:
        release = _choose(evaluator, host or settings.host, kind, variant)
    except SettingError as error:
        given = {"flakeship:host": "HOST" if host else "", "flakeship:variant": "--variant"}
        error.key = given.get(error.key) or error.key
        raise
    root = f".state/{stack.name}/roots/export-{release.name}"
    request = replace(BuildRequest.of(release, stack.name), gc_root=root)
    files: Sequence[File] = build.build(request).files
    if to is not None:
        files = [_copy(file, to / name) for file, name in zip(files, _names(release), strict=True)]
        store.drop(root)
    return Exported(release.name, release.variant, release.format, files)


def text(exported: Exported) -> str:
    """What was made, for a person."""
    lines = [f"{exported.release}, variant {exported.variant}, format {exported.format}"]
    for file in exported.files:
        lines += [f"  {file.path}, {file.size / MIB:.1f} MiB", f"  sha512 {file.sha512}"]
    return "\n".join(lines)


def _choose(evaluator: Evaluator, host: str, kind: str, variant: str) -> Release:
    """The one variant of a format: the named one, one whose name has the format, or any."""
    names = evaluator.variants(host)
    first = [variant] if variant else [name for name in names if kind in name.split("-")]
    found = _evaluate(evaluator, host, first)
    if not variant and len(_fitting(found, kind)) != 1:
        found |= _evaluate(evaluator, host, [name for name in names if name not in first])
    fitting = _fitting(found, kind)
    if len(fitting) == 1:
        return fitting[0]
    raise SettingError(
        f"the host {host} has {'several variants' if fitting else 'no variant'} of this format",
        code="format-ambiguous" if fitting else "format-missing",
        key="--format",
        given=kind,
        allowed=", ".join(f"{name} ({each.format})" for name, each in found.items()),
        remedy="choose one of them with --variant" if fitting else "",
    )


def _fitting(releases: Mapping[str, Release], kind: str) -> list[Release]:
    return [each for each in releases.values() if each.format.partition(".")[0] == kind]


def _evaluate(evaluator: Evaluator, host: str, names: Sequence[str]) -> dict[str, Release]:
    """The releases of variants; of several, one that does not evaluate is only told."""

    def evaluated(name: str) -> Release | FlakeshipError:
        try:
            done = evaluator.evaluate(host, name)
        except FlakeshipError as error:
            if len(names) == 1:
                raise
            return error
        for said in (*done.messages, *done.warnings):
            log.warning("%s.%s: %s", host, name, said)
        return done.release

    with ThreadPoolExecutor(workers(len(names))) as pool:
        done = dict(zip(names, pool.map(evaluated, names), strict=True))
    for name, each in done.items():
        if isinstance(each, FlakeshipError):
            log.warning("%s.%s is left out: %s", host, name, each)
    return {name: each for name, each in done.items() if isinstance(each, Release)}


def _names(release: Release) -> list[str]:
    """The names that copies get: the release's, with the format; below it where it has several."""
    if len(release.files) > 1:
        return [f"{release.name}/{name}" for name in release.files]
    before = RESTORED if release.format.startswith("vma") else ""
    return [f"{before}{release.name}.{release.format}"]


def _copy(file: File, to: Path) -> File:
    """Copy a file in one step: who looks there sees all of it, or nothing."""
    part = to.with_name(f".{to.name}.part")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.path, part)
        part.replace(to)
    except OSError as error:
        raise _impossible(to, error.strerror or type(error).__name__) from error
    finally:
        part.unlink(missing_ok=True)
    return replace(file, path=str(to))


def _impossible(to: Path, why: str) -> FlakeshipError:
    return FlakeshipError(
        f"nothing is exported there: {why}",
        code="export-impossible",
        key=f"--to {to}",
        remedy="name a directory that can be written to, with room for the image",
    )
