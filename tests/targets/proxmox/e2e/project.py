"""A stack on the lab's cluster for a test: the real program, the appliance, a look at the cluster.

PROXMOX_VE_ENDPOINT and a token may lead to a real cluster as well: nothing here is the lab's alone
but `python -m dev.proxmox fault`, whose tests are skipped there.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.api import client, login
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.inventory import Vm
from tests.project import ROOT, ServerStack, make

WEB: dict[str, Any] = {
    "name": "web",
    "vcpus": 1,
    "memory": 512,
    "disk": "2G",
    "ports": [{"port": 80, "protocol": "http"}],
    "checks": [{"name": "greeting", "http": 80, "contains": "appliance"}],
}
OWN = {"pool": "iac", "storage": {"images": "local", "disks": "local"}, "cpu": "qemu64"}


@dataclass(frozen=True)
class ClusterStack(ServerStack):
    """A stack of a name and of ids of its own, so that another test's are somebody else's."""

    stack: str
    api: Api

    def settings(self, *servers: dict[str, Any], **given: Any) -> None:
        """Write the stack's whole file; JSON is YAML too."""
        own = {**OWN, **given.pop("proxmox", {})}
        host = {
            "flake": "./nix/appliance",
            "host": "appliance",
            "target": "proxmox",
        }
        config = {**host, "servers": servers, "proxmox": own, **given}
        (self.path / f"Pulumi.{self.stack}.yaml").write_text(
            json.dumps({"config": {f"flakeship:{key}": value for key, value in config.items()}})
        )

    def vms(self) -> list[Vm]:
        """This stack's machines and templates."""
        entries = self.api.get(list[listed.Resource], "cluster", "resources", type="vm")
        return [vm for vm in listed.vms(entries) if vm.marks.stack == self.stack]

    def machines(self) -> dict[str, Vm]:
        """This stack's machines by their ids."""
        return {vm.marks.machine: vm for vm in self.vms() if vm.marks.machine}

    def templates(self) -> dict[str, Vm]:
        """This stack's templates by their releases."""
        return {vm.marks.release: vm for vm in self.vms() if vm.template}

    def uploads(self) -> list[str]:
        """The uploaded images of this stack, on each storage that the token may see."""
        entries = self.api.get(list[listed.Resource], "cluster", "resources", type="storage")
        places = {
            (each.name, each.shared or each.node): each
            for each in listed.storages(entries)
            if "import" in each.content
        }
        found = []
        for each in places.values():
            place = ("nodes", each.node, "storage", each.name, "content")
            found += self.api.get(list[listed.Volume], *place, content="import")
        return [each.volid for each in found if f"-{self.stack}-" in each.volid]


@contextmanager
def stack_on_cluster(path: Path, **env: str) -> Iterator[ClusterStack]:
    """Make one; at its end nothing of it may be left on the cluster.

    `env` adds to the environment of every command.
    """
    name = f"t{uuid.uuid4().hex[:8]}"
    made = make(path, Path("nix/appliance"), ROOT / "nix/appliance", stack=name, **env)
    with client.connected(login.find(Access(), made.env)) as api:
        stack = ClusterStack(made.path, made.flake, made.env, name, api)
        try:
            yield stack
        finally:
            stack.pulumi("cancel", "--yes", name, check=False)
            stack.pulumi("destroy", "--yes", "--skip-preview")
        assert [*stack.vms(), *stack.uploads()] == []
