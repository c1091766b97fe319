"""What a server needs of a flavor, and what a flavor lacks: in words, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from flakeship.model.release import Record, Release
from flakeship.targets.openstack.flavors.special_hardware import architectures, special
from flakeship.targets.openstack.inventory import Flavor, Inventory
from flakeship.targets.openstack.settings import CloudServer, FlavorPolicy


@dataclass(frozen=True)
class Need:
    """What one server of one release needs: sizes in MiB, the architecture as in Nix.

    `doubt` says what `disk` is based on where the image's own disk is not known before it is built.
    """

    vcpus: int
    memory: int
    disk: int
    architecture: str
    doubt: str = ""

    @property
    def estimated(self) -> bool:
        """Whether the image may turn out to need a larger root disk."""
        return bool(self.doubt)

    def __str__(self) -> str:
        disk = f"{self.disk} MiB of root disk{' (an estimate)' if self.estimated else ''}"
        return f"{_many(self.vcpus, 'vCPU')}, {self.memory} MiB of memory and {disk}"


@dataclass(frozen=True)
class Lack:
    """One reason why a flavor does not fit, and the share of it that is missing (1: all)."""

    text: str
    share: float = 1.0


def need_of(server: CloudServer, release: Release, ledger: Sequence[Record]) -> Need:
    """The larger of what the settings of a server and its release ask for.

    A disk that is `auto` has a size once the image is built: that of the release's record or, as an
    estimate, of the host's newest in the ledger. With neither the settings stand alone.
    """
    disk, doubt = _image_disk(release, ledger)
    return Need(
        vcpus=server.vcpus,
        memory=max(server.memory, release.memory),
        disk=max(server.disk, disk),
        architecture=release.system.partition("-")[0],
        doubt=doubt,
    )


def _image_disk(release: Release, ledger: Sequence[Record]) -> tuple[int, str]:
    if release.disk != "auto":
        return release.disk, ""
    sized = [record for record in ledger if record.artifact.disk]
    for record in sized:
        if record.name == release.name:
            return record.artifact.disk, ""
    unknown = f"the disk size of {release.name} is checked once it is built"
    for record in sized:
        if record.release.host == release.host:
            disk = record.artifact.disk
            return disk, f"{unknown}; assuming {disk} MiB, as {record.name} has"
    return 0, unknown


def lacks(
    flavor: Flavor, server: CloudServer, need: Need, inventory: Inventory, *, quota: bool = True
) -> list[Lack]:
    """Everything that keeps a flavor from a server; with `quota` also what one more would need."""
    return [
        *_sizes(flavor, server, need),
        *_foreign(flavor, need, inventory),
        *_names(flavor, server.options.flavor),
        *_specs(flavor, server.options.flavor),
        *(_exceeded(flavor, inventory) if quota else ()),
    ]


def _sizes(flavor: Flavor, server: CloudServer, need: Need) -> Iterator[Lack]:
    """Too few vCPUs, too little memory, too small a root disk, which a volume replaces.

    A root disk of 0 is Nova's special case "the image's native size", which the scheduler does not
    count: for servers that boot from a volume (docs.openstack.org/nova/latest/user/flavors.html),
    and for all others an administrator's alone (os_compute_api:servers:create:zero_disk_flavor,
    https://bugs.launchpad.net/nova/+bug/1739646).
    """
    if flavor.vcpus < need.vcpus:
        short = need.vcpus - flavor.vcpus
        yield Lack(f"lacks {_many(short, 'vCPU')}", short / need.vcpus)
    if flavor.memory < need.memory:
        short = need.memory - flavor.memory
        yield Lack(f"lacks {short} MiB of memory", short / need.memory)
    if server.options.volume:
        return
    if not flavor.disk:
        yield Lack("has no root disk (only for servers with volume: true)")
    elif flavor.disk < need.disk:
        short = need.disk - flavor.disk
        yield Lack(f"lacks {short} MiB of root disk", short / need.disk)


def _foreign(flavor: Flavor, need: Need, inventory: Inventory) -> Iterator[Lack]:
    supported = architectures(flavor)
    # one that names none is for x86_64, or for any where none names the needed one: all may be ARM
    if not supported and need.architecture != "x86_64":
        named = any(need.architecture in architectures(other) for other in inventory.flavors)
        supported = {"x86_64"} if named else set()
    if supported and need.architecture not in supported:
        yield Lack(f"is for {' and '.join(sorted(supported))}, not {need.architecture}")


def _names(flavor: Flavor, policy: FlavorPolicy) -> Iterator[Lack]:
    if policy.include and not any(fnmatchcase(flavor.name, each) for each in policy.include):
        yield Lack(f"is not among {', '.join(policy.include)}")
    for pattern in policy.exclude:
        if fnmatchcase(flavor.name, pattern):
            yield Lack(f"is excluded by {pattern}")


def _specs(flavor: Flavor, policy: FlavorPolicy) -> Iterator[Lack]:
    for key, value in policy.extra_specs.items():
        has = flavor.extra_specs.get(key)
        if has is None:
            yield Lack(f"lacks the extra spec {key}={value}")
        elif value not in ("*", has):
            yield Lack(f"has the extra spec {key}={has}, not {value}")
    # to write the whole name of a flavor, also in `include`, is to ask for what it has
    if flavor.name in (policy.name, *policy.include):
        return
    for key, value in flavor.extra_specs.items():
        if key not in policy.extra_specs and special(key, value):
            yield Lack(f"has special hardware that extraSpecs does not ask for: {key}={value}")


def _exceeded(flavor: Flavor, inventory: Inventory) -> Iterator[Lack]:
    for name, unit, needed in (
        ("instances", "server", 1),
        ("cores", "core", flavor.vcpus),
        ("ram", "MiB of memory", flavor.memory),
    ):
        left = inventory.left.get(name, needed)
        if left < needed:
            text = f"needs {_many(needed, unit)}, and the quota has {left} left"
            yield Lack(text, (needed - max(left, 0)) / needed)


def _many(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 or unit.startswith('MiB') else 's'}"
