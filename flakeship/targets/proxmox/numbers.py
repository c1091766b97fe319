"""The ids and addresses that new machines and templates get: what nobody has."""

from __future__ import annotations

from dataclasses import dataclass, field

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.targets.proxmox.context import PlanningContext
from flakeship.targets.proxmox.machine import Machine

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
        """The address of a new machine, empty for DHCP. Raises SettingError where none is free."""
        pool = machine.server.options.addresses
        if not pool:
            return ""
        left = self.context.left(machine)
        if left is not None and left.marks.address:
            prefix = pool[0].partition("/")[2]
            return f"{left.marks.address}/{prefix}"
        running, ever = self._running() | self.given, self._ever() | self.given
        unused = (each for taken in (ever, running) for each in pool if plain(each) not in taken)
        found = next(unused, "")
        if not found:
            raise self._too_few(machine, len(pool))
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

    def _too_few(self, machine: Machine, number: int) -> SettingError:
        settings = self.context.settings
        sharing = [
            each
            for each in settings.instances
            if {*each.options.addresses} & {*machine.server.options.addresses}
        ]
        # a new machine boots beside the active one and those on standby, one of which goes later
        enough = len(sharing) * (settings.standby_releases + 2)
        return SettingError(
            "none of these addresses is free for the next machine, which boots beside the others",
            code="addresses-too-few",
            key=f"flakeship:servers[{machine.server.name}].proxmox.addresses",
            given=f"{number}",
            allowed=f"{enough} for {len(sharing)} server{'s' if len(sharing) > 1 else ''} with "
            f"standbyReleases: {settings.standby_releases}",
            remedy="add some, or set a smaller flakeship:standbyReleases",
        )


def plain(address: str) -> str:
    """An address without the length of its prefix."""
    return address.partition("/")[0]
