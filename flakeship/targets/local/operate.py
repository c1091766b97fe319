"""The user's commands on a stack on this workstation."""

from __future__ import annotations

from collections.abc import Sequence

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence, table
from flakeship.state.outputs import ServerOutput
from flakeship.state.resources import VERIFICATION
from flakeship.state.stack import Stack
from flakeship.targets.base import SweepResult, Verified
from flakeship.targets.local import data_disk_checks, orphans
from flakeship.targets.local.cutover import Cutover
from flakeship.targets.local.requests import CutoverRequest, VerifyMachineRequest
from flakeship.targets.local.resources import CUTOVER
from flakeship.targets.local.verify_machine import verify_machine
from flakeship.targets.repeat import repeated
from flakeship.verify import verify


class LocalOperator:
    """See flakeship.targets.base.Operator."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def login(self, name: str) -> Sequence[str] | None:
        """By the stable name in the stack's ssh_config."""
        servers = self.stack.outputs.servers
        server = next((each for each in servers if name in (each, servers[each].machine)), None)
        return server and ["ssh", "-F", f".state/{self.stack.name}/ssh_config", server]

    def verify(self, name: str = "") -> Sequence[Verified]:
        """Every machine once more, and what needs the data disks."""
        found = self.stack.of(VERIFICATION)

        def repeat(machine: str, _previous: Evidence) -> Verified:
            resource = found[machine]
            request = resource.request(VerifyMachineRequest)
            pinned = verify.pinned_keys(resource.printed, machine)
            evidence = verify_machine(request, pinned, self._on_failure(machine))
            return Verified(machine, evidence.checks)

        done = [*repeated(self.stack, name, repeat)]
        for server, resource in self.stack.of(CUTOVER).items():
            if name in ("", server):
                checks = data_disk_checks.again(resource.request(CutoverRequest))
                if checks:
                    done.append(Verified(f"{server} with its data disks", checks))
        return done

    def _on_failure(self, machine: str) -> str:
        return (
            "This was only a check: it still has its name and address. If it is broken, roll back "
            "(flakeship:release), or have it made anew: "
            f"`pulumi up --stack {self.stack.name} --replace '**-{machine}'`."
        )

    def describe(self, name: str, server: ServerOutput) -> Sequence[str]:
        """What the cutover has checked after the data disks had moved."""
        resource = self.stack.of(CUTOVER).get(name)
        checks = resource.result(Cutover).checks if resource and resource.printed else []
        return ["  with its data disks:", *table(checks)] if checks else []

    def describe_release(self, name: str) -> Sequence[str]:
        """The image is the file in the store."""
        return []

    def orphans(self) -> Sequence[str]:
        """Machines that no resource stands for."""
        return [path.name for path in orphans.machines(self.stack)]

    def sweep(self) -> SweepResult:
        """Stop and remove such machines; data disks stay."""
        if self.stack.pending:
            raise FlakeshipError(
                "a run is under way, or was killed",
                code="stack-locked",
                key=f"stack {self.stack.name}",
                remedy="Wait for it, or clear up after it by `pulumi cancel` and `pulumi up` first",
            )
        return SweepResult(orphans.sweep(self.stack))
