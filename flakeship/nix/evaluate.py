"""Evaluates a host of a flake, without building anything."""

from __future__ import annotations

import difflib
import json
import os
import re
import textwrap
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from flakeship.model.errors import CommandError, FlakeshipError, SettingError
from flakeship.model.release import Release
from flakeship.nix import source, store
from flakeship.nix.store import NIX
from flakeship.system.process import run

HEAP = {"GC_INITIAL_HEAP_SIZE": "600M"}
"""Nix begins with 384 MiB and collects seven times; so a NixOS host takes a quarter less time."""


ERROR = re.compile(r"^ *error:", re.MULTILINE)


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
        if error.exit_code is None:
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
    return TypeAdapter(Release).validate_json(store.derivation(path)["env"]["manifest"])


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
