"""The texts of a system's files and units, and how two of them differ in substance.

Texts are compared without the hashes and versions of the store paths in them: those differ whenever
a dependency does, and packages are compared by themselves.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from typing import TypeVar

from flakeship.nix.diff.graph import STORE_PATH, Derivation, Graph
from flakeship.nix.diff.runtime import VERSION, closure, is_runtime_attribute

T = TypeVar("T")

STORE = Path("/nix/store")
MAX_BYTES = 1 << 16  # no larger source file of the flake is read
TEXT = ("text", "value", "json")  # attributes in which nixpkgs' writers of files have their content
# derivations that make a unit restart with its files, which are compared by themselves
TRIGGERS = re.compile(r"X-Re(start|load)-Triggers-")
PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(?:[^-]|-(?!----))*-----END \1-----")


@dataclass(frozen=True)
class Entry:
    """A file of /etc or a unit: its path in the store, or its text."""

    path: str = ""
    text: str = ""


@dataclass(frozen=True)
class Text:
    """A text, and the base names of the sources that it may name."""

    raw: str
    sources: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def normalized(self) -> str:
        """Without hashes, versions and keys; JSON has a line for each value."""
        text = self.raw
        if text.startswith(("{", "[")):
            with contextlib.suppress(json.JSONDecodeError):
                text = json.dumps(json.loads(text), indent=1)
        return STORE_PATH.sub(self._without_hash, fold_keys(text))

    def _without_hash(self, match: re.Match[str]) -> str:
        # The hash of a single source file stays, because it stands for the file's content. That of
        # a whole tree, which Nix names `source`, does not.
        path = match[1]
        if path in self.sources and not path.endswith("-source"):
            return f"/nix/store/{path[:8]}…{path[32:]}"
        return f"/nix/store/…-{VERSION.sub('', path[33:])}"


@dataclass(frozen=True)
class FileDiff:
    """Names of files or units."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: Mapping[str, list[str]] = field(default_factory=dict)  # in substance: - and + lines
    relinked: list[str] = field(default_factory=list)  # differ in the store paths that they name


def compare(
    before: Mapping[str, T], after: Mapping[str, T], texts: Callable[[T], Mapping[str, Text]]
) -> FileDiff:
    """Compare by name; `texts` gives the texts of one, by the names of their derivations."""
    changed, relinked = {}, []
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            old, new = texts(before[name]), texts(after[name])
            if lines := _changed_lines(old, new):
                changed[name] = lines
            elif old != new or not new:
                relinked.append(name)
    added, removed = after.keys() - before.keys(), before.keys() - after.keys()
    return FileDiff(sorted(added), sorted(removed), changed, relinked)


def _changed_lines(before: Mapping[str, Text], after: Mapping[str, Text]) -> list[str]:
    lines: list[str] = []
    for name in dict.fromkeys([*before, *after]):
        old, new = (side[name].normalized if name in side else "" for side in (before, after))
        diff = unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
        lines += list(diff)[2:]
    return [line for line in lines if not line.startswith("@@")]


def entry_texts(graph: Graph, entry: Entry) -> Mapping[str, Text]:
    """The texts of a file or unit, by the names of the derivations that write them.

    Follows the references of these, up to packages and collections of packages.
    """
    if not entry.path:
        return {"": Text(entry.text)}
    made = graph.deriver_at(entry.path)
    if made is None:
        return {"": Text(read_source(Path(entry.path)))}

    def is_text(derivation: Derivation) -> bool:
        collection = "chosenOutputs" in derivation.attributes
        return not (derivation.package or TRIGGERS.match(derivation.name) or collection)

    found = filter(is_text, closure(graph, [made], descend=is_text))
    return {derivation.name: written_text(derivation) for derivation in found}


def written_text(derivation: Derivation) -> Text:
    """The text that a derivation writes, as far as its attributes hold it."""
    files = {*TEXT, *derivation.text("passAsFile").split()} - {"buildCommand"}
    names = [name for name in derivation.attributes if name in files]
    if names or "buildCommand" in derivation.attributes:
        text = "\n".join(derivation.text(name) for name in names or ["buildCommand"])
    else:
        lasting = is_runtime_attribute(derivation)
        text = "\n".join(
            f"{name}={derivation.text(name)}".replace(" /nix/store/", "\n  /nix/store/")
            for name in derivation.attributes
            if lasting(name) and name not in derivation.outputs
        )
    return Text(text, derivation.sources)


def read_source(path: Path) -> str:
    """The content of a small text file in the store; of anything else its path.

    A flake may be anybody's: a file outside of the store that it links to must not reach a log.
    """
    with contextlib.suppress(OSError, UnicodeDecodeError):
        real = path.resolve()
        if real.is_relative_to(STORE) and real.is_file() and real.stat().st_size <= MAX_BYTES:
            return real.read_text()
    return str(path)


def fold_keys(text: str) -> str:
    """A text with every PEM block as one line, which has a fingerprint in place of the key."""

    def line(match: re.Match[str]) -> str:
        digest = hashlib.sha256(match[0].encode()).hexdigest()
        return f"-----BEGIN {match[1]}----- … {digest[:8]}"

    return PEM.sub(line, text)
