"""The machines of a stack's servers: their flavors, and the rollout of each server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flakeship.rollout.replace import ServerRollout, ServerRollouts, plan_server
from flakeship.targets.openstack.context import PlanningContext
from flakeship.targets.openstack.flavors.choice import Choice, choose
from flakeship.targets.openstack.flavors.fit import Need, need_of
from flakeship.targets.openstack.machine import Machine
from flakeship.targets.openstack.settings import CloudServer, CloudSettings, OpenStackServer


@dataclass(frozen=True)
class MachinesPlan(ServerRollouts[Machine]):
    """The rollout of each server, and how its flavor was chosen, by its name."""

    choices: Mapping[str, Choice]

    @property
    def notices(self) -> list[str]:
        """What a preview should mention, server by server."""
        return [
            notice
            for name, rollout in self.rollouts.items()
            for notice in (*self.choices[name].notices, *rollout.notices)
        ]


def plan_machines(context: PlanningContext) -> MachinesPlan:
    """Choose a flavor for every server, and plan its machines.

    Raises SettingError where no flavor fits, and FlakeshipError where the machine to go back to
    does not run.
    """
    rollouts, choices = {}, {}
    settings = context.settings
    for server in settings.instances or [_test_server(settings)]:
        deployed = context.deployed.get(server.name, [])
        need = need_of(server, context.release(server), context.desired.ledger)
        choice = _choose_flavor(context, server, need, deployed)
        machine = _machine_of(context, server, need, choice, deployed)
        choices[server.name] = choice
        rollouts[server.name] = (
            ServerRollout(machine)
            if context.ephemeral
            else plan_server(
                machine,
                deployed,
                context.observed,
                standby_releases=settings.standby_releases if settings.servers else 0,
                available=context.desired.available,
            )
        )
    return MachinesPlan(rollouts, choices)


def _test_server(settings: CloudSettings) -> CloudServer:
    """The server of a stack without servers, as small as its release allows."""
    options = settings.options.test_server
    return CloudServer(
        name="test",
        vcpus=1,
        memory=1,
        disk=1,
        options=OpenStackServer(address="none"),
        ports=options.ports,
        checks=options.checks,
    )


def _choose_flavor(
    context: PlanningContext, server: CloudServer, need: Need, deployed: Sequence[Machine]
) -> Choice:
    release, inventory = context.release(server), context.inventory
    names = {flavor.name for flavor in inventory.flavors}
    running = [machine for machine in deployed if machine.release.name == release.name]
    # a machine keeps a flavor that has been deleted since: Nova goes on with its own copy of it
    deleted = [m.flavor for m in running[:1] if m.flavor.id and m.flavor.name not in names]
    # the flavor that it has had, best of all with this very release
    before = [
        *(machine.flavor.name for machine in running),
        *(found.flavor for found in context.of_release(server)),
        *(machine.flavor.name for machine in deployed),
    ]
    choice = choose(
        server,
        need,
        replace(inventory, flavors=[*inventory.flavors, *deleted]),
        context.settings.options.prices,
        before=before[0] if before else "",
        stack=context.stack,
    )
    notices = [
        f"{server.name}: its flavor {flavor.name} is gone from the cloud; the server keeps it, and "
        "a new release will get another one"
        for flavor in deleted
    ]
    return replace(choice, notices=[*notices, *choice.notices])


def _machine_of(
    context: PlanningContext,
    server: CloudServer,
    need: Need,
    choice: Choice,
    deployed: Sequence[Machine],
) -> Machine:
    """The machine that a server is to have, as if there were none yet."""
    options, inventory = context.settings.options, context.inventory
    release, given = context.release(server), server.options.user_data
    own = server.options.model_copy(update={"user_data": inventory.user_data.get(given, given)})
    update: dict[str, object] = {"options": own}
    if own.volume:
        # a volume that exists keeps its size
        kept = (m for m in deployed if m.release.name == release.name and m.server.options.volume)
        update["disk"] = next((machine.server.disk for machine in kept), need.disk)
    return Machine(
        cloud=options.cloud,
        stack=context.stack,
        server=server.model_copy(update=update),
        release=release,
        flavor=choice.flavor,
        network=context.networks.network,
        own_network=options.network,
        pool=context.networks.pool,
        access=options.access,
        identity=inventory.identity,
        deadline=float(context.settings.boot_timeout),
        placement=options.placement,
        port_security=context.port_security,
        bastion=context.bastion(server),
    )
