"""What the target brings to the conformance suite: an example, and a cluster in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.codec import plain
from flakeship.model.evidence import CheckResult
from flakeship.state.stack import Stack
from flakeship.targets.proxmox import operate
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.login import Login
from flakeship.targets.proxmox.cutover import cutover
from flakeship.targets.proxmox.guest import verify_machine
from flakeship.targets.proxmox.inventory import Inventory, Vm
from flakeship.targets.proxmox.requests import MachineEvidence, Uploaded, VerifyMachineRequest
from flakeship.targets.proxmox.resources import UPLOAD, VM, Marks, marks
from tests.conformance.case import Case
from tests.conformance.small_engine import Resource
from tests.targets.proxmox.unit.site import OLD, Site, SiteApi
from tests.targets.proxmox.unit.world import inventory
from tests.unit.verify.machines import ED25519

PASSED = CheckResult("toplevel", passed=True, milliseconds=1, detail="")


def verify(request: dict[str, Any]) -> object:
    address = request.get("address") or f"192.0.2.{request['vmid'] % 256}"
    machine = request["verify"]["machine"]
    return plain(MachineEvidence(machine, 1, [ED25519], 1.0, [PASSED], address=address))


def upload(request: dict[str, Any]) -> object:
    return plain(Uploaded(f"{request['storage']}:import/{request['name']}", request["sha512"], 1))


def cut_over(request: dict[str, Any]) -> object:
    address = request.get("service_address", "").partition("/")[0]
    return {
        "active": request["active"],
        "service_address": request.get("service_address", ""),
        "reached": [address or request["active"]["address"]],
    }


class ProxmoxCase:
    """See tests.conformance.case.Case."""

    settings: Mapping[str, Any] = {
        "servers": [
            {"name": "web", "ports": [80], "proxmox": {"serviceAddress": "198.51.100.10/24"}},
            {"name": "db", "vcpus": 1},
        ],
        "proxmox": {"pool": "iac"},
    }
    commands: Mapping[str, Callable[[dict[str, Any]], object]] = {
        "Upload": upload,
        "Upload.delete": lambda _: {},
        "Ownership": lambda _: {},
        "Ownership.delete": lambda _: {},
        "Proof": lambda _: {},
        "Verification": verify,
        "Cutover": cut_over,
        "Cutover.delete": lambda _: {},
    }

    def provided(self, resource: Resource) -> Mapping[str, Any]:
        return {}

    def inventory(self, resources: Sequence[Resource]) -> Inventory:
        """A cluster with everything that has been made."""
        vms = [machine(each) for each in resources if each.type == VM]
        used = {vm.id for vm in vms}
        found = inventory(free=[vmid for vmid in range(9000, 9100) if vmid not in used])
        clones: dict[int, list[int]] = {}
        for each in resources:
            if each.type == VM and (source := each.inputs.get("clone")):
                clones.setdefault(int(source["vmId"]), []).append(int(each.inputs["vmId"]))
        return replace(found, vms=sorted(vms, key=lambda vm: vm.id), clones=clones)

    def world(
        self, patch: pytest.MonkeyPatch, resources: Sequence[Resource]
    ) -> Callable[[], set[str]]:
        """The site in memory, with the machines and files of these resources."""
        site = self.site = Site()
        for each in resources:
            if each.type == VM:
                add(site, each)
            elif UPLOAD.subject(each.type, each.urn):
                volume = each.outputs["result"]["volume"]
                site.files[each.inputs["node"], volume] = OLD
        access = Login("https://pve1.example.com:8006", "iac@pve!ci", "")

        @contextmanager
        def connected(found: Login) -> Iterator[Api]:
            yield SiteApi(site, found)

        def verified(request: VerifyMachineRequest, *_: str) -> MachineEvidence:
            return MachineEvidence(request.machine, 1, [], 1.0, [PASSED])

        patch.setattr(client, "connected", connected)
        patch.setattr(login, "find", lambda _: access)
        patch.setattr(operate, "configuration", lambda _: {})
        patch.setattr(verify_machine, "verify_existing", verified)
        patch.setattr(cutover, "check_active", lambda last: f"leads to {last.active.machine}")
        return lambda: {*map(str, site.vms), *(f"{node} {file}" for node, file in site.files)}

    def orphan(self, stack: Stack) -> str:
        template = next(vmid for vmid, each in self.site.vms.items() if each["template"])
        own = Marks(stack=stack.name, machine="web-99999999-0000")
        self.site.clone(9990, own, template)
        return "9990"


def add(site: Site, resource: Resource) -> None:
    """A virtual machine or template in the configuration that its resource gave it."""
    vm, given = machine(resource), resource.inputs
    site.add(
        vm.id,
        vm.name,
        node=vm.node,
        status=vm.status,
        template=int(vm.template),
        tags=";".join(vm.tags),
        description=given["description"],
    )


def machine(resource: Resource) -> Vm:
    """A virtual machine as the cluster lists it."""
    given = resource.inputs
    vmid, template = int(given["vmId"]), bool(given.get("template"))
    return Vm(
        vmid,
        given["nodeName"],
        given["name"],
        "stopped" if template else "running",
        template,
        pool=given.get("poolId", ""),
        marks=marks(vmid, given["tags"]),
        tags=given["tags"],
    )


CASE: Case = ProxmoxCase()
