"""Which flavor a server gets: the smallest that fits, and the same one as long as it does."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from flakeship.model.errors import SettingError
from flakeship.targets.openstack.flavors import created
from flakeship.targets.openstack.flavors.fit import Lack, Need, lacks
from flakeship.targets.openstack.inventory import Flavor, Inventory
from flakeship.targets.openstack.settings import CloudServer

NEAREST = 3
"""How many flavors an error or a choice names beside the best one."""

Lacks = Mapping[str, list[Lack]]
"""What each flavor of the cloud lacks, by its name."""


@dataclass(frozen=True)
class Choice:
    """The flavor of a server, why it is this one, and the next best by name.

    `notices` are for the preview.
    """

    flavor: Flavor
    reason: str = ""
    runners_up: Sequence[str] = ()
    notices: Sequence[str] = ()


def choose(
    server: CloudServer,
    need: Need,
    inventory: Inventory,
    prices: Mapping[str, float],
    *,
    before: str = "",
    stack: str = "flakeship",
) -> Choice:
    """Choose the flavor of one server.

    `prices` are by flavor name; `before` is the name of the flavor that the server has had, empty
    for a new one; `stack` goes into the name of a created flavor. A named flavor is taken, one that
    is to be created is described, and otherwise `before` stays as long as it fits, because another
    flavor means another machine; then comes the smallest that fits, see `size`. What the server has
    already is not compared with the quota, which counts it.

    Raises SettingError where no flavor fits (flavor-none-fits), with the three nearest and what
    each of them lacks; for a name that does not exist (flavor-missing) or does not fit
    (flavor-unfit); and for `create` without the role or the quota.
    """
    doubt = [f"{server.name}: {need.doubt}"] if need.doubt else []
    if server.options.flavor.create:
        made = created.describe(server, need, inventory, before, stack)
        return Choice(made, f"created to fit {need} exactly", notices=doubt)
    kept = next((flavor for flavor in inventory.flavors if flavor.name == before), None)
    short = {each.name: lacks(each, server, need, inventory) for each in inventory.flavors}
    if kept:
        short[kept.name] = lacks(kept, server, need, inventory, quota=False)
    fitting = sorted(
        (each for each in inventory.flavors if not short[each.name]),
        key=lambda each: size(each, prices),
    )
    others = [each.name for each in fitting]
    if server.options.flavor.name:
        taken, reason, notices = named(server, inventory, short, others, before), "named", []
    elif not fitting:
        raise none_fits(server, need, inventory, prices, short)
    elif kept and not short[kept.name]:
        taken, reason = kept, "kept: the server has it, and it fits"
        notices = smaller(server, kept, fitting[0], prices)
    else:
        order = "cheapest" if fitting[0].name in prices else "smallest"
        taken, reason = fitting[0], f"the {order} of {len(fitting)} that fit {need}"
        notices = moved(server, taken, before, short)
    runners_up = [name for name in others if name != taken.name][:NEAREST]
    return Choice(taken, reason, runners_up, [*doubt, *notices])


def size(flavor: Flavor, prices: Mapping[str, float]) -> tuple[float, int, int, int, int, str]:
    """The order of flavors, smallest first.

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
    """The notice that a new server would get a smaller flavor."""
    ours, other = size(kept, prices)[:-1], size(best, prices)[:-1]
    if other >= ours:
        return []
    how = "cheaper" if other[0] < ours[0] else "smaller"
    return [
        f"{server.name} keeps {kept.name}; {best.name} fits too and is {how}: "
        f"`openstack: {{flavor: {best.name}}}` moves it there"
    ]


def moved(server: CloudServer, best: Flavor, before: str, short: Lacks) -> list[str]:
    """The notice that a server cannot keep the flavor that it has had."""
    if not before:
        return []
    why = words(short[before]) if before in short else "is gone from the cloud"
    return [f"{server.name} moves to {best.name} with its next machine: {before} {why}"]


def named(
    server: CloudServer, inventory: Inventory, short: Lacks, fitting: list[str], before: str
) -> Flavor:
    """The flavor that the settings name. Raises SettingError."""
    name = server.options.flavor.name
    if name not in short:
        near = difflib.get_close_matches(name, sorted(short), NEAREST)
        what = "is gone from the cloud" if name == before else "is not in the cloud"
        raise SettingError(
            f"{what}, or not open to the project {inventory.project_name}",
            code="flavor-missing",
            key=key(server),
            given=name,
            remedy=f"did you mean {' or '.join(near)}?" if near else "see `openstack flavor list`",
        )
    if short[name]:
        raise SettingError(
            f"{name} {words(short[name])}",
            code="flavor-unfit",
            key=key(server),
            remedy=f"the smallest that fits is {fitting[0]}"
            if fitting
            else "no other fits either: lower vcpus, memory or disk",
        )
    return next(flavor for flavor in inventory.flavors if flavor.name == name)


def none_fits(
    server: CloudServer,
    need: Need,
    inventory: Inventory,
    prices: Mapping[str, float],
    short: Lacks,
) -> SettingError:
    """The error that no flavor fits, with the nearest ones.

    Near is a flavor with little to give: of a size the missing share counts (512 of 2048 MiB are a
    quarter), anything else counts as one that is missing entirely. Equal ones are in their order.
    """
    if not inventory.flavors:
        return SettingError(
            f"the cloud shows the project {inventory.project_name} no flavor",
            code="flavor-none-fits",
            key=key(server),
            remedy="ask its administrators for one",
        )

    def distance(flavor: Flavor) -> tuple[float, tuple[float, int, int, int, int, str]]:
        return sum(lack.share for lack in short[flavor.name]), size(flavor, prices)

    near = sorted(inventory.flavors, key=distance)[:NEAREST]
    return SettingError(
        f"none of the cloud's {len(inventory.flavors)} flavors fits: the server needs {need} on "
        f"{need.architecture}",
        code="flavor-none-fits",
        key=key(server),
        remedy="lower vcpus, memory or disk, widen `flavor`, or ask for a flavor or a larger quota",
        details=[f"  nearest: {flavor.name} {words(short[flavor.name])}" for flavor in near],
    )


def key(server: CloudServer) -> str:
    """The setting that chooses a server's flavor."""
    return f"flakeship:servers[{server.name}].openstack.flavor"


def words(short: Sequence[Lack]) -> str:
    """What a flavor lacks, as the rest of a sentence."""
    return ", ".join(lack.text for lack in short)
