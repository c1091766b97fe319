"""The runtime closure of a store path: everything that it refers to, with the hash of each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.sizes import MIB
from flakeship.nix import store
from flakeship.nix.store import NIX
from flakeship.system.process import run

MOST = 256 * MIB  # of JSON: a desktop has 2 MiB
HASH = 33  # characters of a base name before the name: the hash, and a dash
VERSION = re.compile(r"-(?=[^A-Za-z])")


@dataclass(frozen=True)
class Member:
    """A store path of a closure, its hash (SRI) and size in bytes as a Nix archive (NAR)."""

    path: str
    nar_hash: str
    nar_size: int
    references: tuple[str, ...]  # its direct ones, sorted, without itself

    @property
    def name_and_version(self) -> tuple[str, str]:
        """As Nix parts them (`builtins.parseDrvName`); the version may be empty."""
        name, *version = VERSION.split(PurePosixPath(self.path).name[HASH:], maxsplit=1)
        return name, "".join(version)


def read(path: str, release: str) -> list[Member]:
    """The closure of a path of a release, sorted by path.

    Raises FlakeshipError: `store-path-missing` where it is not in the Nix store here.
    """
    argv = [*NIX, "path-info", "--json", "--recursive", "--offline", path]
    try:
        shown = json.loads(run(argv, most=MOST).stdout)
    except CommandError as error:
        if error.exit_code is None:
            raise
        raise store.gone(release, path, store.bring_back(path)) from error
    try:
        return sorted(_members(shown), key=lambda member: member.path)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FlakeshipError(
            f"`nix path-info --json` printed an unknown format: {error!r}",
            code="nix-format-unknown",
            key=release,
            remedy="update Flakeship, or use the Nix of docs/how-to/set-up.md",
        ) from error


def _members(shown: Any) -> Iterator[Member]:  # noqa: ANN401
    """Until Nix 2.18 it is a list, then an object by path; a later format has that as `info`."""
    if isinstance(shown, Mapping):
        given = shown.get("info", shown)
        shown = [{"path": path, **each} for path, each in given.items()]
    for each in shown:
        path, nar_hash = _whole(each["path"]), str(each["narHash"])
        if not nar_hash.startswith("sha256-"):
            raise ValueError(nar_hash)
        others = sorted({*map(_whole, each["references"])} - {path})
        yield Member(path, nar_hash, int(each["narSize"]), tuple(others))


def _whole(path: str) -> str:
    """A path with the store's directory, which the later format leaves out."""
    return str(PurePosixPath("/nix/store", path))
