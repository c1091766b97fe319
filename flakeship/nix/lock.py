"""The inputs of a flake, as `nix flake metadata --json` has them locked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flakeship.model.flake import FlakeReference
from flakeship.model.locked_input import COMMIT, NAME, NAR_HASH, REFERENCE, SELF, LockedInput
from flakeship.system.process import redacted

HOSTED = ("github", "gitlab", "sourcehut")


def inputs(
    metadata: Mapping[str, Any], flake: FlakeReference, leave_out: str
) -> tuple[LockedInput, ...]:
    """The flake itself, and all locked inputs by name, without the direct input `leave_out`.

    A flake.lock is data: what is no reference, hash or commit is left empty.
    """
    locks = metadata.get("locks") or {}
    nodes = locks.get("nodes") or {}
    root = nodes.get(locks.get("root")) or {}
    left_out = (root.get("inputs") or {}).get(leave_out)
    own = _input(SELF, metadata.get("locked") or {})
    found = [
        _input(name, each["locked"])
        for name, each in sorted(nodes.items())
        if name != left_out and each.get("locked") and re.fullmatch(NAME, name)
    ]
    return (
        replace(own, reference=_fitting(REFERENCE, _public(_given(flake)))),
        # a directory within the flake has neither
        *(each for each in found if each.reference or each.nar_hash),
    )


def _input(name: str, locked: Mapping[str, Any]) -> LockedInput:
    return LockedInput(
        name,
        _fitting(REFERENCE, _public(_reference(locked))),
        _fitting(NAR_HASH, locked.get("narHash")),
        _fitting(COMMIT, locked.get("rev")),
    )


def _reference(locked: Mapping[str, Any]) -> str:
    """The flake reference of an input; empty for one on this machine."""
    kind, owner, repo, rev, url = (
        str(locked.get(key) or "") for key in ("type", "owner", "repo", "rev", "url")
    )
    if kind in HOSTED:
        return f"{kind}:{owner}/{repo}/{rev}"
    if url.startswith(("file:", "/")):
        return ""
    return f"{kind}+{url}?rev={rev}" if kind in {"git", "hg"} and url else url


def _given(flake: FlakeReference) -> str:
    """The reference of the settings; empty for an absolute path, which may name a user's home."""
    local = flake.directory is not None and flake.directory.is_absolute()
    return "" if local else flake.text


def _public(reference: str) -> str:
    return redacted(reference).replace("…", "***")


def _fitting(pattern: str, value: object) -> str:
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else ""
