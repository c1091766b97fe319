"""A server on a cloud as the stack's outputs have it."""

from __future__ import annotations

from flakeship.model import codec
from flakeship.model.evidence import Evidence
from flakeship.ssh.options import Endpoint, by_hand
from flakeship.state.outputs import ServerOutput
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.requests import Bastion

TARGET = "openstack"


def server_output(
    machine: Machine, stable: str, fixed: str, evidence: Evidence, port: str
) -> ServerOutput:
    """The server as it is now: its outputs are the same as long as it is.

    `stable` is its public address, empty where it has none, `fixed` that of its `port`, an id.
    `jump` is what another server's checks need to come through this one; `fixed` and `released`
    tell that the address is the port's own, and that it goes with the server.
    """
    address = stable or fixed
    endpoint = Endpoint(machine.id, address, 22, machine.release.user, machine.identity)
    reachable = stable or machine.reach == "direct"
    bastion = Bastion(machine.id, address, machine.release.user, evidence.host_keys)
    return ServerOutput(
        target=TARGET,
        machine=machine.id,
        release=machine.release.name,
        address=address,
        ports={p.label: f"{address}:{p.port}" for p in machine.server.declared},
        ssh=by_hand(endpoint, evidence.host_keys),
        checks=f"{len(evidence.checks)} passed",
        details={
            "fixed": not stable,
            "released": machine.server.options.address == "floating",
            "port": port,
            "flavor": machine.flavor.name,
            "jump": codec.plain(bastion) if reachable else None,
        },
    )
