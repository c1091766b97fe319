"""Which inputs of a system are part of its runtime, and which only of its build.

A heuristic (docs/explanation/decisions/0009): what an output refers to is known after the build.
Before it, what a derivation names counts as a reference, except in attributes that are for the
build alone. It errs towards the runtime (headers, statically linked libraries), and misses what
only `stdenv` brings (the compiler's runtime libraries).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from flakeship.nix.diff.graph import Derivation, Graph

BUILD_ATTRIBUTES = re.compile(
    "(propagatedNativeBuild|native.*|check|installCheck)Inputs|depsBuild.+|.+Phase"
    "|(pre|post)(Unpack|Patch|Configure|Build|Check|InstallCheck)"
    "|(dis)?allowed(References|Requisites)|outputChecks|passedChecks"
    "|args|bootstrap|builder|patches|setup|srcs?|stdenv"
)
"""Attributes of any derivation that only its build uses."""

PACKAGE_ATTRIBUTES = re.compile(
    "(propagated)?[bB]uildInputs|depsHostHost(Propagated)?|propagatedUserEnvPkgs|pythonPath"
    "|(pre|post)Fixup|makeWrapperArgs|text|paths|chosenOutputs"
)
"""The only attributes of a package that its runtime uses: its phases name build tools."""

Versions = Mapping[str, Mapping[str, set[str]]]
"""Packages by name, then by version, with the base names of their outputs: a package may be there
several times in one version."""


def is_runtime_attribute(derivation: Derivation) -> Callable[[str], bool]:
    """A predicate: whether the attribute of this name outlives the derivation's build."""
    if derivation.package:
        return lambda name: bool(PACKAGE_ATTRIBUTES.fullmatch(name))
    return lambda name: not BUILD_ATTRIBUTES.fullmatch(name)


def references(graph: Graph, derivation: Derivation) -> list[Derivation]:
    """The derivations that one refers to at runtime, each once."""
    if derivation not in graph.references:
        derivers = map(graph.deriver, derivation.store_paths(is_runtime_attribute(derivation)))
        found = dict.fromkeys(made for made in derivers if made and made is not derivation)
        graph.references[derivation] = list(found)
    return graph.references[derivation]


def closure(
    graph: Graph,
    start: Iterable[Derivation],
    *,
    descend: Callable[[Derivation], bool] = lambda _: True,
    exclude: Collection[Derivation] = (),
) -> list[Derivation]:
    """`start` and all that it refers to at runtime, nearest first.

    Follows the references of those that `descend` accepts, and never into `exclude`.
    """
    found = dict.fromkeys(start)
    todo = list(found)
    for derivation in todo:  # grows in the loop
        if descend(derivation):
            new = [
                made
                for made in references(graph, derivation)
                if made not in found and made not in exclude
            ]
            found.update(dict.fromkeys(new))
            todo += new
    return todo


def versions(derivations: Iterable[Derivation]) -> Versions:
    """The packages among derivations."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for derivation in derivations:
        if derivation.package:
            name, version = derivation.package
            found[name][version].update(derivation.outputs.values())
    return found
