"""No resource without ownership tags: whose it is can be seen where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flakeship.rollout.ownership import STACK

from .rules import UNKNOWN, Config, Resource, Rule, items, mapping

KEYS = [STACK, "owner"]
OPENSTACK = {
    "blockstorage/volume:Volume": "metadata",
    "compute/instance:Instance": "metadata",
    "images/image:Image": "properties",
    "index/lbLoadbalancerV2:LbLoadbalancerV2": "tags",
    "loadbalancer/listener:Listener": "tags",
    "loadbalancer/loadBalancer:LoadBalancer": "tags",
    "loadbalancer/member:Member": "tags",
    "loadbalancer/pool:Pool": "tags",
    "networking/floatingIp:FloatingIp": "tags",
    "networking/network:Network": "tags",
    "networking/port:Port": "tags",
    "networking/qosPolicy:QosPolicy": "tags",
    "networking/router:Router": "tags",
    "networking/secGroup:SecGroup": "tags",
    "networking/subnet:Subnet": "tags",
    "networking/subnetPool:SubnetPool": "tags",
    "networking/trunk:Trunk": "tags",
    "objectstorage/container:Container": "metadata",
    "sharedfilesystem/share:Share": "metadata",
}
PROXMOX = {
    "cloned/vm:Vm": "tags",
    "cloned/vmLegacy:VmLegacy": "tags",
    "index/containerLegacy:ContainerLegacy": "tags",
    "index/vm2Legacy:Vm2Legacy": "tags",
    "index/vm:Vm": "tags",
    "index/vmLegacy:VmLegacy": "tags",
}
OWN = {
    "fake:Image": "owner",
    "fake:Machine": "owner",
    "openstack:GlanceImage": "properties",
    "proxmox:Ownership": "tags",
}
PLACES = {
    **{f"openstack:{name}": place for name, place in OPENSTACK.items()},
    **{f"proxmoxve:{name}": place for name, place in PROXMOX.items()},
    **{f"flakeship:{name}": place for name, place in OWN.items()},
}
"""The types that take tags, and the input that has them."""


def check(resource: Resource, config: Config) -> Iterator[str]:
    """Tell where tags name no owner, or another stack of Flakeship than the one that has it."""
    place = PLACES.get(resource.type)
    given = resource.props.get(place) if place else UNKNOWN
    if given is UNKNOWN:
        return
    keys = [str(each) for each in items(config.get("keys", KEYS))]
    tags = {STACK: mapping(given).get("stack", "")} if place == "owner" else _tags(given)
    if not any(tags.get(key) for key in keys):
        example = f"{STACK}={resource.stack}" if STACK in keys else f"{keys[0]}=..."
        yield (
            f"{resource.name} has {_shown(tags)} in `{place}`, and no owner: one of "
            f"{', '.join(keys)}. Add `{example}`."
        )
    stack = tags.get(STACK, "")
    if stack and not _is(stack, resource.stack):
        yield (
            f"{resource.name} is in the stack {resource.stack} and has {STACK}={stack}: a sweep of "
            f"{stack} may remove it. Write {STACK}={resource.stack}."
        )


def _tags(given: object) -> dict[str, str]:
    """Tags by key: an object, or a list of `key=value` or, on Proxmox VE, `key.value`.

    What is not known yet is taken for a value.
    """
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items()}
    found = {}
    for each in items(given):
        split = "=" if "=" in str(each) else "."
        key, _, value = str(each).partition(split)
        found[key] = value
    return found


def _is(tag: str, stack: str) -> bool:
    """Whether a tag names a stack; Proxmox VE has it in lower case, and a hash after it then."""
    return tag in (stack, repr(UNKNOWN)) or tag.rpartition(".")[0] == stack.lower() != stack


def _shown(tags: Mapping[str, str]) -> str:
    return f"only {', '.join(sorted(tags))}" if tags else "nothing"


RULE = Rule(
    "ownership-tags",
    "Every resource that can have tags says whose it is.",
    check,
    {"keys": {"type": "array", "items": {"type": "string"}, "minItems": 1, "default": KEYS}},
)
