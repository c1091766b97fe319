"""The target's part of the user's commands on an existing stack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import table
from flakeship.rollout.changes import ServerChange, removed_machines
from flakeship.state.outputs import ServerOutput
from flakeship.state.resources import COMMAND, Kind, replacing
from flakeship.state.stack import Resource, Stack
from flakeship.system.files import tidy
from flakeship.targets.base import SweepResult, Verified
from flakeship.targets.local import (
    checkout,
    copies,
    machine,
    verify_machine,
    workstation,
)
from flakeship.targets.local.cutover import forget_server, restore_snapshot
from flakeship.targets.local.disk_snapshots import snapshots
from flakeship.targets.local.resources import (
    CUTOVER,
    DATA_DISK,
    MACHINE,
    Cutover,
    CutoverRequest,
    DataDiskRequest,
    MachineRequest,
    VerifyMachineRequest,
)
from flakeship.targets.local.stack_files import StackFiles
from flakeship.targets.repeat import again, complete, verifications
from flakeship.verify.verify import pinned_keys


class LocalOperator:
    """See flakeship.targets.base.Operator."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.files = StackFiles(stack.name)

    def refuse_elsewhere(self) -> None:
        """Refuse a stack of which another workstation or checkout has anything.

        Raises FlakeshipError: `workstation-mismatch`, `checkout-mismatch`.
        """
        asked: dict[Kind, type[CutoverRequest | MachineRequest | DataDiskRequest]] = {
            CUTOVER: CutoverRequest,
            MACHINE: MachineRequest,
            DATA_DISK: DataDiskRequest,
        }
        for kind, request in asked.items():
            for subject, made in self.stack.of(kind).items():
                if made.token != COMMAND:  # 0.1 asked for other things
                    name = f"data disk {subject}" if kind == DATA_DISK else subject
                    workstation.require(made.request(request).workstation, name)

    def login(self, name: str) -> Sequence[str] | None:
        """By the server's entry in ssh_config; older machines do not run.

        Raises FlakeshipError where another workstation or checkout has the server.
        """
        for server, output in self.stack.outputs.servers.items():
            if name in (server, output.machine):
                moved = self.stack.of(CUTOVER).get(server)
                if moved and self.stack.outputs.schema:  # 0.1 asked for other things
                    workstation.require(moved.request(CutoverRequest).workstation, server)
                return ["ssh", "-F", str(self.files.ssh_config), server]
        return None

    def verify(self, name: str = "") -> Sequence[Verified]:
        """The verifications, and the checks of the cutovers that need data disks."""
        acts: list[Callable[[], Verified]] = [
            partial(self._verified, machine_id, resource)
            for machine_id, resource in verifications(self.stack, name)
        ]
        for server, resource in self.stack.of(CUTOVER).items():
            request = resource.request(CutoverRequest)
            if name in ("", server, request.machine) and request.data_checks:
                acts.append(partial(_verified_with_data_disks, request))
        return complete(acts)

    def removal(self) -> Sequence[ServerChange]:
        """The machines with their disks, and the host ports."""
        # other commands start sooner without it
        from flakeship.targets.local import changes  # noqa: PLC0415

        servers, disks = self.stack.outputs.servers, defaultdict[str, dict[str, int]](dict)
        for name, resource in self.stack.of(DATA_DISK).items():
            server, _, disk = name.partition(".")
            disks[server][disk] = int(resource.inputs.get("size") or 0)
        found = removed_machines(self.stack.of(MACHINE), {**servers, **disks})
        return [
            changes.removed(name, machines, servers.get(name), disks[name])
            for name, machines in found.items()
        ]

    def describe(self, name: str, server: ServerOutput) -> Sequence[str]:
        """What the cutover checked after it had moved the data disks, and their snapshots."""
        moved = self.stack.of(CUTOVER).get(name)
        checks = moved.result(Cutover).checks if moved and moved.raw_result else []
        lines = ["  with its data disks:", *table(checks)] if checks else []
        for file in sorted(self.files.data_disk(name, "any").parent.glob("*.qcow2")):
            lines += [
                f"  snapshot {each.name} of {file.stem}, {each.taken:%F %T%z}"
                for each in snapshots(file)
            ]
        return lines

    def restore(self, server: str, disk: str, snapshot: str) -> None:
        """Detach the disk from the active machine, apply the snapshot, attach and check it."""
        moved = self.stack.of(CUTOVER).get(server)
        request = moved.request(CutoverRequest) if moved else None
        if request is None or disk not in request.data_disks:
            raise FlakeshipError(
                f"it has no data disk {disk}",
                code="data-disk-missing",
                key=server,
                allowed=", ".join(request.data_disks) if request else "",
            )
        restore_snapshot(request, disk, snapshot)

    def describe_release(self, name: str) -> Sequence[str]:
        """Nothing: an image is in the Nix store alone."""
        return []

    def orphans(self) -> Sequence[str]:
        """Machines that the state does not have."""
        return [directory.name for directory in self._orphaned_machines()]

    def sweep(self) -> SweepResult:
        """Stop and remove such machines, and the names of their servers; data disks remain."""
        removed = []
        for directory in self._orphaned_machines():
            if not copies.elsewhere(directory):
                machine.remove(directory)
                removed.append(directory.name)
        for server in self._servers() - self.stack.of(CUTOVER).keys():
            forget_server(self.files, server)
        tidy(self.files.machines)
        return SweepResult(removed, [f"{each.mark}: {each}" for each in self._lost()])

    def _lost(self) -> list[copies.Process]:
        """Machines of this stack that run in another directory: a person decides on them."""
        ours = f"{checkout.identifier()}/{self.stack.name}/"
        here = self.files.machines.resolve()
        found = [each for each in copies.processes() if each.mark.startswith(ours)]
        return [each for each in found if each.removed or each.directory.parent != here]

    def _orphaned_machines(self) -> list[Path]:
        """The directories of machines without a resource, except for active ones.

        A killed run may have cut over to a machine that it did not record, so that one is kept
        where the state has a cutover of its server.
        """
        served = self._servers() & self.stack.of(CUTOVER).keys()
        kept = self.stack.of(MACHINE).keys() | {self.files.active_machine(each) for each in served}
        return [each for each in self.files.machine_directories if each.name not in kept]

    def _servers(self) -> set[str]:
        """The servers that a cutover has recorded an active machine of."""
        return {file.name for file in self.files.active("").glob("*")}

    def _verified(self, machine_id: str, resource: Resource) -> Verified:
        if started := self.stack.of(MACHINE).get(machine_id):
            workstation.require(started.request(MachineRequest).workstation, machine_id)
        on_failure = (
            "Nothing was changed, and the server still has its name and ports. Roll back to a "
            "release that works (flakeship:release), or recreate the machine: "
            f"`pulumi up --stack {self.stack.name} {replacing(machine_id)}`."
        )
        pinned = pinned_keys(resource.raw_result, machine_id)
        request = resource.request(VerifyMachineRequest)
        if pinned:
            request = replace(request, verify=again(self.stack, request.verify))
        evidence = verify_machine.verify_machine(request, pinned, on_failure)
        return Verified(machine_id, evidence.checks)


def _verified_with_data_disks(request: CutoverRequest) -> Verified:
    checks = verify_machine.repeat_data_checks(request)
    return Verified(f"{request.server} with its data disks", checks)
