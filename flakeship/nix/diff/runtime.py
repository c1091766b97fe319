"""What of a system is there when it runs, told from what only its build needs.

This is a heuristic (docs/decisions/0009): what an output really refers to is known once it is
built. Until then it is what the derivation names, less what is for the build by its attribute's
name. Where it errs it takes too much for runtime (headers, what is linked in), and it misses what
comes by `stdenv` alone (the compiler's own libraries).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from flakeship.nix.diff.graph import Derivation, Graph

FOR_THE_BUILD = re.compile(
    "(propagatedNativeBuild|native.*|check|installCheck)Inputs|depsBuild.+|.+Phase"
    "|(pre|post)(Unpack|Patch|Configure|Build|Check|InstallCheck)"
    "|(dis)?allowed(References|Requisites)|outputChecks|passedChecks"
    "|args|bootstrap|builder|patches|setup|srcs?|stdenv"
)
"""Attributes of any derivation whose values do not outlive the build."""

OF_A_PACKAGE = re.compile(
    "(propagated)?[bB]uildInputs|depsHostHost(Propagated)?|propagatedUserEnvPkgs|pythonPath"
    "|(pre|post)Fixup|makeWrapperArgs|text|paths|chosenOutputs"
)
"""The only attributes of a package whose values do: its phases name its tools all over."""

Versions = Mapping[str, Mapping[str, set[str]]]
"""Packages by name, then version, with the base names of their outputs: one version of a package
may be there several times."""


def kept(derivation: Derivation) -> Callable[[str], bool]:
    """Tells by its name which attribute of a derivation outlives the build."""
    if derivation.package:
        return lambda name: bool(OF_A_PACKAGE.fullmatch(name))
    return lambda name: not FOR_THE_BUILD.fullmatch(name)


def references(graph: Graph, derivation: Derivation) -> list[Derivation]:
    """What a derivation names for the time after its build, each once."""
    if derivation not in graph.references:
        made = map(graph.maker, derivation.named(kept(derivation)))
        found = dict.fromkeys(each for each in made if each and each is not derivation)
        graph.references[derivation] = list(found)
    return graph.references[derivation]


def closure(
    graph: Graph,
    start: Iterable[Derivation],
    *,
    into: Callable[[Derivation], bool] = lambda _: True,
    without: Collection[Derivation] = (),
) -> list[Derivation]:
    """All that is reached from `start`, nearest first, `start` included.

    Goes on below those alone that `into` accepts, and never to those in `without`.
    """
    found = dict.fromkeys(start)
    todo = list(found)
    for each in todo:  # grows meanwhile
        if into(each):
            new = [r for r in references(graph, each) if r not in found and r not in without]
            found.update(dict.fromkeys(new))
            todo += new
    return todo


def versions(derivations: Iterable[Derivation]) -> Versions:
    """The packages among derivations."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for each in derivations:
        if each.package:
            name, version = each.package
            found[name][version].update(each.outputs.values())
    return found
