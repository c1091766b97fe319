"""Whether a flavor fits a server, and if not, what it lacks, in words and by how much."""

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
    """What a flavor has to offer one server of one release; sizes in MiB, `x86_64` as Nix has it.

    `doubt` says what `disk` rests on where the image's own disk is not known before it is built;
    it is empty where it is known.
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
        """The need in the words of an error."""
        disk = f"{self.disk} MiB of root disk{' (an estimate)' if self.estimated else ''}"
        return f"{many(self.vcpus, 'vCPU')}, {self.memory} MiB of memory and {disk}"


@dataclass(frozen=True)
class Lack:
    """One reason why a flavor does not fit, and the share of it that is missing (1: all)."""

    text: str
    share: float = 1.0


def need(server: CloudServer, release: Release, ledger: Sequence[Record]) -> Need:
    """What the settings of a server and its release ask for together, the larger of both.

    A release whose image's disk is `auto` has a size once it is built: that of its own record or,
    before, as an estimate, that of the host's newest record in the ledger. With neither the disk
    of the settings stands alone.
    """
    disk, doubt = image_disk(release, ledger)
    return Need(
        vcpus=server.vcpus,
        memory=max(server.memory, release.memory),
        disk=max(server.disk, disk),
        architecture=release.system.partition("-")[0],
        doubt=doubt,
    )


def image_disk(release: Release, ledger: Sequence[Record]) -> tuple[int, str]:
    """The image's disk in MiB (0: unknown), and what to tell of it where it is not certain."""
    if release.disk != "auto":
        return release.disk, ""
    for record in ledger:
        if record.name == release.name and record.artifact.disk:
            return record.artifact.disk, ""
    unknown = f"how much disk {release.name} needs is known once it is built, and checked then"
    for record in ledger:
        disk = record.artifact.disk
        if record.release.host == release.host and disk:
            return disk, f"{unknown}: until then {disk} MiB, as {record.name} needs"
    return 0, unknown


def lacks(
    flavor: Flavor, server: CloudServer, wanted: Need, look: Inventory, *, quota: bool = True
) -> list[Lack]:
    """Everything that keeps a flavor from a server, nothing where it fits.

    With `quota` also what the quota does not allow for one more such server.
    """
    return [
        *sizes(flavor, server, wanted),
        *foreign(flavor, wanted, look),
        *names(flavor, server.options.flavor),
        *specs(flavor, server.options.flavor),
        *(exceeded(flavor, look) if quota else ()),
    ]


def sizes(flavor: Flavor, server: CloudServer, wanted: Need) -> Iterator[Lack]:
    """Too few vCPUs, too little memory, too small a root disk.

    A root disk of 0 is no disk of any size but Nova's special case "the image's native size": the
    scheduler does not count it, so it is for servers that boot from a volume (docs.openstack.org/
    nova/latest/user/flavors.html, Root Disk GB), and for all others an administrator's alone
    (os_compute_api:servers:create:zero_disk_flavor, https://bugs.launchpad.net/nova/+bug/1739646).
    Of a server with a volume the flavor's root disk is not used at all.
    """
    if flavor.vcpus < wanted.vcpus:
        short = wanted.vcpus - flavor.vcpus
        yield Lack(f"lacks {many(short, 'vCPU')}", short / wanted.vcpus)
    if flavor.memory < wanted.memory:
        short = wanted.memory - flavor.memory
        yield Lack(f"lacks {short} MiB of memory", short / wanted.memory)
    if server.options.volume:
        return
    if not flavor.disk:
        yield Lack("has no root disk (only for servers with volume: true)")
    elif flavor.disk < wanted.disk:
        short = wanted.disk - flavor.disk
        yield Lack(f"lacks {short} MiB of root disk", short / wanted.disk)


def foreign(flavor: Flavor, wanted: Need, look: Inventory) -> Iterator[Lack]:
    """Another architecture.

    A flavor that says none is for x86_64; it is for any where no flavor names the wanted one, as in
    a cloud that has only ARM.
    """
    here = architectures(flavor)
    if not here and wanted.architecture != "x86_64":
        known = any(wanted.architecture in architectures(other) for other in look.flavors)
        here = {"x86_64"} if known else set()
    if here and wanted.architecture not in here:
        yield Lack(f"is for {' and '.join(sorted(here))}, not {wanted.architecture}")


def names(flavor: Flavor, wish: FlavorPolicy) -> Iterator[Lack]:
    """A name outside of `include` or in `exclude`: shell patterns, upper and lower case differ."""
    if wish.include and not any(fnmatchcase(flavor.name, each) for each in wish.include):
        yield Lack(f"is not among {', '.join(wish.include)}")
    for pattern in wish.exclude:
        if fnmatchcase(flavor.name, pattern):
            yield Lack(f"is excluded by {pattern}")


def specs(flavor: Flavor, wish: FlavorPolicy) -> Iterator[Lack]:
    """Extra specs that are wished and not there, and special ones that nobody asked for.

    Asking is to wish the extra spec, or to write the flavor's whole name, also in `include`.
    """
    for key, value in wish.extra_specs.items():
        has = flavor.extra_specs.get(key)
        if has is None:
            yield Lack(f"lacks the extra spec {key}={value}")
        elif value not in ("*", has):
            yield Lack(f"has the extra spec {key}={has}, wished is {value}")
    if flavor.name in (wish.name, *wish.include):
        return
    for key, value in flavor.extra_specs.items():
        if key not in wish.extra_specs and special(key, value):
            yield Lack(f"has the special {key}={value}, which is not wished")


def exceeded(flavor: Flavor, look: Inventory) -> Iterator[Lack]:
    """What one more server of this flavor needs of the quota and does not get."""
    for name, unit, needed in (
        ("instances", "server", 1),
        ("cores", "core", flavor.vcpus),
        ("ram", "MiB of memory", flavor.memory),
    ):
        left = look.left.get(name, needed)
        if left < needed:
            said = f"needs {many(needed, unit)}, and the quota has {left} left"
            yield Lack(said, (needed - max(left, 0)) / needed)


def many(number: int, unit: str) -> str:
    """A number with its unit, in the plural where there is one."""
    return f"{number} {unit}{'' if number == 1 or unit.startswith('MiB') else 's'}"
