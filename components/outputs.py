"""The stack's outputs inside the program: those of the last good run, and those of this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from flakeship.model.release import Record
from flakeship.state import outputs
from flakeship.state.outputs import StackOutputs

from .lifecycle import is_known
from .target import Deployment


@dataclass(frozen=True)
class Previous:
    """The outputs of this very stack before this run: typed, and as they are stored."""

    outputs: StackOutputs
    raw: Mapping[str, Any]

    async def kept(self, target: str, done: Deployment) -> dict[str, Any]:
        """The same outputs again, but for the servers whose cutover is done.

        For a run in which not every server was verified: the ledger stays as it was.
        """
        if not self.raw:
            return {}
        parts = {"servers": done.servers, "machines": done.machines}
        moved = {
            name: {server: out for server, out in part.items() if await is_known(out)}
            for name, part in parts.items()
        }
        merged = {
            name: {**value, **moved[name]} if name in moved and value else value
            for name, value in self.raw.items()
        }
        secret = pulumi.Output.secret(merged.pop("machines")) if "machines" in merged else None
        return {**merged, "flakeship": outputs.header(target)} | (
            {"machines": secret} if secret is not None else {}
        )


async def previous() -> Previous:
    """Read the outputs of this very stack before this run. Raises FlakeshipError.

    A failed run leaves outputs as they were where they come through the verification
    (docs/explanation/decisions/0005).
    """
    stack = pulumi.get_stack()
    own = f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}"
    reference = pulumi.StackReference("self", stack_name=own)
    raw = await reference.outputs.future() or {}
    return Previous(outputs.read(raw, stack), raw)


def current(
    target: str,
    before: StackOutputs,
    verified: pulumi.Output[list[Record]],
    ledger: pulumi.Output[list[Record]],
    done: Deployment,
) -> dict[str, Any]:
    """The outputs of a run in which everything was verified."""
    servers = {name: with_unknown(before, name, out) for name, out in done.servers.items()}
    machines = pulumi.Output.all(**done.machines).apply(dict) if done.machines else None
    return {
        **before.unknown,
        "flakeship": outputs.header(target),
        "running": verified.apply(lambda records: {r.release.host: r.name for r in records}),
        "releases": ledger.apply(outputs.ledger),
        # of no servers at all it would be a list
        "servers": pulumi.Output.all(**servers).apply(dict) if servers else {},
        **({"machines": pulumi.Output.secret(machines)} if machines is not None else {}),
        **({target: pulumi.Output.all(**done.details)} if done.details else {}),
    }


def with_unknown(
    before: StackOutputs, server: str, output: pulumi.Output[dict[str, Any]]
) -> pulumi.Output[dict[str, Any]]:
    """A server's output with the keys that a newer version has put there."""
    unknown = before.unknown_of_servers.get(server, {})
    return output.apply(lambda plain: {**unknown, **plain})
