"""What the program hands to a target's graph, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, TypeVar

import pulumi

from flakeship.model.evidence import Evidence
from flakeship.targets.base import Plan

from .nix_image import NixImage

PlanT_contra = TypeVar("PlanT_contra", bound=Plan, contravariant=True)


@dataclass(frozen=True)
class Deployment:
    """What a graph has declared.

    `evidence` has every verification: only when all have passed the ledger changes. `servers` are
    the stack outputs of each server (flakeship.state.outputs.ServerOutput, as plain values), known
    as soon as its cutover is done; `machines` what each server's machines were made of, secret;
    `details` are the target's own for the whole stack.
    """

    evidence: Sequence[pulumi.Output[Evidence]]
    servers: Mapping[str, pulumi.Output[dict[str, Any]]]
    machines: Mapping[str, pulumi.Output[list[dict[str, Any]]]] = field(default_factory=dict)
    details: Mapping[str, pulumi.Output[Any]] = field(default_factory=dict)


class Graph(Protocol[PlanT_contra]):
    """`deploy` of components/<target>/graph.py."""

    def __call__(self, plan: PlanT_contra, images: Mapping[str, NixImage], /) -> Deployment:
        """Declare what was planned, from the images of all releases that stay, by their names."""


def graph(target: str) -> Graph[Any]:
    """The graph of a target. The others are not imported: a cloud's types take a third of a second.

    Each graph.py ends with `GRAPH: Graph[<its plan>] = deploy`, so that mypy compares them.
    """
    found: Graph[Any] = import_module(f"{__package__}.{target}.graph").GRAPH
    return found
