"""The machines of a stack's servers: the rollout of each, with node, id, template and address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from flakeship.rollout.replace import ServerRollout, ServerRollouts, plan_server
from flakeship.targets.proxmox.context import PlanningContext
from flakeship.targets.proxmox.machine import Machine
from flakeship.targets.proxmox.numbers import Addresses, Numbers
from flakeship.targets.proxmox.placement import Placement
from flakeship.targets.proxmox.settings import ProxmoxInstance
from flakeship.targets.proxmox.templates import TemplatesPlan

Rollouts = Mapping[str, ServerRollout[Machine]]


class MachinesPlan(ServerRollouts[Machine]):
    """The rollout of each server, by its name."""


def plan_machines(context: PlanningContext) -> MachinesPlan:
    """Plan the machines of each server, new ones with the node that they are going to be on.

    Raises FlakeshipError where no node can have a new one, or the machine to go back to does not
    run.
    """
    settings, placement = context.settings, Placement(context)
    rollouts = {
        server.name: plan_server(
            _machine_of(context, server),
            context.deployed.get(server.name, []),
            context.observed,
            standby_releases=settings.standby_releases,
            available=context.desired.available,
        )
        for server in settings.instances
    }
    return MachinesPlan(
        _new_ones(rollouts, lambda machine: replace(machine, node=placement.place(machine)))
    )


def complete(
    context: PlanningContext, plan: MachinesPlan, templates: TemplatesPlan, numbers: Numbers
) -> MachinesPlan:
    """Give new machines their id, template and address. Raises FlakeshipError where none is left.

    What a run that did not finish has left keeps what it has.
    """
    addresses = Addresses(context)

    def made(machine: Machine) -> Machine:
        left = context.left(machine)
        template = templates.of(machine.release.name, machine.node)
        return replace(
            machine,
            vmid=left.id if left else numbers.next(),
            template=template.vmid if template else 0,
            address=addresses.next(machine),
        )

    return MachinesPlan(_new_ones(plan.rollouts, made))


def _new_ones(rollouts: Rollouts, change: Callable[[Machine], Machine]) -> Rollouts:
    """The rollouts with a change of active machines that no good run has made."""
    return {
        name: rollout if rollout.active.vmid else replace(rollout, active=change(rollout.active))
        for name, rollout in rollouts.items()
    }


def _machine_of(context: PlanningContext, server: ProxmoxInstance) -> Machine:
    """The machine that a server is to have, as if there were none yet."""
    stack, own = context.settings.options, server.options
    return Machine(
        stack=context.stack,
        server=server,
        release=context.release(server),
        identity=context.inventory.identity,
        deadline=float(context.settings.boot_timeout),
        bridge=own.bridge or stack.bridge,
        vlan=stack.vlan if own.vlan is None else own.vlan,
        cpu=own.cpu or stack.cpu,
        storage=stack.storage.disks,
        pool=stack.pool,
        clone=stack.clone,
    )
