"""Sweep: removes orphaned resources, and tells what would keep a destroy from finishing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from flakeship.model.errors import FlakeshipError
from flakeship.rollout import orphans
from flakeship.state.stack import Stack
from flakeship.targets.base import SweepResult
from flakeship.targets.openstack import blocking, owned_resources
from flakeship.targets.openstack.api import connection as api
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.outputs import stack_details
from flakeship.targets.openstack.requests import Published
from flakeship.targets.openstack.resources import GLANCE_IMAGE

if TYPE_CHECKING:
    from openstack.connection import Connection


def sweep(stack: Stack, cloud: str) -> SweepResult:
    """See flakeship.rollout.orphans; `cloud` is as for `connected`, no run may be under way.

    Raises FlakeshipError where the cloud cannot be read. With an empty state that is a line of the
    result instead: nothing proves then that the stack ever was there.
    """

    def remove(resource: orphans.OwnedResource) -> None:
        kind = next(kind for kind in owned_resources.KINDS if kind.name == resource.kind)
        rest.delete(
            rest.client(connection, kind.service),
            f"{kind.collection}/{resource.id}",
            f"{resource.kind} {resource.name}",
            client(cloud, owned_resources.removal(resource)),
            wait=resource.kind == "server",
        )

    lists: list[owned_resources.Lists] = []
    try:
        with api.connected(cloud) as connection:
            swept = orphans.sweep_stack(stack, partial(_unrecorded, connection, lists), remove)
            project = api.login(connection).project_name
            where = f"the project {project} of {connection.config.name}"
    except FlakeshipError as error:
        if stack.resources:
            raise
        return SweepResult(left=[f"the state is empty, and the cloud was not inspected: {error}"])
    removed = [f"{each.kind} {each}" for each in swept.removed]
    held = held_ids(stack)
    obstacles = blocking.find(stack.name, lists[-1], held)
    waiting = [e for e in swept.left if e.owner.temporary and e.attached_to in held]
    others = [each for each in swept.left if each not in waiting]
    left = [
        f"the {each.kind} {each} is on a port of this stack: the next verification of that machine "
        "takes it over, or it goes with the port"
        for each in waiting
    ]
    if others:
        left += _by_hand(stack.name, where, cloud, others)
    lines = [f"{client(cloud, each.command)}  # {each.what}" for each in obstacles]
    return SweepResult(removed, left, lines)


def _by_hand(
    stack: str, where: str, cloud: str, others: Sequence[orphans.OwnedResource]
) -> list[str]:
    """The lines about resources that a person has to decide on."""
    return [
        f"found resources of the stack {stack} in {where} that are not in its state.",
        "They may belong to another checkout with a stack of the same name. If not, remove them in "
        "this order:",
        *(f"  {client(cloud, owned_resources.removal(each))}  # {each}" for each in others),
    ]


def _unrecorded(
    connection: Connection, seen: list[owned_resources.Lists], stack: Stack
) -> orphans.Unrecorded:
    """What the state does not hold; everything that the project has is added to `seen`."""
    read = datetime.now(UTC)
    token = api.login(connection)
    project = str(token.project_id)
    expected = stack_details(stack.outputs, stack.name).project or project
    if expected != project:
        raise FlakeshipError(
            f"the stack is in the project {expected}, and these credentials are for "
            f"{token.project_name} ({project})",
            code="project-mismatch",
            key=stack.name,
            remedy="choose the right cloud by OS_CLOUD or flakeship:openstack.cloud",
        )
    seen.append(owned_resources.list_all(connection, project))
    owned = owned_resources.of_stack(stack.name, seen[-1])
    held = held_ids(stack)
    return orphans.Unrecorded([each for each in owned if each.id not in held], held, read)


def held_ids(stack: Stack) -> set[str]:
    """The ids of everything that the state holds; an image's is in its result."""
    ids = {resource.id for resource in stack.resources}
    images = stack.of(GLANCE_IMAGE).values()
    ids |= {each.result(Published).id for each in images if each.raw_result}
    published = stack_details(stack.outputs, stack.name).published
    return ids | {image.id for image in published.values()}
