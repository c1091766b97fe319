"""What is written in a system's files and units, and how two of them differ in substance.

A text is compared without the hashes and versions of the store paths in it: those differ whenever
anything below them does, and packages are told elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from typing import TypeVar

from flakeship.nix.diff.graph import STORE_PATH, Derivation, Graph
from flakeship.nix.diff.masked import folded
from flakeship.nix.diff.runtime import closure, kept
from flakeship.nix.diff.system import Entry

VERSION = re.compile(r"-\d{4}-\d\d-\d\d|-\d[\w+]*(?:\.[\w+]+)+|-\d[\w.+]*$")
TEXT = ("text", "value", "json")
"""Attributes that nixpkgs' writers of files have their content in."""
TRIGGERS = re.compile(r"X-Re(start|load)-Triggers-")
"""They make a unit restart with its files; the files are told by themselves."""

T = TypeVar("T")

STORE = Path("/nix/store")

LONGEST = 1 << 16
"""No file of the flake above this many bytes is read."""


@dataclass(frozen=True)
class Text:
    """A text to the letter, and the base names of the sources that it may name."""

    raw: str
    sources: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def plain(self) -> str:
        """Without the hashes, versions and keys in it; JSON with a line for each value."""
        return plain(folded(in_lines(self.raw)), self.sources)


@dataclass(frozen=True)
class Difference:
    """Names; with those that `changed` in substance, the lines of it, each after its - or +.

    `moved` differ in nothing but the hashes and versions of the store paths that they name.
    """

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: Mapping[str, list[str]] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)


def compare(
    before: Mapping[str, T], after: Mapping[str, T], texts: Callable[[T], Mapping[str, Text]]
) -> Difference:
    """Compare by name; `texts` gives what is written in one, by the names of its pieces."""
    changed, moved = {}, []
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            old, new = texts(before[name]), texts(after[name])
            if lines := differences(old, new):
                changed[name] = lines
            elif old != new or not new:
                moved.append(name)
    return Difference(
        sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys()), changed, moved
    )


def differences(before: Mapping[str, Text], after: Mapping[str, Text]) -> list[str]:
    """The lines that differ, piece by piece."""
    lines: list[str] = []
    for name in dict.fromkeys([*before, *after]):
        old, new = (side[name].plain if name in side else "" for side in (before, after))
        if old != new:
            found = unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
            lines += list(found)[2:]
    return [line for line in lines if not line.startswith("@@")]


def pieces(graph: Graph, entry: Entry) -> Mapping[str, Text]:
    """What a file or unit says, by the names of the derivations that it is written in.

    Follows what these name, up to packages and collections of them. A file of the flake itself is
    read from the store.
    """
    if not entry.path:
        return {"": Text(entry.text)}
    made = graph.maker_at(entry.path)
    if made is None:
        return {"": Text(readable(Path(entry.path)))}

    def ours(each: Derivation) -> bool:
        collection = "chosenOutputs" in each.attributes
        return not (each.package or TRIGGERS.match(each.name) or collection)

    found = closure(graph, [made], into=ours)
    return {each.name: written(each) for each in found if ours(each)}


def written(derivation: Derivation) -> Text:
    """What one derivation writes, as far as it says so itself."""
    files = {*TEXT, *derivation.text("passAsFile").split()} - {"buildCommand"}
    names = [name for name in derivation.attributes if name in files]
    if names or "buildCommand" in derivation.attributes:
        text = "\n".join(derivation.text(name) for name in names or ["buildCommand"])
    else:
        lasting = kept(derivation)
        text = "\n".join(
            f"{name}={derivation.text(name)}".replace(" /nix/store/", "\n  /nix/store/")
            for name in derivation.attributes
            if lasting(name) and name not in derivation.outputs
        )
    return Text(text, derivation.sources)


def in_lines(text: str) -> str:
    """A text of JSON with a line for each value; any other as it is."""
    if text.startswith(("{", "[")):
        with contextlib.suppress(json.JSONDecodeError):
            return json.dumps(json.loads(text), indent=1)
    return text


def plain(text: str, sources: frozenset[str]) -> str:
    """A text without hashes and versions.

    The hash of a single file of the flake stays: it is what the file contains. One of a whole
    tree, which Nix calls `source`, tells nothing.
    """

    def shown(match: re.Match[str]) -> str:
        path = match[1]
        if path in sources and not path.endswith("-source"):
            return f"/nix/store/{path[:8]}…{path[32:]}"
        return f"/nix/store/…-{unversioned(path[33:])}"

    return STORE_PATH.sub(shown, text)


def unversioned(name: str) -> str:
    """A name without the versions in it."""
    return VERSION.sub("", name)


def readable(path: Path) -> str:
    """A small text file in the store; of anything else its path.

    A flake may be anybody's: what it links to on this machine is not for a log.
    """
    try:
        real = path.resolve()
        if real.is_relative_to(STORE) and real.is_file() and real.stat().st_size <= LONGEST:
            return real.read_text()
    except (OSError, UnicodeDecodeError):
        pass
    return str(path)
