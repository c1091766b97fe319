"""No resource without ownership tags: whose it is can be seen where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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
    # Proxmox VE allows no = in a tag
    split = "." if "proxmox" in resource.type else "="
    tags = {STACK: mapping(given).get("stack", "")} if place == "owner" else _tags(given, split)
    if not any(tags.get(key) for key in keys):
        yield (
            f"{resource.name} has {_shown(tags)} in `{place}`, and none that names its owner: "
            f"{' or '.join(keys)}. Add `{_example(resource, keys, split)}`."
        )
    stack = tags.get(STACK, "")
    if stack and not _is(stack, resource.stack):
        yield (
            f"{resource.name} is in the stack {resource.stack} and has {STACK}{split}{stack}: a "
            f"sweep of {stack} may remove it. Write {STACK}{split}{resource.stack}."
        )


def _example(resource: Resource, keys: Sequence[str], split: str) -> str:
    """A tag that is missing. Flakeship's own is for what Flakeship makes."""
    others = [key for key in keys if key != STACK]
    if others and "flakeship:" not in resource.urn.split("::")[2]:
        return f"{others[0]}{split}<who>"
    return f"{STACK}{split}{resource.stack}"


def _tags(given: object, split: str) -> dict[str, str]:
    """Tags by key, from an object or a list. What is not known yet is taken for a value."""
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items()}
    return dict(str(each).partition(split)[::2] for each in items(given))


def _is(tag: str, stack: str) -> bool:
    """Whether a tag names a stack; Proxmox VE has it in lower case, and a hash after it then."""
    return tag in (stack, repr(UNKNOWN)) or tag.rpartition(".")[0] == stack.lower() != stack


def _shown(tags: Mapping[str, str]) -> str:
    return ", ".join(sorted(filter(None, tags))) or "nothing"


RULE = Rule(
    "ownership-tags",
    "Every resource that can have tags says whose it is.",
    check,
    {"keys": {"type": "array", "items": {"type": "string"}, "minItems": 1, "default": KEYS}},
)
