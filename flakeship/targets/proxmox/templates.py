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
    """The templates of the desired releases where the active machines are, and those that stay.

    `retained` are the releases that stay beside the desired ones: a lost template is made again
    where it was. Raises FlakeshipError where no id is left for a new one.
    """
    shared = is_shared(context)
    offline = {node.name for node in context.inventory.nodes if not node.online}
    found: dict[str, list[Template]] = {}
    for release in {machine.release.name: None for machine in active}:
        known = _existing(context, release)
        nodes = dict.fromkeys(m.node for m in active if m.release.name == release)
        for node in nodes:
            if _serving(known, node, offline, shared=shared) is None:
                known.append(Template(numbers.next(), node))
        found[release] = known
    for release in retained:
        if release in found:
            continue
        kept = _existing(context, release)
        alive = {template.vmid for template in kept}
        for lost in context.templates.get(release, ()):
            if lost.vmid not in alive and _can_have(context, lost.node):
                kept.append(Template(numbers.next(), lost.node))
        if kept:
            found[release] = kept
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

    Each is on the node where it is now.
    """
    found = {
        vm.id: Template(vm.id, vm.node)
        for template in context.templates.get(release, ())
        if (vm := context.inventory.vm(template.vmid))
        and (vm.template or not vm.known)
        and context.is_ours(vm, vm_name(release))
    }
    own = written(release)
    left = [vm for vm in context.owned if vm.template and vm.marks.release == own]
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
