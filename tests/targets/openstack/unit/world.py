"""A cloud and a stack for tests of plans: each run deploys what it has planned."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from flakeship.config.settings import validated
from flakeship.model import ledger
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.model.release import Record, Release
from flakeship.release.desired import Desired
from flakeship.state import outputs
from flakeship.targets import registry
from flakeship.targets.openstack.inventory import Address, Image, Inventory, Network, Server
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.outputs import plain_machines, server_output
from flakeship.targets.openstack.plan import OpenStackTarget, StackPlan
from flakeship.targets.openstack.settings import CloudSettings
from flakeship.targets.openstack.spec import SPEC
from tests.targets.openstack.unit.blocks import in_block
from tests.targets.openstack.unit.flavors import INVENTORY
from tests.unit.model.test_ledger import verified

PUBLIC = Network("net-public", "public", external=True)
PROVIDER = Network("net-provider", "provider")
KEYS = ["ssh-ed25519 AAAA"]
ADDRESS = "203.0.113.7"
WEB: dict[str, Any] = {"name": "web", "vcpus": 1, "ports": [80]}


def settings(*servers: dict[str, Any], **given: Any) -> CloudSettings:
    """Settings of a stack whose flake need not be there."""
    whole = {"target": "openstack", "host": "web", "flake": "git+x", **given}
    own = [in_block(server, "openstack") for server in servers]
    return validated({**whole, "servers": own}, SPEC, registry.names())


@dataclass
class World:
    """A cloud and a stack's state: a run deploys what it has planned and removes the rest."""

    inventory: Inventory = field(
        default_factory=lambda: replace(INVENTORY, networks=[PUBLIC, PROVIDER])
    )
    ledger: list[Record] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)

    def change(self, **parts: Any) -> None:
        """Let the inventory have other parts."""
        self.inventory = replace(self.inventory, **parts)

    def plan(
        self,
        given: CloudSettings,
        *releases: Release,
        pinned: tuple[str, ...] = (),
        absent: tuple[str, ...] = (),
    ) -> StackPlan:
        by_host = {each.host: each for each in releases}
        before = outputs.read(self.before, "dev")
        before = replace(before, ledger=list(self.ledger))
        desired = Desired("dev", given, by_host, before, frozenset(pinned), frozenset(absent))
        return OpenStackTarget("dev", given).plan(desired, self.inventory)

    def up(
        self, given: CloudSettings, *releases: Release, pinned: tuple[str, ...] = ()
    ) -> StackPlan:
        made = self.plan(given, *releases, pinned=pinned)
        running = [*made.machines.active, *made.machines.standby]
        others = [s for s in self.inventory.servers if s.stack != "dev"]
        servers = [
            Server(m.id, m.id, "ACTIVE", f"image-{m.release.name}", stack="dev") for m in running
        ]
        records = [verified(r, "a", 1000, 2048) for r in made.releases.values()]
        self.ledger = ledger.updated(self.ledger, records, made.records, pinned)
        names = [record.name for record in self.ledger]
        images = [Image(f"image-{name}", name, "active") for name in names]
        addresses = [
            Address(ADDRESS, f"port-{m.id}", "dev", m.server.name)
            for m in made.machines.active
            if m.server.options.address == "floating"
        ]
        self.inventory = replace(
            self.inventory, servers=[*others, *servers], images=images, addresses=addresses
        )
        stored = {
            "flakeship": outputs.header("openstack"),
            "running": {r.host: r.name for r in made.releases.values()},
            "machines": plain_machines(made.machines.deployed),
            "servers": {m.server.name: output(m) for m in made.machines.active},
            "openstack": {
                "project": made.context.inventory.project,
                "published": {
                    n: {"id": f"image-{n}", "count": made.uploads.numbers[n]} for n in names
                },
            },
        }
        self.before = json.loads(json.dumps(stored))  # as the state gives it back
        return made


def output(planned: Machine) -> dict[str, object]:
    checks = [CheckResult("toplevel", passed=True, milliseconds=1, detail="")]
    evidence = Evidence(planned.id, 1, KEYS, 1.0, checks)
    made = server_output(planned, ADDRESS, "10.20.0.5", evidence, f"port-{planned.id}")
    return made.plain()


def ids(machines: list[Machine]) -> list[str]:
    return [each.id.rpartition("-")[0] for each in machines]
