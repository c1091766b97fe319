"""The ids and addresses that new machines and templates get: what nobody has."""

from __future__ import annotations

from dataclasses import dataclass, field

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.targets.proxmox.context import PlanningContext
from flakeship.targets.proxmox.machine import Machine
from flakeship.targets.proxmox.settings import ProxmoxInstance

NAMED = 10  # virtual machines in an error


@dataclass
class Numbers:
    """Gives ids of the range away, each once.

    One that something of ours has had is not given away again while the state may hold that: what
    is deleted by its id would be the new one.
    """

    context: PlanningContext
    given: set[int] = field(default_factory=set)

    def next(self) -> int:
        """An id that nobody uses. Raises FlakeshipError (ids-used-up)."""
        context = self.context
        held = {*context.recorded, *context.leaving, *self.given}
        for vmid in context.inventory.free:
            if vmid not in held:
                self.given.add(vmid)
                return vmid
        raise self._used_up()

    def _used_up(self) -> FlakeshipError:
        ids = self.context.settings.options.ids
        users = [vm for vm in self.context.inventory.vms if vm.id in ids]
        owned = {vm.id for vm in self.context.owned}
        details = [
            f"  {vm}: {'of this stack' if vm.id in owned else 'not of this stack'}"
            for vm in users[:NAMED]
        ]
        if len(users) > NAMED:
            details.append(f"  and {len(users) - NAMED} more")
        if not self.context.inventory.everything:
            details.append(f"  others may use some that {self.context.inventory.user} cannot see")
        return FlakeshipError(
            "this run needs more ids than are free in this range",
            code="ids-used-up",
            key="flakeship:proxmox.vmIds",
            given=self.context.settings.options.vm_ids,
            remedy="give it a larger one, which no other stack has",
            details=details,
        )


@dataclass
class Addresses:
    """Gives the addresses of servers to their new machines, each once."""

    context: PlanningContext
    given: set[str] = field(default_factory=set)

    def next(self, machine: Machine) -> str:
        """The address of a new machine, empty for DHCP.

        Raises SettingError where none is free, and for the first machine that gets one where later
        ones would not.
        """
        pool = machine.server.options.addresses
        if not pool:
            return ""
        need = Need.of(self.context, machine.server)
        before = self.context.deployed.get(machine.server.name, [])
        if need.lacks and not any(each.address for each in before):
            raise need.too_few("there are too few of them")
        left = self.context.left(machine)
        if left is not None and left.marks.address:
            prefix = pool[0].partition("/")[2]
            return f"{left.marks.address}/{prefix}"
        running, ever = self._running() | self.given, self._ever() | self.given
        unused = (each for taken in (ever, running) for each in pool if plain(each) not in taken)
        found = next(unused, "")
        if not found:
            raise need.too_few("none of these is free")
        self.given.add(plain(found))
        return found

    def _running(self) -> set[str]:
        """The addresses of machines that are usable, those that this run removes at its end too."""
        deployed = self.context.all_deployed
        verified = {plain(each.address) for each in deployed if self.context.exists(each)}
        return verified | {vm.marks.address for vm in self.context.owned if vm.running}

    def _ever(self) -> set[str]:
        """Those of what runs that failed have not made completely, too.

        Each such run has taken one: where no other is left they are given away again.
        """
        return self._running() | {vm.marks.address for vm in self.context.owned}


@dataclass(frozen=True)
class Need:
    """How many static addresses a server needs, with those that it shares some with.

    A new machine boots beside the active one and those on standby, one of which goes later.
    """

    server: str
    given: int  # of its own
    together: int  # of all that share
    sharing: int
    standby: int

    @classmethod
    def of(cls, context: PlanningContext, server: ProxmoxInstance) -> Need:
        """What a server needs by the settings."""
        own, instances = {*server.options.addresses}, context.settings.instances
        pools = [{*each.options.addresses} for each in instances if {*each.options.addresses} & own]
        standby = context.settings.standby_releases
        return cls(server.name, len(own), len(set[str]().union(*pools)), len(pools), standby)

    @property
    def each(self) -> int:
        """How many a server has at the same time."""
        return self.standby + 2

    @property
    def lacks(self) -> bool:
        """Whether a later release would not get one."""
        return self.given < self.each or self.together < self.each * self.sharing

    def too_few(self, what: str) -> SettingError:
        """The error, with what to do."""
        several = f" ({self.each * self.sharing} for {self.sharing} servers)"
        fewer = "add some, or set a smaller flakeship:standbyReleases"
        return SettingError(
            f"{what}: a new machine boots beside the running one and those on standby",
            code="addresses-too-few",
            key=f"flakeship:servers[{self.server}].proxmox.addresses",
            given=f"{self.given if self.sharing == 1 else self.together}",
            allowed=f"{self.each} with flakeship:standbyReleases: {self.standby}"
            f"{several if self.sharing > 1 else ''}",
            remedy=fewer if self.standby else "add some: a release needs two at the same time",
        )


def plain(address: str) -> str:
    """An address without the length of its prefix."""
    return address.partition("/")[0]
