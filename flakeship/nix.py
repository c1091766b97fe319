"""Everything that is asked of Nix, by its command line."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flakeship import imagefile, source
from flakeship.errors import CommandError, FlakeshipError, SettingError
from flakeship.process import run
from flakeship.release import Built, Release
from flakeship.requests import BuildRequest

NIX = ["nix", "--extra-experimental-features", "nix-command flakes"]
HEAP = {"GC_INITIAL_HEAP_SIZE": "600M"}
"""Nix begins with 384 MiB and collects seven times; so a NixOS host takes a quarter less time."""
ERROR = re.compile(r"^ *error:", re.MULTILINE)
LOG_LINES = 25
"""How much of a failed builder's log is shown."""


def evaluate(flake: str, host: str, variant: str, access: Path) -> Release:
    """Evaluate one host and variant; builds nothing.

    `nix path-info --derivation` answers from the evaluation cache, `nix eval` does not: so the
    manifest is the text `manifest` in the environment of a derivation (docs/decisions/0001).
    `access` is a directory with the file authorized_keys. Raises FlakeshipError where the flake
    does not evaluate, has no such host or variant, or its manifest is not understood.
    """
    attribute = f"{flake}#flakeship.{host}.{variant}"
    override = ["--no-write-lock-file", "--override-input", "access", f"path:{access.resolve()}"]
    try:
        argv = [*NIX, "path-info", "--derivation", attribute, *override]
        found = run(argv, env=HEAP | os.environ)
    except CommandError as error:
        if error.code is None:
            raise
        if f"flakeship.{host}" in error.stderr and "does not provide" in error.stderr:
            raise SettingError(missing(flake, host, variant, override)) from error
        raise FlakeshipError(
            f"{attribute} does not evaluate:\n{reason(error.stderr)}\n"
            f"the way there: nix path-info --derivation --show-trace '{attribute}'"
        ) from error
    try:
        release = manifest(found.stdout.strip())
    except (KeyError, ValidationError) as error:
        raise FlakeshipError(
            f"{attribute} is no manifest that is understood here (docs/nix.md): {error}"
        ) from error
    if (release.host, release.variant) != (host, variant):
        raise FlakeshipError(
            f"{attribute} is a manifest of {release.host}.{release.variant}: the names must agree"
        )
    return release


def reason(stderr: str) -> str:
    """Why something does not evaluate: Nix says it last, below the way that led there."""
    last = stderr[[0, *(found.start() for found in ERROR.finditer(stderr))][-1] :]
    return textwrap.dedent(last).strip()


def manifest(path: str) -> Release:
    """The release that a manifest's derivation tells of. Raises KeyError and ValidationError."""
    return TypeAdapter(Release).validate_json(derivation(path)["env"]["manifest"])


def derivation(path: str) -> dict[str, Any]:
    """What `nix derivation show` says of one derivation, in either of its two formats."""
    shown = json.loads(run([*NIX, "derivation", "show", path]).stdout)
    # Since Nix 2.32 the derivations are a key beside the format's version.
    (value,) = shown.get("derivations", shown).values()
    assert isinstance(value, dict)
    return value


def missing(flake: str, host: str, variant: str, override: list[str]) -> str:
    """Says which hosts, or which variants of this host, the flake has instead."""
    names = "f: builtins.mapAttrs (_: builtins.attrNames) f"
    listed = run(
        [*NIX, "eval", "--json", f"{flake}#flakeship", "--apply", names, *override], check=False
    )
    if listed.code != 0:
        return f"flakeship:flake: {flake} has no attribute `flakeship` (see docs/nix.md)"
    hosts: dict[str, list[str]] = json.loads(listed.stdout)
    kind, given, known = (
        ("variant", variant, hosts[host]) if host in hosts else ("host", host, list(hosts))
    )
    near = difflib.get_close_matches(given, known, 3) or known
    unseen = source.inspect(flake).unseen
    return (
        f"flakeship:{kind}: {flake} has no {kind} {given}; nearest: {', '.join(near)}"
        f"{f'. {unseen}' if unseen else ''}"
    )


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
        drop(request.root)
        raise FlakeshipError(
            f"{release.name}: {built.file} has other bytes than the release that was verified "
            f"(sha512 {built.sha512[:16]}…, the ledger has {request.sha512[:16]}…): the build is "
            "not reproducible. Restore the old bytes from a binary cache, or change the host so "
            "that it gets a new name"
        )
    if request.room and built.disk > request.room:
        drop(request.root)
        raise FlakeshipError(
            f"{release.name}: the disk in the image has {built.disk} MiB, and the smallest that is "
            f"to boot it {request.room} MiB: give the server a larger `disk`"
        )
    keep(release.drv, Path(f"{root}-drv"))
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
        raise FlakeshipError(gone(release)) from error
    return Built(release.path, digest, path.stat().st_size, imagefile.inspect(path)[1])


def gone(release: Release) -> str:
    """Says how to bring back a release's file that is no longer in the store."""
    if Path(release.drv).exists():
        remedy = f"build it again: nix build '{release.drv}^out'"
    else:
        where = f"revision {release.revision}" if release.revision else "the flake it came from"
        remedy = f"its derivation is gone too: evaluate {release.host} at {where} and build that"
    return f"{release.name}: {release.path} is gone from the store; {remedy}"


def keep(path: str, link: Path) -> None:
    """Keep a store path from collection by a symbolic link."""
    run([*NIX, "build", path, "--out-link", link])


def drop(root: str) -> None:
    """Remove the links that `build` made: from now on Nix may collect what they kept."""
    for link in (root, f"{root}-drv", f"{root}-toplevel"):
        Path(link).unlink(missing_ok=True)
