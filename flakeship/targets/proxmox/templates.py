"""The templates of a stack: one for each release or, on storage of one node, one on each node."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flakeship.targets.proxmox.context import PlanningContext, vm_name
from flakeship.targets.proxmox.inventory import Vm
from flakeship.targets.proxmox.machine import Machine
from flakeship.targets.proxmox.numbers import Numbers
from flakeship.targets.proxmox.outputs import Template
from flakeship.targets.proxmox.placement import has_storages
from flakeship.targets.proxmox.resources import written


@dataclass(frozen=True)
class TemplatesPlan:
    """The templates after a run, by release. With `shared` storage any of them serves all nodes."""

    templates: Mapping[str, Sequence[Template]]
    shared: bool
    offline: Collection[str] = ()

    def of(self, release: str, node: str) -> Template | None:
        """The template that machines of a release on a node are cloned from."""
        return _serving(self.templates.get(release, ()), node, self.offline, shared=self.shared)

    def subject(self, release: str, template: Template) -> str:
        """What names the template's resource: the release and its id, as it may be moved."""
        return f"{release}-{template.vmid}"


def is_shared(context: PlanningContext) -> bool:
    """Whether all nodes have the same storage of disks."""
    name = context.settings.options.storage.disks
    return any(each.shared for each in context.inventory.storages if each.name == name)


def plan_templates(
    context: PlanningContext,
    active: Sequence[Machine],
    retained: Iterable[str],
    numbers: Numbers,
) -> TemplatesPlan:
    """The templates of the desired releases, and of the `retained` ones beside them.

    A lost one is made again where it was, and a new one where a new machine needs it: an `active`
    machine that is moved needs none. Raises FlakeshipError where no id is left.
    """
    shared = is_shared(context)
    offline = {node.name for node in context.inventory.nodes if not node.online}
    found: dict[str, list[Template]] = {}
    for release in dict.fromkeys([*(machine.release.name for machine in active), *retained]):
        made = _existing(context, release)
        alive = {template.vmid for template in made}
        for lost in context.templates.get(release, ()):
            if lost.vmid not in alive and _can_have(context, lost.node):
                made.append(Template(numbers.next(), lost.node))
        for machine in active:
            new = machine.release.name == release and not machine.vmid
            if new and _serving(made, machine.node, offline, shared=shared) is None:
                made.append(Template(numbers.next(), machine.node))
        if made:
            found[release] = made
    return TemplatesPlan(found, shared, offline)


def users(context: PlanningContext, release: str) -> list[Vm]:
    """The linked clones of a release's templates."""
    ids = {
        clone
        for template in context.templates.get(release, ())
        for clone in context.inventory.clones.get(template.vmid, ())
    }
    return [
        context.inventory.vm(vmid) or Vm(vmid, "", "a virtual machine that the token cannot see")
        for vmid in sorted(ids)
    ]


def _existing(context: PlanningContext, release: str) -> list[Template]:
    """The templates of a release that the cluster has: of the last good run, and of a failed one.

    Each is on the node where it is now. One that was to be removed is none: the plugin's resource
    has left the state.
    """
    found = {
        vm.id: Template(vm.id, vm.node)
        for template in context.templates.get(release, ())
        if (vm := context.inventory.vm(template.vmid))
        and (vm.template or not vm.known)
        and context.is_ours(vm, vm_name(release))
    }
    own = written(release)
    ours = [vm for vm in context.owned if vm.template and vm.marks.release == own]
    left = [vm for vm in ours if vm.id not in context.leaving]
    found |= {vm.id: Template(vm.id, vm.node) for vm in left}
    return list(found.values())


def _serving(
    templates: Iterable[Template], node: str, offline: Collection[str], *, shared: bool
) -> Template | None:
    usable = [each for each in templates if each.node not in offline]
    here = [each for each in usable if each.node == node]
    return next(iter([*here, *(usable if shared else [])]), None)


def _can_have(context: PlanningContext, node: str) -> bool:
    known = context.inventory.node(node)
    return known is not None and known.online and has_storages(context.inventory, context, node)
