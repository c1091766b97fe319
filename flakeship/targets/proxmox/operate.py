"""The user's commands on a stack on a cluster."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError

from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult
from flakeship.model.ports import SSH
from flakeship.rollout.changes import ServerChange, removed_machines
from flakeship.ssh import stored_login
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.state.outputs import ServerOutput
from flakeship.state.resources import VERIFICATION
from flakeship.state.stack import Resource, Stack, configuration
from flakeship.targets.base import SweepResult, Verified
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.outputs import server_details, stack_details
from flakeship.targets.proxmox.requests import (
    Cutover,
    CutoverRequest,
    MachineEvidence,
    VerifyMachineRequest,
)
from flakeship.targets.proxmox.resources import CUTOVER, VM, machines, marks, vmid
from flakeship.targets.repeat import Remote, again, repeated

KEY = "flakeship:proxmox"
REACHED = ("endpoint", "tokenFile", "caFile", "fingerprint")
"""The settings of how the API is reached."""


class ProxmoxOperator(Remote):
    """See flakeship.targets.base.Operator."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    @property
    def access(self) -> Access:
        """How the API is reached by the settings, which may have changed since the last run.

        Raises SettingError.
        """
        # other commands start sooner without it
        from flakeship.targets.proxmox.settings import ProxmoxSettings  # noqa: PLC0415

        known = configuration(self.stack).get(KEY, {}).get("objectValue") or {}
        given = {key: known[key] for key in REACHED if key in known}
        try:
            own = ProxmoxSettings.model_validate(given, by_name=False)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise FlakeshipError(
                f"cannot be read: {first['msg']}",
                code="setting-invalid",
                key=".".join([KEY, *map(str, first["loc"])]),
                remedy="`pulumi preview` tells what is allowed",
            ) from error
        return Access(own.endpoint, own.token_file, own.ca_file, own.fingerprint)

    def login(self, name: str) -> Sequence[str] | None:
        """By the stored login of a server, or at the address that another machine was found at."""
        servers = self.stack.outputs.servers
        name = next((each for each in servers if servers[each].machine == name), name)
        if name in servers:
            return stored_login.read(servers[name].ssh, f"server {name}").words
        return self._machine(name)

    def _machine(self, machine: str) -> Sequence[str] | None:
        """A standby machine, or one that is not cut over to yet.

        One that has not passed its verification has no pinned host key: OpenSSH asks about its key.
        It is reached as other machines are, and by DHCP only its agent tells where.
        """
        made, verifications = machines(self.stack).get(machine), self.stack.of(VERIFICATION)
        own = verifications.get(machine)
        some = own or next(iter(verifications.values()), None)
        if made is None or made.token != VM or some is None:
            return None
        number, request = vmid(made), some.request(VerifyMachineRequest).verify
        if own and own.raw_result:
            evidence = own.result(MachineEvidence)
            address, keys = evidence.address, evidence.host_keys
        else:
            address = marks(number, map(str, made.inputs.get("tags") or [])).address
            keys = []
        if not address:
            raise FlakeshipError(
                "has not passed its verification, and has its address by DHCP",
                code="address-missing",
                key=f"machine {machine}",
                remedy=f"`qm guest cmd {number} network-get-interfaces` on its node shows its "
                f"addresses, `qm terminal {number}` its console",
            )
        endpoint = Endpoint(machine, address, SSH, request.user, request.identity)
        login = SshOptions(endpoint, keys)
        return stored_login.read(login.command_line(), f"machine {machine}").words

    def verify(self, name: str = "") -> Sequence[Verified]:
        """Every machine once more, the active ones with what leads to them."""
        from flakeship.targets.proxmox.cutover import cutover  # noqa: PLC0415
        from flakeship.targets.proxmox.guest import verify_machine  # noqa: PLC0415

        access, moved = self.access, self.stack.of(CUTOVER)
        servers = {each.machine: name for name, each in self.stack.outputs.servers.items()}

        def repeat(machine: str, resource: Resource) -> Verified:
            request = resource.request(VerifyMachineRequest)
            request = replace(request, access=access, verify=again(self.stack, request.verify))
            evidence = verify_machine.verify_existing(request, resource.raw_result, self.stack.name)
            leads = moved.get(servers.get(machine, ""))
            if leads is None or not leads.raw_result:
                return Verified(machine, evidence.checks)
            started = time.monotonic()
            found = cutover.check_active(leads.result(Cutover))
            took = round((time.monotonic() - started) * 1000)
            return Verified(machine, [*evidence.checks, CheckResult("cutover", True, took, found)])

        return repeated(self.stack, name, repeat)

    def removal(self) -> Sequence[ServerChange]:
        """The machines with their disks, and what leads to them."""
        # other commands start sooner without it
        from flakeship.targets.proxmox import changes  # noqa: PLC0415

        made, servers = machines(self.stack), self.stack.outputs.servers
        moved = {
            name: resource.request(CutoverRequest)
            for name, resource in self.stack.of(CUTOVER).items()
        }
        return [
            changes.removed(name, gone, moved.get(name))
            for name, gone in removed_machines(made, servers).items()
        ]

    def describe(self, name: str, server: ServerOutput) -> Sequence[str]:
        """Which virtual machine it is, and where that was at the last run."""
        own = server_details(server)
        return [f"  {server.machine} at {server.address}, virtual machine {own.vmid} on {own.node}"]

    def describe_release(self, name: str) -> Sequence[str]:
        """Its templates."""
        found = stack_details(self.stack.outputs, self.stack.name).templates.get(name, [])
        return [f"template  {each.vmid} on {each.node}" for each in found]

    def orphans(self) -> Sequence[str]:
        """A cluster is not asked for a status."""
        return []

    def sweep(self) -> SweepResult:
        """Remove what certainly nobody uses, and list the rest with the commands that remove it."""
        from flakeship.targets.proxmox import sweep  # noqa: PLC0415 - it needs urllib3

        return sweep.sweep(self.stack, self.access)
