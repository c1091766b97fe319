"""Changes as text: a few lines for a preview, and all of them for `make diff`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from flakeship.nix.diff.changes import Changes
from flakeship.nix.diff.file_diff import FileDiff
from flakeship.nix.diff.packages import PackageChange, Packages
from flakeship.nix.diff.redact import redact

MAX_NAMES = 6
"""How many names a line of the summary has."""
INDENT = "  "


def summary(changes: Changes, closure: str) -> str:
    """At most eight lines; a part without changes has none."""
    parts = {
        "reboot needed": ", ".join(changes.reboot),
        "packages": few(package_lines(changes.direct)),
        "dependencies": few(package_lines(changes.dependencies)),
        "units": few(names(changes.units)) + restarts(changes.units),
        "/etc": few(names(changes.files)),
        "other": few(names(changes.other)),
        "build only": count(len(changes.build.changes), "change"),
        "closure": closure,
    }
    if not changes.any_inside:
        parts["other"] = "the systems are identical; only the build of the image differs"
    return clean("\n".join(f"{INDENT}{part}: {text}" for part, text in parts.items() if text))


def full(changes: Changes, closure: str) -> str:
    """All changes, with the lines in which units and files differ."""
    parts = {
        "reboot needed": changes.reboot,
        "packages": package_lines(changes.direct, sys.maxsize),
        "dependencies": package_lines(changes.dependencies, sys.maxsize),
        "units": diff_lines(changes.units, "restart because their dependencies changed"),
        "/etc": diff_lines(changes.files, "differ only in the store paths they name"),
        "other": diff_lines(changes.other, "differ only in the store paths they name"),
        "build only": package_lines(changes.build),
        "closure": [closure],
    }
    found = []
    for part, lines in parts.items():
        if shown := [f"{INDENT * 2}{line}" for line in lines]:
            found += [f"{INDENT}{part}:", *shown]
    return clean("\n".join(found))


def package_lines(found: Packages, max_named: int = MAX_NAMES) -> Iterator[str]:
    """A text for each package that changes, and one for all that are only rebuilt.

    The latter names them where they are at most `max_named`.
    """
    yield from map(package_line, found.changes)
    if found.rebuilt:
        named = f": {', '.join(found.rebuilt)}" if len(found.rebuilt) <= max_named else ""
        yield f"{len(found.rebuilt)} rebuilt{named}"


def package_line(change: PackageChange) -> str:
    """One package: + for a new one, - for a removed one, or from one version to another."""
    before = ", ".join(version for version in change.before if version not in change.after)
    after = ", ".join(version for version in change.after if version not in change.before)
    both = ", ".join(version for version in change.after if version in change.before)
    unchanged = f" ({both} unchanged)" if both else ""
    if before and after:
        return f"{change.name} {before} -> {after}{unchanged}"
    return f"{'-' if before else '+'}{change.name} {before or after}{unchanged}"


def names(found: FileDiff) -> Iterator[str]:
    """The names of what is added, removed, and changed in substance."""
    yield from (f"+{name}" for name in found.added)
    yield from (f"-{name}" for name in found.removed)
    yield from found.changed


def diff_lines(found: FileDiff, relinked: str) -> Iterator[str]:
    """The names, below each the lines that differ; last those that are only relinked."""
    for name in names(found):
        yield name
        yield from (f"{INDENT}{line}" for line in found.changed.get(name, []))
    if found.relinked:
        yield f"{len(found.relinked)} {relinked}: {', '.join(found.relinked)}"


def restarts(units: FileDiff) -> str:
    """How many units are only relinked, for the line of those that change in substance."""
    number = len(units.relinked)
    more = "; {} more" if any(names(units)) else "{}"
    return f"{more.format(number)} restart because their dependencies changed" if number else ""


def few(texts: Iterable[str]) -> str:
    """The first few texts, and how many more there are."""
    all_ = list(texts)
    more = [f"{len(all_) - MAX_NAMES} more"] if len(all_) > MAX_NAMES else []
    return ", ".join(all_[:MAX_NAMES] + more)


def count(number: int, noun: str) -> str:
    """A number of things; empty for none."""
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


def clean(text: str) -> str:
    """A text without secrets, and without control characters, which a terminal would obey.

    Every text of a flake that is shown passes through here.
    """
    visible = (char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)
    return redact("".join(visible))
