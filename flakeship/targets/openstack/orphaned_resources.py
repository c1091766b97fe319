"""What a killed run has left on a cloud and the state does not know.

Another checkout may have a stack of the same name in the same project, so the marks alone prove
nothing: only what nobody can be using any more is removed, and all else is told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flakeship.model.errors import FlakeshipError
from flakeship.state import stack as selected
from flakeship.state.stack import Stack
from flakeship.targets.openstack import owned_resources
from flakeship.targets.openstack.api import connection as cloud
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.client_command import client
from flakeship.targets.openstack.api.deletion import delete
from flakeship.targets.openstack.inventory import STACK
from flakeship.targets.openstack.owned_resources import OwnedResource
from flakeship.targets.openstack.ownership_tags import LONGEST

if TYPE_CHECKING:
    from openstack.connection import Connection

Progress = Callable[[str], object]

CLOCKS = timedelta(minutes=1)
"""How far the cloud's clock may be from ours: what is older was there before we looked."""

PLACES = {
    "server": ("compute", "/servers"),
    "port": ("network", "/ports"),
    "floating ip": ("network", "/floatingips"),
}
"""Where the kinds are that are ever removed here."""


def sweep(stack: Stack, name: str, progress: Progress) -> list[str]:
    """Remove what is certainly left over on a cloud, and tell of the rest; lines of both.

    `name` is the cloud's as for `connected`; no run may be under way. What is too young to be sure
    of that is waited for, and then the state is read anew. Raises FlakeshipError where the cloud
    does not let us look. With an empty state that is a line too: nothing says then that
    there ever was anything.
    """
    try:
        with cloud.connected(name) as connection:
            found = look(connection, stack)
            if seconds := patience(found, progress):
                time.sleep(seconds)
                stack = selected.settled(selected.selected())
                found = look(connection, stack)
            return _sweep(connection, stack, found, name, progress)
    except FlakeshipError as error:
        if stack.resources:
            raise
        return [f"nothing is in the state, and the cloud was not looked at: {error}"]


@dataclass(frozen=True)
class Found:
    """What a state does not know, the `ids` that it does, and when it was `read` at the latest."""

    left: list[OwnedResource]
    ids: set[str]
    read: datetime

    def age(self, left: OwnedResource) -> timedelta:
        """How old it is; what the cloud does not tell the age of is new."""
        return self.read - left.made if left.made else timedelta(0)


def look(connection: Connection, stack: Stack) -> Found:
    """See what there is of a stack. Raises FlakeshipError with credentials of another project."""
    read = datetime.now(UTC)
    access = cloud.login(connection)
    project = str(access.project_id)
    if stack.outputs.get("project", project) != project:
        raise FlakeshipError(
            f"the stack {stack.name} lives in the project {stack.outputs['project']}, and these "
            f"credentials are for {access.project_name} ({project}): choose the right cloud by "
            "OS_CLOUD or flakeship:openstack.cloud"
        )
    there = owned_resources.of_stack(stack.name, owned_resources.lists(connection, project))
    ids = known(stack)
    return Found([each for each in there if each.id not in ids], ids, read)


def patience(found: Found, progress: Progress) -> float:
    """How many seconds to wait until it is certain of all that no run under way has made it."""
    waits = [0.0]
    for each in found.left:
        age = found.age(each)
        # a clock that is further ahead will not be caught up with
        if each.made and each.kind in PLACES and ours(each, found.ids) and -CLOCKS < age <= CLOCKS:
            waits.append((CLOCKS - age).total_seconds() + 1)
            progress(
                f"{each.kind} {each.name}: made {max(age.total_seconds(), 0):.0f} s ago: waiting "
                f"{waits[-1]:.0f} s to be sure that no run is under way"
            )
    return max(waits)


def _sweep(
    connection: Connection, stack: Stack, found: Found, name: str, progress: Progress
) -> list[str]:
    """Remove what is over."""
    gone: list[OwnedResource] = []
    for each in found.left:
        if is_over(each, found, {one.id for one in gone}):
            service, path = PLACES[each.kind]
            what, by_hand = f"{each.kind} {each.name}", client(name, each.removal)
            try:
                delete(
                    rest.client(connection, service),
                    f"{path}/{each.id}",
                    what,
                    by_hand,
                    wait=each.kind == "server",
                )
            except FlakeshipError as error:
                progress(str(error))
                continue
            gone.append(each)
    where = f"the project {cloud.login(connection).project_name} of {connection.config.name}"
    return [
        *(f"removed the {each.kind} {described(each)}" for each in gone),
        *told(stack.name, name, where, [each for each in found.left if each not in gone]),
    ]


def known(stack: Stack) -> set[str]:
    """The ids of all that the state holds; images are made by verbs."""
    ids = {each.get("id", "") for each in stack.resources}
    for each in stack.resources:
        if "::glance-" in each["urn"] and (text := each.get("outputs", {}).get("stdout")):
            ids.add(json.loads(text)["id"])
    return ids | {image["id"] for image in (stack.outputs.get("published") or {}).values()}


def ours(left: OwnedResource, ids: Collection[str]) -> bool:
    """Whether a run of this very stack has made it: it stands on something that the state holds."""
    return STACK in left.marks and any(each in ids for each in left.stands_on)


def is_over(left: OwnedResource, found: Found, gone: Collection[str]) -> bool:
    """Whether it is certain that nobody uses it.

    What is ours is of a killed run, where it was there before the state was read: a run under way
    would have put it down by then.
    What was made for a verification is over when none can need it: an address comes with its port
    and never leaves it, so one that leads nowhere has outlived its server (on a port the next
    verification of that server takes it over, or somebody has put it to use); a test server and
    its port may be those of another checkout's run, until they are older than any. `gone` are the
    ids of what has just been removed.
    """
    age = found.age(left)
    over = (age > CLOCKS and ours(left, found.ids)) or (left.temporary and age > LONGEST)
    match left.kind:
        case "floating ip":
            return left.temporary and (not left.at or left.at in gone)
        case "server":
            return over
        case "port":
            return over and (not left.at or left.at in gone)
    return False


def told(stack: str, name: str, where: str, left: list[OwnedResource]) -> list[str]:
    """What somebody has to look at, and the command that removes each."""
    if not left:
        return []
    return [
        f"{where} has what is of a stack {stack}, and this one's state does not know it.",
        "Another checkout's stack of the same name may need it. Where there is none, these remove",
        "it, in this order:",
        *(f"  {client(name, each.removal)}  # {described(each)}" for each in left),
    ]


def described(left: OwnedResource) -> str:
    """What it is, in a few words."""
    parts = [
        left.name or "without a name",
        left.status,
        "temporary" if left.temporary else "",
        f"made {left.made:%Y-%m-%d %H:%M} UTC" if left.made else "",
    ]
    return ", ".join(part for part in parts if part)
