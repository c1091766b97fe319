"""Which flavor a server gets: the smallest that fits, and the same one as long as it does."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf

from flakeship.model.errors import SettingError
from flakeship.targets.openstack.flavors.fit import Lack, Need, lacks
from flakeship.targets.openstack.flavors.special_hardware import OWNER_KEY
from flakeship.targets.openstack.inventory import Flavor, Inventory
from flakeship.targets.openstack.settings import CloudServer

NEAREST = 3  # how many flavors an error or a choice names beside the best one

Lacks = Mapping[str, list[Lack]]  # what each flavor of the cloud lacks, by its name


@dataclass(frozen=True)
class Choice:
    """The flavor of a server, why it is this one, the next best by name, notices for a preview."""

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

    `prices` are by name; `before` is the name of the flavor that the server has had, empty for a
    new one; `stack` goes into the name of a created flavor. Without a name in the settings `before`
    stays as long as it fits, because another flavor means another machine; then comes the smallest
    that fits, see `size`. What the server has already is not compared with the quota, which counts
    it.

    Raises SettingError where no flavor fits (flavor-none-fits), for a name that does not exist
    (flavor-missing) or does not fit (flavor-unfit), and for `create` without the role or the quota.
    """
    doubt = [f"{server.name}: {need.doubt}"] if need.doubt else []
    if server.options.flavor.create:
        made = _created(server, need, inventory, before, stack)
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
        taken, reason, notices = _named(server, inventory, short, others, before), "named", []
    elif not fitting:
        raise _none_fits(server, need, inventory, prices, short)
    elif kept and not short[kept.name]:
        taken, reason = kept, "kept: the server has it, and it fits"
        notices = _smaller(server, kept, fitting[0], prices)
    else:
        order = "cheapest" if fitting[0].name in prices else "smallest"
        taken, reason = fitting[0], f"the {order} of {len(fitting)} that fit {need}"
        notices = _moved(server, taken, before, short)
    runners_up = [name for name in others if name != taken.name][:NEAREST]
    return Choice(taken, reason, runners_up, [*doubt, *notices])


def size(flavor: Flavor, prices: Mapping[str, float]) -> tuple[float, int, int, int, int, str]:
    """The order of flavors, smallest first; those with a price before all others, by that.

    Memory comes before vCPUs: a cloud shares out vCPUs many times over (cpu_allocation_ratio is 4
    and more) but memory hardly, so that is what a server takes away from others, and what a bill
    follows. The name makes it one order.
    """
    price = prices.get(flavor.name, inf)
    return price, flavor.memory, flavor.vcpus, flavor.disk, flavor.ephemeral, flavor.name


def _created(
    server: CloudServer, need: Need, inventory: Inventory, before: str, stack: str
) -> Flavor:
    """The flavor that fits exactly: it has no id yet, and whole GiB of disk.

    A flavor cannot be changed and its name is the whole cloud's, so the name has all that it is:
    servers that need the same share one. OWNER_KEY keeps others from getting it by accident, and
    losing it when the one that it was made for goes.
    """
    key = f"{_key(server)}.create"
    # what Nova asks for by default (os_compute_api:os-flavor-manage:create)
    if "admin" not in inventory.roles:
        raise SettingError(
            f"creating a flavor in {inventory.project_name} needs the role admin",
            code="role-missing",
            key=key,
            given=", ".join(inventory.roles) or "no role",
            remedy="choose an existing flavor, or ask for one",
        )
    extra_specs = server.options.flavor.extra_specs
    open_ones = [name for name, value in extra_specs.items() if value == "*"]
    if open_ones:
        raise SettingError(
            f"{', '.join(open_ones)} needs a value to create a flavor with", key=key, given="*"
        )
    disk = 0 if server.options.volume else ceil(need.disk / 1024)
    content = json.dumps([inventory.project, extra_specs], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:4]
    name = f"{stack}-{need.vcpus}c-{need.memory}m-{disk}g-{digest}"
    flavor = Flavor("", name, need.vcpus, need.memory, disk * 1024, extra_specs=extra_specs)
    short = lacks(flavor, server, need, inventory, quota=name != before)
    if short:
        what = f"a flavor that fits exactly {_words(short)}"
        raise SettingError(what, code="flavor-unfit", key=key)
    return replace(flavor, extra_specs=extra_specs | {OWNER_KEY: stack})


def _smaller(
    server: CloudServer, kept: Flavor, best: Flavor, prices: Mapping[str, float]
) -> list[str]:
    ours, other = size(kept, prices)[:-1], size(best, prices)[:-1]
    if other >= ours:
        return []
    how = "cheaper" if other[0] < ours[0] else "smaller"
    return [
        f"{server.name} keeps {kept.name}; {best.name} fits too and is {how}: "
        f"`openstack: {{flavor: {best.name}}}` moves it there"
    ]


def _moved(server: CloudServer, best: Flavor, before: str, short: Lacks) -> list[str]:
    if not before:
        return []
    why = _words(short[before]) if before in short else "is gone from the cloud"
    return [f"{server.name} moves to {best.name} with its next machine: {before} {why}"]


def _named(
    server: CloudServer, inventory: Inventory, short: Lacks, fitting: list[str], before: str
) -> Flavor:
    name = server.options.flavor.name
    if name not in short:
        near = difflib.get_close_matches(name, sorted(short), NEAREST)
        what = "is gone from the cloud" if name == before else "is not in the cloud"
        raise SettingError(
            f"{what}, or not open to the project {inventory.project_name}",
            code="flavor-missing",
            key=_key(server),
            given=name,
            remedy=f"did you mean {' or '.join(near)}?" if near else "see `openstack flavor list`",
        )
    if short[name]:
        raise SettingError(
            f"{name} {_words(short[name])}",
            code="flavor-unfit",
            key=_key(server),
            remedy=f"the smallest that fits is {fitting[0]}"
            if fitting
            else "no other fits either: lower vcpus, memory or disk",
        )
    return next(flavor for flavor in inventory.flavors if flavor.name == name)


def _none_fits(
    server: CloudServer,
    need: Need,
    inventory: Inventory,
    prices: Mapping[str, float],
    short: Lacks,
) -> SettingError:
    """The error that no flavor fits, with the nearest ones: those with little to give.

    Of a size the missing share counts (512 of 2048 MiB are a quarter), anything else counts as one
    that is missing entirely. Equal ones are in their order.
    """
    if not inventory.flavors:
        return SettingError(
            f"the cloud shows the project {inventory.project_name} no flavor",
            code="flavor-none-fits",
            key=_key(server),
            remedy="ask its administrators for one",
        )
    near = sorted(
        inventory.flavors,
        key=lambda each: (sum(lack.share for lack in short[each.name]), size(each, prices)),
    )
    return SettingError(
        f"none of the cloud's {len(inventory.flavors)} flavors fits: the server needs {need} on "
        f"{need.architecture}",
        code="flavor-none-fits",
        key=_key(server),
        remedy="lower vcpus, memory or disk, widen `flavor`, or ask for a flavor or a larger quota",
        details=[f"  nearest: {each.name} {_words(short[each.name])}" for each in near[:NEAREST]],
    )


def _key(server: CloudServer) -> str:
    return f"flakeship:servers[{server.name}].openstack.flavor"


def _words(short: Sequence[Lack]) -> str:
    return ", ".join(lack.text for lack in short)
