"""The inspection of a cluster: every list once, those that do not need each other at one time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from flakeship.model.machine import MachineId
from flakeship.targets.proxmox import find, listed
from flakeship.targets.proxmox.api import client, login, plugin_trust
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.functions import InspectRequest
from flakeship.targets.proxmox.inventory import Inventory, Node, Storage, Vm
from flakeship.targets.proxmox.own_words import Config
from flakeship.targets.proxmox.privileges import has
from flakeship.targets.proxmox.resources import written

MOST = 1000  # free ids that are listed


def inspect(request: InspectRequest) -> Inventory:
    """Inspect a cluster without changing anything. Raises FlakeshipError."""
    found = login.find(request.access)
    with client.connected(found) as api, ThreadPoolExecutor(client.AT_ONCE) as pool:
        version = pool.submit(api.get, listed.Version, "version")
        resources = pool.submit(api.get, list[listed.Resource], "cluster", "resources")
        privileges = pool.submit(api.get, listed.Privileges, "access", "permissions")
        # a refused token is told before anything else
        running = version.result().version
        plugin_trust.ensure(found, request.stack)
        permissions, entries = privileges.result(), resources.result()
        nodes = listed.nodes(entries)
        read = _Described(api, request.ids, {node.name for node in nodes if node.online})
        vms = [*pool.map(read.of, listed.vms(entries))]
        storages = listed.storages(entries)
        everything = has(permissions, "/vms", "VM.Audit") or has(permissions, "/", "VM.Audit")
        usable = [each for each in nodes if _may_have_servers(each, request)]
        used = listed.used(vms)
        ids = [vmid for vmid in request.ids if vmid not in used]
        enough = request.ids_needed(1 if _is_shared(request, storages) else len(usable))
        clones = [
            pool.submit(api.get, list[listed.Volume], *place, content="images")
            for place in _template_storages(request, vms, storages)
        ]
        networks = {
            node.name: pool.submit(
                api.get, list[listed.Interface], "nodes", node.name, "network", type="any_bridge"
            )
            for node in usable
        }
        free, hidden = _free(api, pool, ids, enough, everything=everything)
        return Inventory(
            endpoint=found.endpoint,
            user=found.user,
            version=running,
            permissions=permissions,
            nodes=nodes,
            storages=storages,
            vms=vms,
            pools=listed.pools(entries),
            free=free,
            hidden=hidden,
            bridges={name: listed.bridges(call.result()) for name, call in networks.items()},
            addresses=listed.addresses({name: call.result() for name, call in networks.items()}),
            clones=listed.clones(volume for call in clones for volume in call.result()),
            everything=everything,
        )


@dataclass(frozen=True)
class _Described:
    """Reads descriptions of what has one of these ids, and is on one of these nodes."""

    api: Api
    ids: range
    online: Set[str]

    def of(self, vm: Vm) -> Vm:
        """A virtual machine with what its description says, where its tags say nothing of us.

        A clone whose creation has failed in the middle has those of its template.
        """
        may_be = not vm.known or bool(MachineId.parse(vm.name).server)
        reached = vm.id in self.ids and vm.node in self.online and not vm.container
        if vm.marks.stack or not may_be or not reached:
            return vm
        try:
            config = self.api.get(Config, "nodes", vm.node, "qemu", str(vm.id), "config")
        except ApiError:  # gone by now, or its node is
            return vm
        return replace(vm, marks=replace(config.marks(vm.id), checkout="", template=0))


def _may_have_servers(node: Node, request: InspectRequest) -> bool:
    return node.online and (not request.nodes or node.name in request.nodes)


def _is_shared(request: InspectRequest, storages: Iterable[Storage]) -> bool:
    return any(each.shared for each in storages if each.name == request.disks)


def _template_storages(
    request: InspectRequest, vms: Iterable[Vm], storages: Sequence[Storage]
) -> list[tuple[str, ...]]:
    """The paths of the contents that show the linked clones of our templates; none without any."""
    ours = {vm.node for vm in vms if vm.template and vm.marks.stack == written(request.stack)}
    places = [
        each
        for each in storages
        if each.name == request.disks and each.available and each.node in ours
    ]
    if any(each.shared for each in places):
        places = places[:1]
    return [("nodes", each.node, "storage", each.name, "content") for each in places]


def _free(
    api: Api, pool: Executor, ids: Sequence[int], enough: int, *, everything: bool
) -> tuple[list[int], list[int]]:
    """Of ids that the token sees nobody use enough that are free, and those that are not.

    Without the right to see all machines the cluster is asked about each of them.
    """
    if everything:
        return list(ids[:MOST]), []
    free: list[int] = []
    hidden: list[int] = []
    for start in range(0, len(ids), client.AT_ONCE):
        if len(free) >= enough:
            break
        batch = ids[start : start + client.AT_ONCE]
        for vmid, is_free in zip(batch, pool.map(partial(find.is_free, api), batch), strict=True):
            (free if is_free else hidden).append(vmid)
    return free, hidden
