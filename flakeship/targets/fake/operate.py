"""The user's commands on a stack of the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flakeship.model.errors import FlakeshipError
from flakeship.rollout import orphans
from flakeship.rollout.changes import ServerChange, of_removed, removed_machines
from flakeship.rollout.orphans import Disposal, OwnedResource, Unrecorded
from flakeship.state.outputs import ServerOutput
from flakeship.state.stack import Resource, Stack
from flakeship.targets.base import SweepResult, Verified
from flakeship.targets.fake import cloud
from flakeship.targets.fake.changes import address_of
from flakeship.targets.fake.cloud import Kind
from flakeship.targets.fake.resource_types import verify_machine
from flakeship.targets.fake.resources import CUTOVER, IMAGE, MACHINE, Existing, VerifyMachineRequest
from flakeship.targets.repeat import Remote, repeated

# in the order in which they can be removed
KINDS: dict[Kind, Disposal] = {
    "machine": Disposal.MACHINE,
    "address": Disposal.ADDRESS,
    "image": Disposal.BY_HAND,
}


@dataclass(frozen=True)
class FakeOperator(Remote):
    """See flakeship.targets.base.Operator."""

    stack: Stack

    def login(self, name: str) -> Sequence[str] | None:
        """Nobody can log in to a machine in a file."""
        if name not in {*self.stack.outputs.servers, *self.stack.of(MACHINE)}:
            return None
        raise FlakeshipError(
            "it is a machine in a file, so nobody can log in",
            code="login-impossible",
            key=name,
            remedy="the target local has real machines",
        )

    def verify(self, name: str = "") -> Sequence[Verified]:
        """Every machine once more."""

        def repeat(machine: str, resource: Resource) -> Verified:
            request = resource.request(VerifyMachineRequest)
            done = verify_machine(request, "This was only a check: nothing has changed.")
            return Verified(machine, done.checks)

        return repeated(self.stack, name, repeat)

    def removal(self) -> Sequence[ServerChange]:
        """The machines, and the addresses."""
        servers = self.stack.outputs.servers
        return [
            of_removed(name, machines, [address_of(servers[name])] if name in servers else [])
            for name, machines in removed_machines(self.stack.of(MACHINE), servers).items()
        ]

    def describe(self, name: str, server: ServerOutput) -> Sequence[str]:
        """The machine and its address."""
        return [f"  {server.machine} at {server.address}"]

    def describe_release(self, name: str) -> Sequence[str]:
        """The id of the image."""
        image = self.stack.of(IMAGE).get(name)
        return [f"published {image.result(Existing).id}"] if image else []

    def orphans(self) -> Sequence[str]:
        """Every object that the state does not hold."""
        return [each.id for each in _unrecorded(self.stack).resources]

    def sweep(self) -> SweepResult:
        """Remove machines and temporary addresses that killed runs have left."""

        def remove(resource: OwnedResource) -> None:
            with cloud.changing(self.stack.name) as found:
                del found.objects[resource.id]

        swept = orphans.sweep_stack(self.stack, _unrecorded, remove)
        file = cloud.file(self.stack.name)
        return SweepResult(
            [f"{each.id} ({each})" for each in swept.removed],
            [f"{each.id} ({each}): remove it from {file} by hand" for each in swept.left],
        )


def _unrecorded(stack: Stack) -> Unrecorded:
    """The stack's objects that its state does not hold."""
    read = datetime.now(UTC)
    made = [each for kind in (IMAGE, MACHINE, CUTOVER) for each in stack.of(kind).values()]
    held = {each.result(Existing).id for each in made if each.raw_result}
    found = cloud.read(stack.name)
    owned = [
        OwnedResource(
            kind,
            each.id,
            each.name,
            each.owner,
            disposal,
            each.status,
            attached_to=each.uses if kind == "address" else "",
            depends_on=[each.uses],
            created=each.created,
        )
        for kind, disposal in KINDS.items()
        for each in found.of(kind)
        if each.owner.stack == stack.name and each.id not in held
    ]
    return Unrecorded(owned, held, read)
