"""What a run does to the servers of a stack, for the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from flakeship.release.desired import Desired
from flakeship.rollout.changes import (
    NO_LONGER_SET,
    ServerChange,
    Thing,
    of_removed,
    of_rollout,
    size,
)
from flakeship.rollout.machine import PlannedMachine
from flakeship.rollout.replace import Observed, ServerRollout
from flakeship.state.outputs import ServerOutput

M = TypeVar("M", bound=PlannedMachine)


def find(
    desired: Desired,
    rollouts: Mapping[str, ServerRollout[M]],
    deployed: Mapping[str, Sequence[M]],
    observed: Mapping[str, Observed],
) -> list[ServerChange]:
    """The servers of the settings, then those that are no longer there."""
    before = desired.outputs.servers
    servers = [
        _server(
            of_rollout(rollout, deployed.get(name, []), observed, desired.ledger),
            rollout.active,
            next(iter(deployed.get(name, [])), None),
            [address_of(before[name])] if name in before else [],
        )
        for name, rollout in rollouts.items()
    ]
    removed = [
        of_removed(
            name, [m.id for m in deployed.get(name, [])], [address_of(output)], NO_LONGER_SET
        )
        for name, output in before.items()
        if name not in rollouts
    ]
    return [*servers, *removed]


def _server(
    change: ServerChange,
    active: PlannedMachine,
    former: PlannedMachine | None,
    takes: Sequence[Thing],
) -> ServerChange:
    server = active.server
    resized = former is None or server.shape != former.server.shape
    moved = former is not None and active.location != former.location
    verified_again = former is not None and _verified(active) != _verified(former)
    return replace(
        change,
        reasons=("another zone",) if moved else (),
        size=size(server.vcpus, server.memory, server.disk) if resized else "",
        takes=(*takes,),
        gets=() if takes else (Thing("a new address", "new addresses"),),
        in_place=("verified again",) if verified_again else (),
    )


def _verified(machine: PlannedMachine) -> tuple[object, ...]:
    """All that makes a machine be verified again."""
    return machine.checks, machine.server.options.fail


def address_of(server: ServerOutput) -> Thing:
    """The address of a server of the last good run."""
    return Thing(f"the address {server.address}", "their addresses")
