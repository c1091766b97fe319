"""A machine as blue/green plans it, for targets to derive their own from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Self

from flakeship.config.server import AnyServer
from flakeship.model.machine import MachineId
from flakeship.model.release import Release
from flakeship.rollout.ownership import Owner
from flakeship.verify.request import Promises, VerifyRequest


@dataclass(frozen=True, kw_only=True)
class PlannedMachine:
    """A machine of one server and one release, whether or not it exists yet.

    It is stored in the stack's outputs while it exists, so an older one is declared from what it
    was made of, whatever the settings are now. `identity` is the private key file to log in with
    (empty: the user's agent), `deadline` the seconds until it answers SSH. `incarnation` counts
    the machines of the same key: each one that was lost has a successor.
    """

    stack: str
    server: AnyServer
    release: Release
    identity: str
    deadline: float
    incarnation: int = 1

    @property
    def traits(self) -> Sequence[object]:
        """Everything else that only another machine can have, as JSON's types."""
        return [self.server.shape, self.location]

    @property
    def location(self) -> str:
        """The network, pool or host that it cannot be moved from."""
        return ""

    @property
    def key(self) -> Hashable:
        """All that makes it this machine but its incarnation."""
        return self.server.name, self.release.name, json.dumps(self.traits)

    @property
    def id(self) -> str:
        """`<server>-<release's hash>-<shape>`, unique in the stack."""
        return str(MachineId.of(self.server.name, self.release, self.shape))

    @property
    def shape(self) -> str:
        """Four characters that change with the traits and the incarnation."""
        text = json.dumps([*self.traits, self.incarnation])
        return hashlib.sha256(text.encode()).hexdigest()[:4]

    @property
    def owner(self) -> Owner:
        """The owner of every object that is made for it."""
        return Owner(self.stack, self.server.name, self.release.name)

    @property
    def checks(self) -> VerifyRequest:
        """What to check of it, with a root disk as large as its server asks for."""
        return VerifyRequest(
            machine=self.id,
            ports=[port.verified for port in self.server.declared],
            user=self.release.user,
            identity=self.identity,
            toplevel=self.release.toplevel,
            disk=self.server.disk,
            checks=self.server.checks,
            deadline=self.deadline,
            promises=Promises(self.release.rebuildable, self.release.switchable),
        )

    def adopt(self, deployed: Self) -> Self:  # noqa: ARG002
        """The machine with what `deployed`, which has its id, cannot change any more: nothing."""
        return self
