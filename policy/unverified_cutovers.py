"""No unverified cutover: nothing leads to a machine before its verification has passed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from .rules import Config, Resource, StackRule

CUTOVER = re.compile(r"flakeship:[a-z]+:Cutover")
VERIFICATION = re.compile(r"flakeship:[a-z]+:Verification")
SERVER = re.compile(r"flakeship:[a-z]+:Server")
LEADS = {
    "openstack:dns/recordSet:RecordSet",
    "openstack:loadbalancer/member:Member",
    "openstack:loadbalancer/members:Members",
    "openstack:networking/floatingIp:FloatingIp",
    "openstack:networking/floatingIpAssociate:FloatingIpAssociate",
    "openstack:networking/portForwardingV2:PortForwardingV2",
}
"""What leads traffic to a machine, if it is given a port or an address of that."""


def check(resources: Sequence[Resource], _config: Config) -> Iterator[tuple[Resource, str]]:
    """Tell each cutover, address, name or member that does not wait for the verification."""
    stack = {each.urn: each for each in resources}
    for resource in resources:
        leads = resource.type in LEADS or CUTOVER.fullmatch(resource.type) is not None
        servers = _servers(resource, stack) if leads else set()
        if not servers and not _is_cutover(resource, stack):
            continue
        before = _before(resource, stack)
        verified = [each for each in before if VERIFICATION.fullmatch(each.type)]
        missing = servers.difference(*(_servers(each, stack) for each in verified))
        if missing or not verified:
            which = ", ".join(sorted(stack[urn].name for urn in missing)) or "any machine"
            yield (
                resource,
                f"{resource.name} does not depend on the verification of {which}: it would lead "
                f"to a machine that nobody has checked. Add the server's `verification` to "
                f"depends_on.",
            )


def _is_cutover(resource: Resource, stack: Mapping[str, Resource]) -> bool:
    """Whether it is what moves: the cutover of a target, or what a component of it has made."""
    parent = stack.get(resource.parent)
    if parent is not None and CUTOVER.fullmatch(parent.type):
        return True
    made = any(each.parent == resource.urn for each in stack.values())
    return CUTOVER.fullmatch(resource.type) is not None and not made


def _servers(resource: Resource, stack: Mapping[str, Resource]) -> set[str]:
    """The servers of Flakeship whose ports, machines or addresses a resource is given."""
    parents = (stack.get(stack[urn].parent) for urn in resource.needs if urn in stack)
    return {each.urn for each in parents if each is not None and SERVER.fullmatch(each.type)}


def _before(resource: Resource, stack: Mapping[str, Resource]) -> list[Resource]:
    """All that exists before a resource does."""
    found: dict[str, Resource] = {}
    waiting = [*resource.needs]
    while waiting:
        urn = waiting.pop()
        if urn in stack and urn not in found:
            found[urn] = stack[urn]
            waiting += stack[urn].needs
    return [*found.values()]


RULE = StackRule(
    "no-unverified-cutover", "An address leads to a machine only after its verification.", check
)
