"""The inputs of a flake, as `nix flake metadata --json` has them locked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from flakeship.model.flake import FlakeReference
from flakeship.model.locked_input import COMMIT, NAME, NAR_HASH, REFERENCE, SELF, LockedInput

HOSTED = ("github", "gitlab", "sourcehut")
PREFIXES = ("git", "hg", "file")  # without one Nix takes a URL for that of a tarball
URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
LOCAL = re.compile(r"[/~]|([a-z0-9.-]+[+])?(file|path):", re.IGNORECASE)
"""What names a file or a directory of this machine, and with it maybe a user."""
HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")
PARAMETER = re.compile(rf"(rev|ref|dir|narHash)=[^?;]*|host=({HOST.pattern})")
"""The parameters of a URL that are kept: a server may take any other one for a credential."""


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
        replace(own, reference=_fitting(REFERENCE, _given(flake))),
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
    own = {name: str(locked.get(name) or "") for name in ("dir", "host")}
    if own["host"] and not HOST.fullmatch(own["host"]):
        return ""
    if kind in HOSTED:
        return _with(f"{kind}:{owner}/{repo}/{rev}", own)
    if not URL.match(url) or LOCAL.match(url):
        return ""
    if kind in {"git", "hg"}:
        own["rev"] = rev
    return _with(f"{kind}+{url}" if kind in PREFIXES else url, own)


def _with(reference: str, parameters: Mapping[str, str]) -> str:
    """A reference with these parameters, as far as they are not empty, after others of its own."""
    base, _, query = reference.partition("#")[0].partition("?")
    given = {name: quote(value, safe="/:") for name, value in parameters.items() if value}
    others = [each for each in query.split("&") if each and each.partition("=")[0] not in given]
    query = "&".join([*others, *(f"{name}={value}" for name, value in given.items())])
    return f"{base}?{query}" if query else base


def _given(flake: FlakeReference) -> str:
    """The reference of the settings; empty for an absolute path, which may name a user's home."""
    if flake.directory is None:
        return "" if LOCAL.match(flake.text) else _public(flake.text)
    if flake.directory.is_absolute():
        return ""
    return _public(flake.text) if flake.query else flake.text


def _public(reference: str) -> str:
    """A reference without its user, and without the parameters that are not known as public.

    Empty where the host is none: a password with a slash would be taken for a path.
    """
    base, _, query = reference.partition("#")[0].partition("?")
    scheme, mark, rest = base.partition("://")
    if mark:
        authority, slash, path = rest.partition("/")
        user, _, host = authority.rpartition("@")
        if not HOST.fullmatch(host):
            return ""
        base = f"{scheme}://{'***@' if user else ''}{host}{slash}{path}"
    public = "&".join(each for each in query.split("&") if PARAMETER.fullmatch(each))
    return f"{base}?{public}" if public else base


def _fitting(pattern: str, value: object) -> str:
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else ""
