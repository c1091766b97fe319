"""What a flavor's extra specs mean beyond its size: its architecture, and special hardware."""

from __future__ import annotations

import re

from flakeship.targets.openstack.inventory import Flavor

# the extra spec of every flavor that a stack has created, with a scope of its own: the scheduler's
# filters take a key without one for a demand on hosts
OWNER_KEY = "flakeship:stack"

ALIASES = {"amd64": "x86_64", "arm64": "aarch64"}
ARCHITECTURES = {"x86_64", "aarch64", "i686", "ppc64le", "riscv64", "s390x", *ALIASES}
# ImagePropertiesFilter and ComputeCapabilitiesFilter have no one name for it, so clouds use several
ARCHITECTURE_KEYS = {"architecture", "hw_architecture", "cpu_arch", "arch"}
ARCHITECTURE_TRAIT = re.compile(r"(?:HW|COMPUTE)_ARCH_(\w+)")

# the group is empty or any suffix since microversions 1.25 and 1.33 of Placement
GROUPED = re.compile(r"(resources|trait)[\w-]*:(\w+)")
PLAIN_RESOURCES = {"VCPU", "MEMORY_MB", "DISK_GB"}

# the extra specs that make a flavor special, with the values that do not; as Nova validates them
# (nova/api/validation/extra_specs; docs.openstack.org/nova, configuration/extra-specs)
ORDINARY: dict[str, set[str]] = {
    "hw:cpu_policy": {"shared"},
    "hw:cpu_dedicated_mask": set(),
    "hw:cpu_realtime": set(),
    "hw:mem_page_size": {"small", "any"},
    "hw:mem_encryption": set(),
    "hw:pmem": set(),
    "pci_passthrough:alias": set(),
    "accel:device_profile": set(),
    OWNER_KEY: set(),
}


def architectures(flavor: Flavor) -> set[str]:
    """The architectures that a flavor is for, as Nix names them; empty where it names none."""
    return {name for key, value in flavor.extra_specs.items() for name in _asked(key, value)}


def _asked(key: str, value: str) -> set[str]:
    """The architectures that one extra spec asks for; `value` may be as `<or> x86_64 <or> i686`."""
    grouped = GROUPED.fullmatch(key)
    if grouped:
        trait = ARCHITECTURE_TRAIT.fullmatch(grouped[2]) if value == "required" else None
        return {trait[1].lower()} if trait else set()
    if key.rpartition(":")[2] not in ARCHITECTURE_KEYS:
        return set()
    words = set(value.lower().split()) & ARCHITECTURES
    return {ALIASES.get(word, word) for word in words}


def special(key: str, value: str) -> bool:
    """Whether an extra spec brings hardware that costs, or hosts that others need more.

    A required trait does: it keeps ordinary servers off these hosts. An architecture does not.
    """
    if value.lower() in {"0", "false", "no"} or _asked(key, value):
        return False
    if "gpu" in f"{key}={value}".lower():  # host aggregates are named freely, and often so
        return True
    grouped = GROUPED.fullmatch(key)
    if grouped and grouped[1] == "resources":
        return grouped[2] not in PLAIN_RESOURCES
    if grouped:
        return value == "required"
    return key in ORDINARY and value not in ORDINARY[key]
