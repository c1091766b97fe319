"""Which inputs of a system are part of its runtime and which only of its build; their packages.

A heuristic (docs/explanation/decisions/0009): what an output refers to is known after the build.
Before it, what a derivation names counts as a reference, except in attributes that are for the
build alone. It errs towards the runtime (headers, statically linked libraries), and misses what
only `stdenv` brings (the compiler's runtime libraries).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from flakeship.nix.diff.graph import Derivation, Graph

# attributes of any derivation that only its build uses
BUILD_ATTRIBUTES = re.compile(
    "(propagatedNativeBuild|native.*|check|installCheck)Inputs|depsBuild.+|.+Phase"
    "|(pre|post)(Unpack|Patch|Configure|Build|Check|InstallCheck)"
    "|(dis)?allowed(References|Requisites)|outputChecks|passedChecks"
    "|args|bootstrap|builder|patches|setup|srcs?|stdenv"
)
# the only attributes of a package that its runtime uses: its phases name build tools
PACKAGE_ATTRIBUTES = re.compile(
    "(propagated)?[bB]uildInputs|depsHostHost(Propagated)?|propagatedUserEnvPkgs|pythonPath"
    "|(pre|post)Fixup|makeWrapperArgs|text|paths|chosenOutputs"
)
VERSION = re.compile(r"-\d{4}-\d\d-\d\d|-\d[\w+]*(?:\.[\w+]+)+|-\d[\w.+]*$")

Versions = Mapping[str, Mapping[str, set[str]]]
"""Packages by name, then by version, with the base names of all their outputs."""


@dataclass(frozen=True)
class PackageChange:
    """A package's versions before and after; empty where it is new or removed."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Packages:
    """Packages whose versions change, and the names of those that are only rebuilt."""

    changes: list[PackageChange] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)

    def only(self, accept: Callable[[str], bool]) -> Packages:
        """Those whose names `accept` accepts."""
        return Packages(
            [change for change in self.changes if accept(change.name)],
            [name for name in self.rebuilt if accept(name)],
        )


def is_runtime_attribute(derivation: Derivation) -> Callable[[str], bool]:
    """A predicate: whether the attribute of this name outlives the derivation's build."""
    if derivation.package:
        return lambda name: bool(PACKAGE_ATTRIBUTES.fullmatch(name))
    return lambda name: not BUILD_ATTRIBUTES.fullmatch(name)


def closure(
    graph: Graph,
    start: Iterable[Derivation],
    *,
    descend: Callable[[Derivation], bool] = lambda _: True,
    exclude: Collection[Derivation] = (),
) -> list[Derivation]:
    """`start` and all that it refers to at runtime, nearest first; never into `exclude`."""
    found = dict.fromkeys(start)
    todo = list(found)
    for derivation in todo:  # grows in the loop
        if descend(derivation):
            references = _references(graph, derivation)
            new = [made for made in references if made not in found and made not in exclude]
            found.update(dict.fromkeys(new))
            todo += new
    return todo


def _references(graph: Graph, derivation: Derivation) -> list[Derivation]:
    if derivation not in graph.references:
        derivers = map(graph.deriver, derivation.store_paths(is_runtime_attribute(derivation)))
        found = dict.fromkeys(made for made in derivers if made and made is not derivation)
        graph.references[derivation] = list(found)
    return graph.references[derivation]


def versions(derivations: Iterable[Derivation]) -> Versions:
    """The packages among derivations."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for derivation in derivations:
        if derivation.package:
            name, version = derivation.package
            found[name][version].update(derivation.outputs.values())
    return found


def build_inputs(derivations: Iterable[Derivation]) -> Versions:
    """What a build uses: packages, and sources by the versions in their file names."""
    derivations = list(derivations)
    found = {name: dict(outputs) for name, outputs in versions(derivations).items()}
    for made in derivations:
        if made.fixed_output and not made.package and (version := VERSION.search(made.name)):
            source = found.setdefault(f"source of {VERSION.sub('', made.name)}", {})
            source.setdefault(version[0][1:], set()).update(made.outputs.values())
    return found


def compare(before: Versions, after: Versions) -> Packages:
    """Compare two sets of packages."""
    changes, rebuilt = [], []
    for name in sorted({*before, *after}, key=str.lower):
        old, new = before.get(name, {}), after.get(name, {})
        if old.keys() != new.keys():
            changes.append(PackageChange(name, tuple(sorted(old)), tuple(sorted(new))))
        elif old != new:
            rebuilt.append(name)
    return Packages(changes, rebuilt)
