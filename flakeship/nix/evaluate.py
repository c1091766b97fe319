"""Evaluates a host of a flake, without building anything."""

from __future__ import annotations

import json
import os
import re
import textwrap
from pathlib import Path

from flakeship.model.errors import CommandError, FlakeshipError, SettingError, did_you_mean
from flakeship.model.release import Release
from flakeship.nix import manifest, source, store
from flakeship.nix.store import NIX
from flakeship.system.process import run

HEAP = {"GC_INITIAL_HEAP_SIZE": "600M"}
"""Nix starts with 384 MiB and collects garbage seven times; this saves a NixOS host a quarter of
the time."""

ERROR = re.compile(r"^ *error:", re.MULTILINE)


def evaluate(flake: str, host: str, variant: str, access: Path) -> Release:
    """Evaluate one host and variant; builds nothing.

    `nix path-info --derivation` answers from the evaluation cache, `nix eval` does not: so the
    manifest is the variable `manifest` of a derivation (docs/explanation/decisions/0001).
    `access` is a directory with the file authorized_keys. Raises SettingError where the flake has
    no such host or variant, and FlakeshipError where it does not evaluate or its manifest is wrong.
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
            raise missing(flake, host, variant, override) from error
        raise FlakeshipError(
            "does not evaluate",
            code="evaluation-failed",
            key=attribute,
            details=[
                cause(error.stderr),
                f"Full trace: nix path-info --derivation --show-trace '{attribute}'",
            ],
        ) from error
    release = read(found.stdout.strip(), attribute)
    if (release.host, release.variant) != (host, variant):
        raise FlakeshipError(
            "the manifest must name the host and variant of its attribute",
            code="manifest-invalid",
            key=attribute,
            given=f"{release.host}.{release.variant}",
        )
    return release


def read(drv: str, attribute: str) -> Release:
    """The release that a manifest's derivation describes; `attribute` names it in errors."""
    return manifest.read(store.derivation(drv)["env"].get("manifest", ""), attribute)


def cause(stderr: str) -> str:
    """The last error that Nix reports: the calls that lead to it come first."""
    last = stderr[[0, *(found.start() for found in ERROR.finditer(stderr))][-1] :]
    return textwrap.dedent(last).strip()


def missing(flake: str, host: str, variant: str, override: list[str]) -> SettingError:
    """The error for a host or variant that the flake does not have; lists those it has."""
    names = "f: builtins.mapAttrs (_: builtins.attrNames) f"
    listed = run(
        [*NIX, "eval", "--json", f"{flake}#flakeship", "--apply", names, *override], check=False
    )
    if listed.code != 0:
        return SettingError(
            "the flake must have an attribute `flakeship` (docs/reference/manifest.md)",
            code="flake-without-hosts",
            key="flakeship:flake",
            given=flake,
        )
    hosts: dict[str, list[str]] = json.loads(listed.stdout)
    kind, given, existing = (
        ("variant", variant, hosts[host]) if host in hosts else ("host", host, list(hosts))
    )
    return SettingError(
        f"{flake} has no {kind} {given}",
        code=f"{kind}-missing",
        key=f"flakeship:{kind}",
        allowed=", ".join(existing),
        remedy=f"{did_you_mean(given, existing)} {source.inspect(flake).unseen}".strip(),
    )
