"""The images of other stacks that a stack boots from, instead of an upload of its own.

The ids come from another state, which is data: an image counts only with the sha512 that the ledger
has, as Glance computed it, with properties that boot these bytes, and of the project that the state
has. It is never changed here, whoever owns it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flakeship.config.settings import AnySettings
from flakeship.model.release import Record
from flakeship.release.desired import Desired
from flakeship.state.outputs import StackOutputs
from flakeship.targets.openstack.images import obstacles
from flakeship.targets.openstack.images.sharing import ACCEPTED
from flakeship.targets.openstack.inventory import Image, Inventory
from flakeship.targets.openstack.outputs import Borrowed, StackDetails, stack_details


@dataclass(frozen=True)
class Borrowing:
    """The images that are borrowed, by release.

    `unusable` are the releases whose image can boot nothing any more, and which nothing has to boot
    now. `remedies` are, by the release that needs an upload, what would spare it.
    """

    images: Mapping[str, Borrowed]
    unusable: frozenset[str]
    facts: list[str]
    notices: list[str]
    remedies: Mapping[str, str]


@dataclass(frozen=True)
class _Choice:
    """What is decided for a release, for people too; without an image it has one of its own."""

    image: Borrowed | None = None
    unusable: bool = False
    fact: str = ""
    notice: str = ""
    remedy: str = ""


def plan_borrowing(
    desired: Desired, inventory: Inventory, *, kept: Collection[str], running: Collection[str]
) -> Borrowing:
    """Choose the images to borrow for the desired releases and for those `kept`, by their names.

    `running` are the releases of which no machine has to be made. What the stack has published
    itself stays its own. Raises FlakeshipError for an image that is not what was verified, and for
    a deactivated or altered one that a machine is to boot from.
    """
    before = stack_details(desired.outputs, desired.stack)
    chosen = {release.name for release in desired.as_verified.values()}
    names = chosen | {name for name in kept if name in before.borrowed}
    found = {
        name: _choose(
            name,
            [*_candidates(name, before, desired)],
            desired,
            inventory,
            known=before.borrowed.get(name),
            chosen=name in chosen,
            running=name in running,
        )
        for name in sorted(names - before.published.keys())
    }
    return Borrowing(
        {name: choice.image for name, choice in found.items() if choice.image},
        frozenset(name for name, choice in found.items() if choice.unusable),
        [choice.fact for choice in found.values() if choice.fact],
        [choice.notice for choice in found.values() if choice.notice],
        {name: choice.remedy for name, choice in found.items() if choice.remedy},
    )


def _choose(
    name: str,
    candidates: Sequence[Borrowed],
    desired: Desired,
    inventory: Inventory,
    *,
    known: Borrowed | None,
    chosen: bool,
    running: bool,
) -> _Choice:
    tried, waits = [], chosen and not running
    for candidate in candidates:
        image = inventory.image(candidate.id)
        obstacle = obstacles.find(candidate, image, _record(name, desired), inventory)
        if image and not obstacle:
            return _taken(name, _of(candidate, image, inventory), image, known, inventory)
        if obstacle:
            tried.append((candidate, obstacle))
        if obstacle and chosen:
            obstacles.refuse(name, candidate, obstacle, waits=waits)
    if not tried:
        return _Choice()
    candidate, obstacle = tried[0]
    why = f"the image of {name} in the stack {candidate.stack} {obstacle.why}"
    if known and not waits:
        told = f"{why}; its servers run on, and a new one of it needs another image"
        return _Choice(known, unusable=not running, notice=told if running else "")
    fact = f"{why}, so this stack uploads one of its own"
    return _Choice(fact=fact, remedy=obstacle.remedy)


def _candidates(name: str, before: StackDetails, desired: Desired) -> Iterator[Borrowed]:
    """The image that the last good run borrowed, and what the stack before boots from."""
    if name in before.borrowed:
        yield before.borrowed[name]
    if desired.upstream.target != "openstack":
        return
    stack = desired.settings.promote_from
    offered = stack_details(desired.upstream, stack)
    if name in offered.borrowed:
        yield offered.borrowed[name]
    elif name in offered.published:
        yield Borrowed(offered.published[name].id, stack, offered.project)


def image_ids(stack: str, given: AnySettings, known: Mapping[str, StackOutputs]) -> list[str]:
    """The images that a plan of a stack asks for: its own, and those that it may borrow.

    Of another stack only those of releases that this one may run: the state that names them must
    not choose how many calls are made.
    """
    own, names = StackDetails(), {given.release}
    if (before := known.get(stack, StackOutputs())).target == "openstack":
        own = stack_details(before, stack)
    ids = {image.id for part in (own.published, own.borrowed) for image in part.values()}
    names |= own.borrowed.keys()
    for other, outputs in known.items():
        if other == stack or outputs.target != "openstack":
            continue
        offered = stack_details(outputs, other)
        for name in names | {outputs.running.get(host, "") for host in given.hosts}:
            ids |= {part[name].id for part in (offered.published, offered.borrowed) if name in part}
    return sorted(ids)


def _record(name: str, desired: Desired) -> Record | None:
    """What the ledger has, this stack's first: of an image that is one file."""
    for record in (*desired.ledger, *desired.upstream.ledger):
        if record.name == name and len(record.artifact.files) == 1:
            return record
    return None


def _of(candidate: Borrowed, image: Image, inventory: Inventory) -> Borrowed:
    """The image as the outputs have it."""
    shared = image.owner != inventory.project and image.visibility == "shared"
    return replace(candidate, shared=shared)


def _taken(
    name: str, image: Borrowed, found: Image, known: Borrowed | None, inventory: Inventory
) -> _Choice:
    status = (found.members or {}).get(inventory.project, "")
    if known and image.shared and status != ACCEPTED:
        return _Choice(
            image,
            notice=f"the membership of {inventory.project_name} in the image of {name} is {status},"
            f" so the stack {image.stack} may remove the image: `pulumi up --refresh` accepts it "
            "again",
        )
    whose = f" (project {image.project})" if image.project != inventory.project else ""
    stack = f"the stack {image.stack}{whose}"
    told = f"{name} boots from the image {image.id} of {stack}: nothing is uploaded"
    return _Choice(image, fact="" if known else told)
