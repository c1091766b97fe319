"""The stack's outputs inside the program: those of the last good run, and those of this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pulumi

from flakeship.model.evidence import Evidence
from flakeship.model.release import Record
from flakeship.state import outputs
from flakeship.state.outputs import StackOutputs
from flakeship.targets.base import Plan

from .lifecycle import is_known
from .nix_image import NixImage
from .resource import Recorded


@dataclass(frozen=True)
class Deployment:
    """What a target's graph has declared, and its outputs as plain values."""

    evidence: Sequence[pulumi.Output[Evidence]]
    """Every verification: only when all have passed the ledger changes."""
    servers: Mapping[str, pulumi.Output[dict[str, Any]]]
    """Each server as flakeship.state.outputs.ServerOutput, known when its cutover is done."""
    machines: Mapping[str, pulumi.Output[list[dict[str, Any]]]] = field(default_factory=dict)
    """What each server's machines were made of; secret."""
    details: Mapping[str, pulumi.Output[Any]] = field(default_factory=dict)
    """The target's own for the whole stack."""


PlanT = TypeVar("PlanT", bound=Plan)
Graph = Callable[[PlanT, Mapping[str, NixImage]], Deployment]
"""`deploy` of components/<target>/graph.py: it declares what was planned, from the images of all
releases that stay, by their names. The file ends with `GRAPH: Graph[<its plan>] = deploy`, so that
mypy compares them."""


@dataclass(frozen=True)
class Previous:
    """The outputs of this very stack before this run: typed, and as they are stored."""

    outputs: StackOutputs
    raw: Mapping[str, Any]  # all in plain
    secret: frozenset[str]  # the names of those that the state has encrypted

    async def kept(self, header: Mapping[str, Any], done: Deployment) -> dict[str, Any]:
        """The outputs where not every server was verified: new only for those with a cutover."""
        if not self.raw:
            return {}
        merged = dict(self.raw)
        for name, part in {"servers": done.servers, "machines": done.machines}.items():
            if merged.get(name):
                moved = {server: out for server, out in part.items() if await is_known(out)}
                merged[name] = {**merged[name], **moved}
        return {**self.encrypted(merged), "flakeship": header}

    def encrypted(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs with those secret that were, so that they are encrypted again."""
        secret = self.secret | {"machines"}
        return {k: pulumi.Output.secret(v) if k in secret else v for k, v in plain.items()}


def previous(recorded: Recorded) -> Previous:
    """Those of the last good run (docs/explanation/decisions/0005). Raises FlakeshipError."""
    raw = recorded["outputs"]
    typed = outputs.read(raw, pulumi.get_stack())
    return Previous(typed, raw, frozenset(recorded["secretOutputNames"]))


def current(
    header: Mapping[str, Any],
    before: Previous,
    verified: pulumi.Output[list[Record]],
    ledger: pulumi.Output[list[Record]],
    done: Deployment,
) -> dict[str, Any]:
    """The outputs where everything was verified; what a newer version has put there stays."""
    unknown = before.outputs.unknown_of_servers
    servers = {
        name: pulumi.Output.all(unknown.get(name, {}), out).apply(lambda it: {**it[0], **it[1]})
        for name, out in done.servers.items()
    }
    found = {
        **before.encrypted(before.outputs.unknown),
        "flakeship": header,
        "running": verified.apply(lambda records: {r.release.host: r.name for r in records}),
        "releases": ledger.apply(outputs.ledger),
        # of no servers at all it would be a list
        "servers": pulumi.Output.all(**servers).apply(dict) if servers else {},
    }
    if done.machines:
        found["machines"] = pulumi.Output.secret(pulumi.Output.all(**done.machines).apply(dict))
    if done.details:
        found[header["target"]] = pulumi.Output.all(**done.details)
    return found
