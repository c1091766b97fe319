"""Changes as text: a few lines for a preview, and all of them for `make diff`.

Every text of a flake that is shown passes through `clean` here. No secret belongs in a
configuration; what is redacted is a safety net for one that is there nevertheless.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

from flakeship.model.text import marked
from flakeship.nix.diff.changes import Changes
from flakeship.nix.diff.file_diff import FileDiff
from flakeship.nix.diff.runtime import PackageChange, Packages

MAX_NAMES = 6  # in a line of the summary
INDENT = "  "
RELINKED = "differ only in the store paths they name"

SENSITIVE = (
    r"(?:passw|passphrase|secret|token|credential|authorization|(?<![a-z])(?:pass|pwd|pw|psk)\b"
    r"|bind_?pw|root_?pw|requirepass|masterauth"
    r"|(?:api|access|private|(?:pre-?)?shared|encryption|signing)key|(?<!public)[_-]key\b)"
)
# Every repetition is bounded: a flake may be anybody's, and no text of it may take long.
SECRET = re.compile(
    rf"""(?xi)
    (?: # a name and its value, an option, a directive: up to the end of the line
        ( {SENSITIVE} [\w"'.-]{{0,40}} [ \t]{{0,9}} (?: [=:>] [ \t]* | [ \t] (?=["']) )
        | -- [\w-]{{0,40}} {SENSITIVE} [\w-]{{0,40}} [ \t]+
        | \b (?:bearer|bindpw|rootpw|requirepass|masterauth) [ \t]+
        ) (?! [ \t]* (?:null|true|false)\b ) .+
    # a URL's password
    | (:// [^\s/@:]* :) [^\s/@]+ (?=@)
    # the hash of a password, a key of age
    | \$ (?:y|gy|7|\d[a-z]?) \$ \S+
    | AGE-SECRET-KEY-\w+
    )"""
)


def summary(changes: Changes, closure: str) -> str:
    """At most eight lines; a part without changes has none."""
    builds = len(changes.build.changes)
    parts = {
        "boot": ", ".join(changes.reboot),
        "packages": _few(_package_lines(changes.direct)),
        "dependencies": _few(_package_lines(changes.dependencies)),
        "units": _few(_names(changes.units)) + _relinked(changes.units),
        "/etc": _few(_names(changes.files)),
        "other": _few(_names(changes.other)),
        "build only": f"{builds} change{'' if builds == 1 else 's'}" if builds else "",
        "closure size": closure,
    }
    if not changes.any_inside:
        parts["other"] = "the systems are identical; only the build of the image differs"
    return clean("\n".join(f"{INDENT}{part}: {text}" for part, text in parts.items() if text))


def full(changes: Changes, closure: str) -> str:
    """All changes, with the lines in which units and files differ."""
    parts = {
        "boot": changes.reboot,
        "packages": _package_lines(changes.direct, sys.maxsize),
        "dependencies": _package_lines(changes.dependencies, sys.maxsize),
        "units": _diff_lines(changes.units),
        "/etc": _diff_lines(changes.files),
        "other": _diff_lines(changes.other),
        "build only": _package_lines(changes.build),
        "closure size": [closure],
    }
    found = []
    for part, lines in parts.items():
        if shown := [f"{INDENT * 2}{line}" for line in lines]:
            found += [f"{INDENT}{part}:", *shown]
    return clean("\n".join(found))


def named(changes: Changes) -> dict[str, list[str]]:
    """The names of all that changes in the parts of a running system, and no text of a file."""
    parts = {
        "boot": changes.reboot,
        "packages": [*_package_lines(changes.direct, sys.maxsize)],
        "dependencies": [*_package_lines(changes.dependencies, sys.maxsize)],
        "units": [*_names(changes.units)],
        "/etc": [*_names(changes.files)],
        "other": [*_names(changes.other)],
    }
    return {part: [clean(line) for line in lines] for part, lines in parts.items() if lines}


def _package_lines(found: Packages, max_named: int = MAX_NAMES) -> Iterator[str]:
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


def _names(found: FileDiff) -> Iterator[str]:
    yield from (f"+{name}" for name in found.added)
    yield from (f"-{name}" for name in found.removed)
    yield from found.changed


def _diff_lines(found: FileDiff) -> Iterator[str]:
    for name in _names(found):
        yield name
        yield from (f"{INDENT}{line}" for line in found.changed.get(name, []))
    if found.relinked:
        yield f"{len(found.relinked)} {RELINKED}: {', '.join(found.relinked)}"


def _relinked(units: FileDiff) -> str:
    number = len(units.relinked)
    more = "; {} more" if any(_names(units)) else "{}"
    return f"{more.format(number)} {RELINKED}" if number else ""


def _few(texts: Iterable[str]) -> str:
    all_ = list(texts)
    more = [f"{len(all_) - MAX_NAMES} more"] if len(all_) > MAX_NAMES else []
    return ", ".join(all_[:MAX_NAMES] + more)


def clean(text: str) -> str:
    """A text without secrets, and without control characters, which a terminal would obey."""
    return redact(marked(text))


def redact(text: str) -> str:
    """A text without the values in it that look like secrets."""
    return SECRET.sub(r"\1\2…", text)
