"""Evaluates hosts of a flake without building: what git has of it, how many hosts at a time."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.errors import CommandError, FlakeshipError, SettingError, did_you_mean
from flakeship.model.release import Release
from flakeship.model.sizes import MIB
from flakeship.nix import manifest, store
from flakeship.nix.store import NIX
from flakeship.system.process import run

# Nix starts with 384 MiB and collects garbage seven times; this saves a host a quarter of the time
HEAP = {"GC_INITIAL_HEAP_SIZE": "600M"}
EVALUATION = 1024  # MiB that a NixOS host takes at its peak (0.8 to 1.0 GB were measured)
HEAD = "# branch.oid "
MAX_NAMES = 5  # files that a warning names
ERROR = re.compile(r"^ *error:", re.MULTILINE)
MEMINFO = Path("/proc/meminfo")
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


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
            raise _missing(flake, host, variant, override) from error
        trace = f"Full trace: nix path-info --derivation --show-trace '{attribute}'"
        raise FlakeshipError(
            "does not evaluate",
            code="evaluation-failed",
            key=attribute,
            details=[_cause(error.stderr), trace],
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


def _cause(stderr: str) -> str:
    """The last error that Nix reports: the calls that lead to it come first."""
    last = stderr[[0, *(found.start() for found in ERROR.finditer(stderr))][-1] :]
    return textwrap.dedent(last).strip()


def _missing(flake: str, host: str, variant: str, override: list[str]) -> SettingError:
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
        remedy=f"{did_you_mean(given, existing)} {source(flake).unseen}".strip(),
    )


@dataclass(frozen=True)
class Source:
    """`revision` ends in -dirty with uncommitted changes; it is empty outside of git."""

    revision: str = ""
    changed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """What a person should read before a build from this source."""
        warnings = [self.unseen] if self.untracked else []
        if self.changed:
            recorded = f"is recorded as {self.revision}" if self.revision else "has no revision yet"
            warnings.append(
                f"the flake has uncommitted changes ({_few(self.changed)}); they are part of the "
                f"release, which {recorded}"
            )
        return warnings

    @property
    def unseen(self) -> str:
        """The warning about files that Nix ignores; empty where there are none."""
        if not self.untracked:
            return ""
        return (
            f"Nix ignores files that git does not track: {_few(self.untracked)}; "
            "`git add` makes them part of the flake"
        )


def _few(names: tuple[str, ...]) -> str:
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def source(flake: str) -> Source:
    """What git has of a flake in a local directory; an empty Source for any other."""
    if not flake.startswith((".", "/")):
        return Source()
    how = ["--porcelain=v2", "--branch", "--no-renames", "-z"]
    status = run(["git", "-C", flake, "status", *how, "--", "."], check=False)
    if status.code != 0:
        return Source()
    entries = status.stdout.split("\0")
    untracked = tuple(entry[2:] for entry in entries if entry.startswith("? "))
    # The path follows 8 words of an ordinary change, and 10 of one in a conflict.
    words = {"1 ": 8, "u ": 10}
    changed = tuple(e.split(" ", words[e[:2]])[-1] for e in entries if e[:2] in words)
    heads = [entry.removeprefix(HEAD) for entry in entries if entry.startswith(HEAD)]
    revision = "".join(head for head in heads if head != "(initial)")
    return Source(f"{revision}-dirty" if changed and revision else revision, changed, untracked)


def workers(evaluations: int) -> int:
    """How many evaluations to run at a time: as processors and known memory allow, at least one."""
    linux = sys.platform == "linux"
    cores = len(os.sched_getaffinity(0)) if linux else os.cpu_count() or 1
    memory = available_memory()
    by_memory = evaluations if memory is None else memory // EVALUATION
    return max(1, min(evaluations, cores, by_memory))


def available_memory() -> int | None:
    """The memory that programs may still take without swapping, in MiB; None: unknown."""
    system = _numbers(MEMINFO).get("MemAvailable:")
    found = [] if system is None else [system // 1024]
    return min([*found, *_cgroup_memory()], default=None)


def _cgroup_memory() -> Iterator[int]:
    """What the limits of this process's control group and of those above it leave, in MiB."""
    own = _text(OWN_CGROUP).partition("0::/")[2].strip()
    for group in (CGROUPS / own, *(CGROUPS / own).parents):
        limit, current = (_text(group / f"memory.{name}").strip() for name in ("max", "current"))
        if limit.isdigit() and current.isdigit():
            # the kernel evicts cached files for programs, as MemAvailable assumes
            cached = _numbers(group / "memory.stat").get("inactive_file", 0)
            yield max(0, int(limit) - int(current) + cached) // MIB


def _numbers(file: Path) -> dict[str, int]:
    lines = (line.split() for line in _text(file).splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1}


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
