"""A machine as it is planned: a value, and the requests that create, verify and serve it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flakeship.model.evidence import Evidence
from flakeship.rollout.machine import PlannedMachine
from flakeship.rollout.ownership import Owner
from flakeship.state.outputs import ServerOutput
from flakeship.targets.fake.requests import CutoverRequest, MachineRequest, VerifyMachineRequest
from flakeship.targets.fake.settings import FakeServer
from flakeship.verify.request import Promises


@dataclass(frozen=True, kw_only=True)
class Machine(PlannedMachine):
    """A machine in a zone. The requests take the ids that exist only after a plan."""

    server: FakeServer
    zone: str

    @property
    def traits(self) -> Sequence[object]:
        """A machine has the same CPUs, memory, disk and zone as long as it exists."""
        return [self.server.shape, self.zone]

    @property
    def location(self) -> str:
        """Its zone."""
        return self.zone

    def creation(self, image: str) -> MachineRequest:
        """The request to create it."""
        return MachineRequest(self.owner, self.id, image, self.server.options.boot_seconds)

    def verification(self, key: str) -> VerifyMachineRequest:
        """The request to verify it."""
        promises = Promises(nix=False, switch=False)
        request = replace(self.checks, addressing="none", promises=promises)
        return VerifyMachineRequest(self.owner, key, self.server.options.fail, request)

    def cutover(self, key: str) -> CutoverRequest:
        """The request to serve from it; the address belongs to the server alone."""
        return CutoverRequest(Owner(self.stack, self.server_name), key)

    def output(self, address: str, evidence: Evidence) -> ServerOutput:
        """The server as a stack output, once the machine serves."""
        return ServerOutput(
            target="fake",
            machine=self.id,
            release=self.release_name,
            address=address,
            ports={port.label: f"{address}:{port.port}" for port in self.server.declared},
            ssh="",
            checks=f"{len(evidence.checks)} passed",
        )
