"""Packages that differ between two sets of derivations, by name and version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flakeship.nix.diff.contents import VERSION, unversioned
from flakeship.nix.diff.graph import Derivation
from flakeship.nix.diff.runtime import Versions, versions


@dataclass(frozen=True)
class Change:
    """A package's versions before and after; none where there is no such package."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Packages:
    """Those that change; `rebuilt` are the names of those that only come from other builds."""

    changes: list[Change] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)

    def only(self, which: Callable[[str], bool]) -> Packages:
        """Those whose names `which` accepts."""
        return Packages(
            [each for each in self.changes if which(each.name)],
            [name for name in self.rebuilt if which(name)],
        )


def changed(before: Versions, after: Versions) -> Packages:
    """Compare two sets of packages."""
    changes, rebuilt = [], []
    for name in sorted({*before, *after}, key=str.lower):
        old, new = before.get(name, {}), after.get(name, {})
        if old.keys() != new.keys():
            changes.append(Change(name, tuple(sorted(old)), tuple(sorted(new))))
        elif old != new:
            rebuilt.append(name)
    return Packages(changes, rebuilt)


def needed(derivations: Iterable[Derivation]) -> Versions:
    """What a build is made with: packages, and sources by the versions in their files' names."""
    all_ = list(derivations)
    found = {name: dict(each) for name, each in versions(all_).items()}
    for each in all_:
        if each.fixed and not each.package and (version := VERSION.search(each.name)):
            name = f"source of {unversioned(each.name)}"
            made = found.setdefault(name, {}).setdefault(version[0][1:], set())
            made.update(each.outputs.values())
    return found
