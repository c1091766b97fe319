"""What a stack tells of a server on a cloud."""

from __future__ import annotations

from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.ssh.options import Endpoint, by_hand
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.requests import Bastion


def report(
    machine: Machine, stable: str, fixed: str, evidence: Evidence, port: str
) -> dict[str, object]:
    """The server as it is now: its outputs are the same as long as it is.

    `stable` is its public address, empty where it has none, `fixed` that of its `port`, an id.
    `jump` is what another server's checks need to know to come through this one; `fixed` and
    `released` say that the address is the port's own, and that it goes with the server.
    """
    address = stable or fixed
    endpoint = Endpoint(machine.id, address, 22, machine.release.user, machine.identity)
    reachable = stable or machine.reach == "direct"
    jump = Bastion(machine.id, address, machine.release.user, evidence.host_keys)
    return {
        "machine": machine.id,
        "address": address,
        "fixed": not stable,
        "released": machine.server.address == "floating",
        "port": port,
        "flavor": machine.flavor.name,
        "ssh": by_hand(endpoint, evidence.host_keys),
        "ports": {p.label: f"{address}:{p.port}" for p in machine.server.declared},
        "checks": f"{len(evidence.checks)} passed",
        "jump": codec.plain(jump) if reachable else None,
    }
