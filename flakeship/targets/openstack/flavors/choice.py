"""Which flavor a server gets: the smallest that fits, and the same one as long as it does."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil, inf

from flakeship.model.errors import SettingError
from flakeship.targets.openstack.flavors.fit import Lack, Need, lacks
from flakeship.targets.openstack.flavors.special_hardware import OURS
from flakeship.targets.openstack.inventory import Flavor, Inventory
from flakeship.targets.openstack.settings import CloudServer

NEAREST = 3


@dataclass(frozen=True)
class Choice:
    """The flavor of a server, and what a person should know of it."""

    flavor: Flavor
    notes: list[str] = field(default_factory=list)


def choose(
    server: CloudServer,
    wanted: Need,
    look: Inventory,
    prices: Mapping[str, float],
    *,
    before: str = "",
    stack: str = "flakeship",
) -> Choice:
    """The flavor of one server.

    `prices` are by flavor name; `before` is the name of the flavor that the server has had, empty
    for a new one; `stack` goes into the name of a flavor that is made. A named flavor is taken, one
    that is to be created is described, and otherwise `before` stays as long as it fits, because
    another flavor means another machine; then comes the smallest that fits, see `size`. What the
    server has already is not measured by the quota: it is paid for there.

    Raises SettingError where nothing fits, with the three nearest and what each of them lacks; for
    a name that is not there or does not fit; and for `create` without the role or the quota.
    """
    doubt = [f"{server.name}: {wanted.doubt}"] if wanted.doubt else []
    if server.options.flavor.create:
        return Choice(custom(server, wanted, look, before, stack), doubt)
    kept = next((flavor for flavor in look.flavors if flavor.name == before), None)
    short = {each.name: lacks(each, server, wanted, look) for each in look.flavors}
    if kept:
        short[kept.name] = lacks(kept, server, wanted, look, quota=False)
    fitting = sorted((e for e in look.flavors if not short[e.name]), key=lambda e: size(e, prices))
    if server.options.flavor.name:
        return Choice(explicit(server, look, short, fitting, before), doubt)
    if not fitting:
        raise SettingError(nothing(server, wanted, look, prices, short))
    if kept and not short[kept.name]:
        return Choice(kept, [*doubt, *smaller(server, kept, fitting[0], prices)])
    return Choice(fitting[0], [*doubt, *moved(server, fitting[0], before, short)])


def size(flavor: Flavor, prices: Mapping[str, float]) -> tuple[float, int, int, int, int, str]:
    """By what flavors are ordered, smallest first.

    The price where there is one (a flavor without comes after all that have one), because it is
    what "small" is for. Else memory: a cloud shares out vCPUs many times over (cpu_allocation_ratio
    is 4 and more) but memory hardly, so that is what a server takes away from others, and what a
    bill follows. Then vCPUs, root disk and ephemeral disk; the name makes it one order.
    """
    price = prices.get(flavor.name, inf)
    return price, flavor.memory, flavor.vcpus, flavor.disk, flavor.ephemeral, flavor.name


def smaller(
    server: CloudServer, kept: Flavor, best: Flavor, prices: Mapping[str, float]
) -> list[str]:
    """What to tell where another flavor would be taken today."""
    ours, other = size(kept, prices)[:-1], size(best, prices)[:-1]
    if other >= ours:
        return []
    how = "cheaper" if other[0] < ours[0] else "smaller"
    return [
        f"{server.name} keeps {kept.name}; {best.name} fits too and is {how}: "
        f"`flavor: {best.name}` moves it there"
    ]


def moved(
    server: CloudServer, best: Flavor, before: str, short: Mapping[str, list[Lack]]
) -> list[str]:
    """What to tell of a server that cannot keep the flavor it has had."""
    if not before:
        return []
    why = words(short[before]) if before in short else "is gone from the cloud"
    return [f"{server.name} moves to {best.name} with its next machine: {before} {why}"]


def explicit(
    server: CloudServer,
    look: Inventory,
    short: Mapping[str, list[Lack]],
    fitting: list[Flavor],
    before: str,
) -> Flavor:
    """The flavor that the settings name. Raises SettingError."""
    name = server.options.flavor.name
    key = f"flakeship:servers: {server.name}: the flavor {name}"
    for flavor in look.flavors:
        if flavor.name == name and not short[name]:
            return flavor
    if name in short:
        raise SettingError(
            f"{key} {words(short[name])}; the smallest that fits is {fitting[0].name}"
            if fitting
            else f"{key} {words(short[name])}; no other fits either: lower vcpus, memory or disk"
        )
    near = difflib.get_close_matches(name, sorted(short), NEAREST)
    hint = f"did you mean {' or '.join(near)}?" if near else "see `openstack flavor list`"
    what = "is gone from the cloud" if name == before else "is not in the cloud"
    raise SettingError(f"{key} {what}, or not open to the project {look.project_name}; {hint}")


def nothing(
    server: CloudServer,
    wanted: Need,
    look: Inventory,
    prices: Mapping[str, float],
    short: Mapping[str, list[Lack]],
) -> str:
    """That no flavor fits, and the nearest ones.

    Near is a flavor with little to give: of a size the missing share counts (512 of 2048 MiB are a
    quarter), anything else counts as one that is missing entirely. Equal ones are in their order.
    """
    if not look.flavors:
        return (
            f"flakeship:servers: {server.name}: the cloud shows the project {look.project_name} "
            "no flavor at all: ask for one"
        )

    def distance(flavor: Flavor) -> tuple[float, tuple[float, int, int, int, int, str]]:
        return sum(lack.share for lack in short[flavor.name]), size(flavor, prices)

    near = sorted(look.flavors, key=distance)[:NEAREST]
    return "\n".join(
        [
            f"flakeship:servers: {server.name}: none of the {len(look.flavors)} flavors of the "
            f"cloud fits: it needs {wanted} on {wanted.architecture}, and",
            *(f"  {flavor.name} {words(short[flavor.name])}" for flavor in near),
            "are the nearest; lower vcpus, memory or disk, widen `flavor`, or ask the cloud for "
            "a flavor or a larger quota",
        ]
    )


def words(short: list[Lack]) -> str:
    """What a flavor lacks, as the rest of a sentence."""
    return ", ".join(lack.text for lack in short)


def custom(server: CloudServer, wanted: Need, look: Inventory, before: str, stack: str) -> Flavor:
    """The description of a flavor that fits exactly: it has no id, and whole GiB of disk.

    A flavor cannot be changed and its name is the whole cloud's, so the name says all that it is:
    servers that need the same share one. It carries OURS, so that no server gets it by accident and
    loses it when the one that it was made for goes. Raises SettingError without the role `admin`,
    which Nova asks for by default (os_compute_api:os-flavor-manage:create).
    """
    key = f"flakeship:servers: {server.name}: flavor.create"
    if "admin" not in look.roles:
        raise SettingError(
            f"{key} needs the role admin, and in {look.project_name} you have "
            f"{', '.join(look.roles) or 'none'}: choose among the flavors there are, or ask for one"
        )
    open_ones = [name for name, value in server.options.flavor.extra_specs.items() if value == "*"]
    if open_ones:
        raise SettingError(f"{key}: {', '.join(open_ones)} needs a value, `*` is none to create")
    disk = 0 if server.options.volume else ceil(wanted.disk / 1024)
    told = json.dumps([look.project, server.options.flavor.extra_specs], sort_keys=True)
    mark = hashlib.sha256(told.encode()).hexdigest()[:4]
    flavor = Flavor(
        id="",
        name=f"{stack}-{wanted.vcpus}c-{wanted.memory}m-{disk}g-{mark}",
        vcpus=wanted.vcpus,
        memory=wanted.memory,
        disk=disk * 1024,
        extra_specs=server.options.flavor.extra_specs,
    )
    short = lacks(flavor, server, wanted, look, quota=flavor.name != before)
    if short:
        raise SettingError(f"{key}: a flavor that fits exactly {words(short)}")
    return replace(flavor, extra_specs=server.options.flavor.extra_specs | {OURS: stack})
