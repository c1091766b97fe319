"""What of a cluster is a stack's and not in its state: machines, templates and uploaded files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from flakeship.model.machine import MachineId
from flakeship.rollout.orphans import Disposal, OwnedResource
from flakeship.rollout.ownership import Owner
from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.api import client
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.inventory import Storage, Vm
from flakeship.targets.proxmox.own_words import Config, Current, Volume
from flakeship.targets.proxmox.resources import Marks, is_of_this_checkout, uploaded, written

SERVER, TEMPLATE, UPLOAD = "server", "template", "upload"
"""The kinds, in the order in which they can be removed."""


@dataclass(frozen=True)
class Found:
    """What is a stack's and not in its state, and the nodes that are offline: they tell nothing."""

    resources: Sequence[OwnedResource]
    offline: Sequence[str]


@dataclass(frozen=True)
class Search:
    """A search of a cluster, where the state holds these ids.

    `seen` has when a machine was seen first, by its id: a clone has the template's time of
    creation.
    """

    api: Api
    stack: str
    held: Collection[str]
    read: datetime
    seen: dict[int, datetime]

    def find(self, entries: Sequence[listed.Resource]) -> Found:
        """What of a cluster's resources is the stack's, in the order in which it can be removed.

        Raises ApiError.
        """
        offline = [node.name for node in listed.nodes(entries) if not node.online]
        machines = [vm for vm in listed.vms(entries) if vm.node not in offline]
        candidates = [vm for vm in machines if self._may_be_ours(vm)]
        places = [each for each in listed.storages(entries) if _has_images(each)]
        with ThreadPoolExecutor(client.AT_ONCE) as pool:
            files = pool.map(self._files, _once(places))
            asked = zip(candidates, pool.map(self._config, candidates), strict=True)
            owned = [(vm, config) for vm, config in asked if config and self._is_ours(vm, config)]
            templates = {vm.id: config.template(vm.id) for vm, config in owned}
            found = [*pool.map(partial(self._resource, templates), owned)]
        found += [each for some in files for each in some]
        order = (SERVER, TEMPLATE, UPLOAD)
        return Found(sorted(found, key=lambda each: order.index(each.kind)), offline)

    def _may_be_ours(self, vm: Vm) -> bool:
        """Whether it has our tags or, without any of them, the name of a machine.

        A cluster lists what was just made without its name.
        """
        if vm.container or str(vm.id) in self.held:
            return False
        if vm.marks.stack:
            return vm.marks.stack == written(self.stack)
        return not vm.known or bool(MachineId.parse(vm.name).server)

    def _config(self, vm: Vm) -> Config | None:
        try:
            return self.api.get(Config, "nodes", vm.node, "qemu", str(vm.id), "config")
        except ApiError as error:
            if error.gone:
                return None
            raise

    def _is_ours(self, vm: Vm, config: Config) -> bool:
        return config.marks(vm.id).stack == written(self.stack)

    def _resource(self, templates: Mapping[int, int], found: tuple[Vm, Config]) -> OwnedResource:
        """A machine or template; `templates` are those of all that are found, by their ids."""
        vm, config = found
        own = config.marks(vm.id)
        if not own.machine:
            clones = [user for user, template in templates.items() if template == vm.id]
            users = self._clones(vm, config) + clones
            return OwnedResource(
                TEMPLATE,
                str(vm.id),
                vm.name,
                owner_of(self.stack, own),
                _of_an_image(own),
                status=f"{config.lock or 'stopped'} on {vm.node}",
                # one that stays keeps the template
                attached_to=str(min(users, key=lambda each: each in templates)) if users else "",
                created=config.created,
            )
        current = self.api.get(Current, "nodes", vm.node, "qemu", str(vm.id), "status", "current")
        template = templates[vm.id]
        started = self.read - timedelta(seconds=current.uptime)
        return OwnedResource(
            SERVER,
            str(vm.id),
            vm.name,
            owner_of(self.stack, own),
            Disposal.MACHINE,
            status=f"{config.lock or current.status} on {vm.node}",
            depends_on=[str(template)] if template else [],
            since=min(started, self.seen.setdefault(vm.id, self.read)),
        )

    def _files(self, place: Storage) -> list[OwnedResource]:
        """The uploaded files on a storage, which all nodes have if it is shared."""
        path = ("nodes", place.node, "storage", place.name, "content")
        found = []
        for each in self.api.get(list[Volume], *path, content="import"):
            own = uploaded(self.stack, each.volid.rpartition("/")[2])
            if own.stack and not self._holds(place, each.volid):
                found.append(
                    OwnedResource(
                        UPLOAD,
                        file_id(place.node, each.volid),
                        each.volid,
                        owner_of(self.stack, own),
                        _of_an_image(own),
                        status=f"on {place.node}",
                        created=each.created,
                    )
                )
        return found

    def _clones(self, vm: Vm, config: Config) -> list[int]:
        """The linked clones of a template, as far as its storage shows them."""
        storage = config.virtio0.partition(":")[0]
        if not storage:
            return []
        path = ("nodes", vm.node, "storage", storage, "content")
        found = self.api.get(list[listed.Volume], *path, content="images")
        return [*listed.clones(found).get(vm.id, [])]

    def _holds(self, place: Storage, volume: str) -> bool:
        if not place.shared:
            return file_id(place.node, volume) in self.held
        return any(each.partition(" ")[2] == volume for each in self.held)


def owner_of(stack: str, own: Marks) -> Owner:
    """The owner of something of a stack; a machine's has the name of its server."""
    server = MachineId.parse(own.machine).server
    return Owner(stack, server, own.release, own.checkout, own.temporary)


def file_id(node: str, volume: str) -> str:
    """What tells a file from that of the same name on another node's storage."""
    return f"{node} {volume}"


def _has_images(place: Storage) -> bool:
    return place.available and "import" in place.content


def _once(places: Sequence[Storage]) -> list[Storage]:
    """The storages, each shared one on one node."""
    return [*{(each.name, "" if each.shared else each.node): each for each in places}.values()]


def _of_an_image(own: Marks) -> Disposal:
    return Disposal.IMAGE if is_of_this_checkout(own) else Disposal.BY_HAND
