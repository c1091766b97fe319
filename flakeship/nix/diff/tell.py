"""Changes in words: a few lines for a preview, and all of them for `make diff`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from flakeship.nix.diff.changes import Changes
from flakeship.nix.diff.contents import Difference
from flakeship.nix.diff.masked import masked
from flakeship.nix.diff.packages import Change, Packages

MOST = 6
"""How many names a line of the short form has."""
INDENT = "  "


def short(changes: Changes, growth: str) -> str:
    """At most eight lines, without those that have nothing to say."""
    said = {
        "reboot needed": ", ".join(changes.reboot),
        "packages": few(packages(changes.direct)),
        "dependencies": few(packages(changes.dependencies)),
        "units": few(names(changes.units)) + restarting(changes.units),
        "/etc": few(names(changes.files)),
        "other": few(names(changes.other)),
        "build only": count(len(changes.build.changes), "change"),
        "closure": growth,
    }
    if not changes.inside:
        said["other"] = "nothing inside differs, only the image is made otherwise"
    return clean("\n".join(f"{INDENT}{what}: {text}" for what, text in said.items() if text))


def whole(changes: Changes, growth: str) -> str:
    """Everything, with the lines in which units and files differ."""
    parts = {
        "reboot needed": changes.reboot,
        "packages": [*packages(changes.direct, sys.maxsize)],
        "dependencies": [*packages(changes.dependencies, sys.maxsize)],
        "units": [*lines(changes.units, "restart or reload with what they use")],
        "/etc": [*lines(changes.files, "only name other packages")],
        "other": [*lines(changes.other, "only name other packages")],
        "needed by the build only": [*packages(changes.build)],
        "closure": [growth],
    }
    said = []
    for what, all_ in parts.items():
        if all_:
            said += [f"{INDENT}{what}:", *(f"{INDENT * 2}{each}" for each in all_)]
    return clean("\n".join(said))


def packages(found: Packages, named: int = MOST) -> Iterator[str]:
    """A text for each package that changes, and one for all that only are built otherwise.

    The names of these are in it where there are at most `named` of them.
    """
    yield from map(package, found.changes)
    if found.rebuilt:
        all_ = f": {', '.join(found.rebuilt)}" if len(found.rebuilt) <= named else ""
        yield f"{len(found.rebuilt)} built otherwise{all_}"


def package(change: Change) -> str:
    """One package: +new, -gone, or from one version to another."""
    was = ", ".join(each for each in change.before if each not in change.after)
    is_ = ", ".join(each for each in change.after if each not in change.before)
    stays = ", ".join(each for each in change.after if each in change.before)
    beside = f" beside {stays}" if stays else ""
    if was and is_:
        return f"{change.name} {was} -> {is_}{beside}"
    return f"{'-' if was else '+'}{change.name} {was or is_}{beside}"


def names(found: Difference) -> Iterator[str]:
    """The names of what is new, gone, and changed in substance."""
    yield from (f"+{name}" for name in found.added)
    yield from (f"-{name}" for name in found.removed)
    yield from found.changed


def lines(found: Difference, moved: str) -> Iterator[str]:
    """The names, and under each the lines that differ; last those that have only `moved`."""
    for name in names(found):
        yield name
        yield from (f"{INDENT}{line}" for line in found.changed.get(name, []))
    if found.moved:
        yield f"{len(found.moved)} {moved}: {', '.join(found.moved)}"


def restarting(units: Difference) -> str:
    """How many units differ in store paths only, behind those that differ in substance."""
    if not units.moved:
        return ""
    said = f"{len(units.moved)} restart or reload with what they use"
    return f"; {said}" if any(names(units)) else said


def few(texts: Iterable[str]) -> str:
    """The first of several texts, and how many more there are."""
    all_ = list(texts)
    more = [f"{len(all_) - MOST} more"] if len(all_) > MOST else []
    return ", ".join(all_[:MOST] + more)


def count(number: int, what: str) -> str:
    """A number of things; empty for none."""
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""


def clean(text: str) -> str:
    """Without what looks like a secret, and without control characters, which a terminal obeys.

    All that is shown of a flake's texts comes through here.
    """
    visible = (each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)
    return masked("".join(visible))
