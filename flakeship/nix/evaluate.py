"""Evaluates hosts of a flake: releases with their names, and nothing is built."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.errors import FlakeshipError, SettingError, did_you_mean
from flakeship.model.flake import FlakeReference, path_url
from flakeship.model.locked_input import LockedInput
from flakeship.model.release import Release
from flakeship.nix import buildable, lock, manifest, messages, store
from flakeship.nix.messages import Said
from flakeship.nix.source import source
from flakeship.nix.store import NIX
from flakeship.system.process import Result, run

log = logging.getLogger(__name__)

# Nix starts with 384 MiB and collects garbage seven times; this saves a host a quarter of the time
HEAP = {"GC_INITIAL_HEAP_SIZE": "600M"}
ACCESS = "access"  # the input with the authorized keys
MOST_LINES = 40  # of an error that are shown
ERROR = re.compile(r"^ *error:", re.MULTILINE)
NO_BUILD = re.compile(r"cannot build '([^']+)'.*allow-import-from-derivation")


@dataclass(frozen=True)
class Evaluated:
    """A release, what Nix said of it, and what a person should know before it is built."""

    release: Release
    messages: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    built: tuple[str, ...] = ()  # derivations that the evaluation needed


@dataclass(frozen=True)
class Locked:
    """What Nix says of a flake as a whole. `fingerprint` is that of what it evaluates.

    `takes_keys` tells whether the flake has the input that the authorized keys go into. `inputs`
    are the others, after the flake itself.
    """

    fingerprint: str = ""
    revision: str = ""
    messages: tuple[str, ...] = ()
    takes_keys: bool = True
    inputs: tuple[LockedInput, ...] = ()


@dataclass(frozen=True)
class Evaluator:
    """Evaluates one flake with the authorized keys in the directory `access`.

    Only with `may_build` may it build for that (import from derivation).
    """

    flake: FlakeReference
    access: Path
    may_build: bool = False

    def locked(self) -> Locked:
        """The flake as it is now, with all inputs locked; empty where it cannot be read."""
        done = self._nix("flake", "metadata", "--json", self.flake.url)
        said = messages.parse(done.stderr)
        if done.code != 0:
            return Locked()
        found = json.loads(done.stdout)
        inputs = json.dumps([found.get("locked"), found.get("locks")], sort_keys=True)
        whole = "narHash" in (found.get("locked") or {})
        locks = found.get("locks") or {}
        root = (locks.get("nodes") or {}).get(locks.get("root")) or {}
        own = hashlib.sha256(inputs.encode()).hexdigest() if whole else ""
        return Locked(
            str(found.get("fingerprint") or own),
            str(found.get("revision") or ""),
            said.messages,
            ACCESS in (root.get("inputs") or {}),
            lock.inputs(found, self.flake, ACCESS),
        )

    def evaluate(self, host: str, variant: str) -> Evaluated:
        """Evaluate one host and variant.

        `nix path-info --derivation` answers from the evaluation cache, `nix eval` does not: so the
        manifest is the variable `manifest` of a derivation (docs/explanation/decisions/0001).
        Raises SettingError where the flake has no such host or variant, and FlakeshipError where it
        does not evaluate, its manifest is wrong, or nothing can build it.
        """
        path = f"flakeship.{_quoted(host)}.{_quoted(variant)}"
        attribute = f"{self.flake.text}#{path}"
        done = self._nix("path-info", "--derivation", f"{self.flake.url}#{path}")
        said = messages.parse(done.stderr)
        if done.code != 0:
            raise self._failure(said, host, variant, attribute)
        release = read(done.stdout.strip(), attribute)
        if (release.host, release.variant) != (host, variant):
            raise FlakeshipError(
                "the manifest must name the host and variant of its attribute",
                code="manifest-invalid",
                key=attribute,
                given=f"{release.host}.{release.variant}",
            )
        warning = buildable.check(release, attribute)
        return Evaluated(release, said.messages, (warning,) if warning else (), said.built)

    def variants(self, host: str) -> list[str]:
        """The names of a host's variants. Raises SettingError where the flake has no such host."""
        names = "f: builtins.mapAttrs (_: builtins.attrNames) f"
        listed = self._nix("eval", "--json", f"{self.flake.url}#flakeship", "--apply", names)
        if listed.code != 0:
            raise SettingError(
                "the flake must have an attribute `flakeship` (docs/reference/manifest.md)",
                code="flake-without-hosts",
                key="flakeship:flake",
                given=self.flake.text,
            )
        hosts: dict[str, list[str]] = json.loads(listed.stdout)
        if host not in hosts:
            raise self._missing("host", host, list(hosts))
        return hosts[host]

    def _nix(self, *words: str) -> Result:
        # what a flake itself says in `nixConfig` would count more than our options
        options = {"accept-flake-config": False, "allow-import-from-derivation": self.may_build}
        given = [w for name, on in options.items() for w in ("--option", name, str(on).lower())]
        override = ["--no-write-lock-file", "--override-input", ACCESS, path_url(self.access)]
        argv = [*NIX, *words, *override, *given, "--log-format", "internal-json"]
        return run(argv, env=HEAP | os.environ, check=False)

    def _failure(self, said: Said, host: str, variant: str, attribute: str) -> FlakeshipError:
        if "does not provide attribute" in said.error and "flakeship." in said.error:
            try:
                return self._missing("variant", variant, self.variants(host))
            except SettingError as error:
                return error
        if needed := NO_BUILD.search(said.error):
            return FlakeshipError(
                f"evaluating it needs a build (import from derivation) of {needed[1]}",
                code="import-from-derivation",
                key=attribute,
                remedy="set flakeship:allowImportFromDerivation to true to let previews build it, "
                "or commit what is generated",
            )
        path = attribute.removeprefix(f"{self.flake.text}#")
        trace = f"nix path-info --derivation --show-trace {shlex.quote(f'{self.flake.url}#{path}')}"
        return FlakeshipError(
            "does not evaluate",
            code="evaluation-failed",
            key=attribute,
            remedy=source(self.flake).unseen,
            # without a word: where memory runs out, the kernel kills it
            details=[_cause(said.error) or "Nix was killed", f"Full trace: {trace}"],
        )

    def _missing(self, kind: str, given: str, existing: list[str]) -> SettingError:
        return SettingError(
            f"{self.flake.text} has no {kind} {given}",
            code=f"{kind}-missing",
            key=f"flakeship:{kind}",
            allowed=", ".join(existing),
            remedy=f"{did_you_mean(given, existing)} {source(self.flake).unseen}".strip(),
        )


def evaluate(flake: str, host: str, variant: str, access: Path) -> Release:
    """One host for a program of one's own; what Nix says of it goes to the log.

    Raises as Evaluator.evaluate.
    """
    done = Evaluator(FlakeReference.parse(flake), access).evaluate(host, variant)
    for text in (*done.messages, *done.warnings):
        log.warning("%s.%s: %s", host, variant, text)
    return done.release


def read(drv: str, attribute: str) -> Release:
    """The release that a manifest's derivation describes; `attribute` names it in errors."""
    return manifest.read(store.derivation(drv)["env"].get("manifest", ""), attribute)


def _quoted(name: str) -> str:
    """A name in an attribute path, where a dot would end it."""
    return f'"{name}"' if "." in name else name


def _cause(stderr: str) -> str:
    """The last error that Nix reports: the calls that lead to it come first."""
    last = stderr[[0, *(found.start() for found in ERROR.finditer(stderr))][-1] :]
    lines = textwrap.dedent(last).strip().splitlines()
    return "\n".join([*lines[:MOST_LINES], *(["…"] if len(lines) > MOST_LINES else [])])
