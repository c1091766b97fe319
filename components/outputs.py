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
    """The outputs of this very stack before this run: typed, and as they are stored.

    `secret` names those that the state has encrypted; `raw` has them in plain.
    """

    outputs: StackOutputs
    raw: Mapping[str, Any]
    secret: frozenset[str] = frozenset()

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
        return {**self.encrypted(merged), "flakeship": outputs.header(target)}

    @property
    def unknown(self) -> Mapping[str, Any]:
        """The outputs that this version does not know, which survive its writing."""
        return self.encrypted(self.outputs.unknown)

    def encrypted(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs with those secret that were, so that they are encrypted again."""
        secret = self.secret | {"machines"}
        return {k: pulumi.Output.secret(v) if k in secret else v for k, v in plain.items()}


async def previous() -> Previous:
    """Read the outputs of this very stack before this run. Raises FlakeshipError.

    A failed run leaves outputs as they were where they come through the verification
    (docs/explanation/decisions/0005).
    """
    stack = pulumi.get_stack()
    own = f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}"
    reference = pulumi.StackReference("self", stack_name=own)
    raw = await reference.outputs.future() or {}
    secret = await reference.secret_output_names.future() or []
    return Previous(outputs.read(raw, stack), raw, frozenset(secret))


def current(
    target: str,
    before: Previous,
    verified: pulumi.Output[list[Record]],
    ledger: pulumi.Output[list[Record]],
    done: Deployment,
) -> dict[str, Any]:
    """The outputs of a run in which everything was verified."""
    servers = {name: with_unknown(before.outputs, name, out) for name, out in done.servers.items()}
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
