"""A stack on the lab's cloud for a test: the real program, the appliance, a look at the cloud."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openstack.connection import Connection

from dev.openstack.__main__ import CLOUD
from flakeship.rollout.ownership import STACK
from flakeship.targets.openstack.api.connection import connected
from tests.project import ROOT, ServerStack, make
from tests.targets.openstack.unit.blocks import in_block

ADMIN = f"{CLOUD}-admin"
WEB: dict[str, Any] = {
    "name": "web",
    "vcpus": 1,
    "memory": 512,
    "disk": "2G",
    "ports": [{"port": 80, "protocol": "http"}],
    "checks": [{"name": "greeting", "http": 80, "contains": "appliance"}],
}


@dataclass(frozen=True)
class CloudStack(ServerStack):
    """A stack of a name of its own, so that nothing on the cloud is mistaken for another test's."""

    stack: str
    cloud: Connection

    def settings(self, *servers: dict[str, Any], **given: Any) -> None:
        """Write the stack's whole file; JSON is YAML too.

        The pool is named: while another test makes an external network there are two.
        """
        wish = {"pool": "public", **given.pop("openstack", {})}
        host = {"flake": "./nix/appliance", "host": "appliance", "target": "openstack"}
        own = [in_block(server, "openstack") for server in servers]
        config = {**host, "servers": own, "openstack": wish, **given}
        (self.path / f"Pulumi.{self.stack}.yaml").write_text(
            json.dumps({"config": {f"flakeship:{key}": value for key, value in config.items()}})
        )

    def servers(self) -> dict[str, str]:
        """The ids of this stack's servers by name."""
        found = self.cloud.compute.servers(details=True)
        return {s.name: s.id for s in found if s.metadata.get(STACK) == self.stack}

    def images(self) -> dict[str, Any]:
        """This stack's images by name."""
        found: dict[str, Any] = {}
        for hidden in ("true", "false"):
            query = f"/images?{STACK}={self.stack}&os_hidden={hidden}"
            found |= {i["name"]: i for i in self.cloud.image.get(query).json()["images"]}
        return found

    def networking(self) -> dict[str, list[str]]:
        """What this stack has in Neutron, by kind."""
        tag = {"tags": f"{STACK}={self.stack}"}
        kinds: dict[str, Callable[..., Iterator[Any]]] = {
            "networks": self.cloud.network.networks,
            "routers": self.cloud.network.routers,
            "ports": self.cloud.network.ports,
            "addresses": self.cloud.network.ips,
            "groups": self.cloud.network.security_groups,
        }
        return {kind: [found.id for found in look(**tag)] for kind, look in kinds.items()}


@contextmanager
def stack_on_cloud(path: Path) -> Iterator[CloudStack]:
    """Make one; at its end nothing of it may be left in the cloud."""
    name = f"t{uuid.uuid4().hex[:8]}"
    made = make(path, Path("nix/appliance"), ROOT / "nix/appliance", stack=name)
    with connected(CLOUD) as cloud:
        stack = CloudStack(made.path, made.flake, made.env, name, cloud)
        try:
            yield stack
        finally:
            stack.pulumi("cancel", "--yes", name, check=False)
            stack.pulumi("destroy", "--yes", "--skip-preview")
        gone(stack)


def gone(stack: CloudStack) -> None:
    """Nova and Neutron forget a little later than they answer."""
    for _ in range(20):
        network = [each for found in stack.networking().values() for each in found]
        left = [*stack.servers(), *stack.images(), *network]
        if not left:
            return
        time.sleep(0.5)
    raise AssertionError(f"left in the cloud: {left}")
