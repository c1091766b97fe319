"""Orphaned resources: objects with a stack's ownership tags that its state does not hold.

Another checkout may have a stack of the same name in the same place, so the tags alone prove
nothing: only what certainly nobody uses is removed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.ownership import Owner
from flakeship.state import stack as state
from flakeship.state.stack import Stack

log = logging.getLogger(__name__)

CLOCK_SKEW = timedelta(minutes=1)
"""How far the target's clock may be from ours: what is older existed before the state was read."""

LONGEST = timedelta(days=1)  # longer than any verification or upload takes


def upload_ended(owner: Owner, age: timedelta) -> bool:
    """Whether nobody goes on with an unfinished upload: this checkout's only run does not.

    Another checkout's may go on until it is old.
    """
    return owner == owner.of_this_checkout() or age > LONGEST


class Disposal(Enum):
    """What a sweep may do with resources of a kind."""

    BY_HAND = "others may use it: a person decides"
    MACHINE = "a machine or a part of one"
    ADDRESS = "an address, which comes with a machine and is never moved from it"
    UPLOAD = "an upload that was not finished"
    IMAGE = "an image, which another checkout's stack of this name has too"


@dataclass(frozen=True)
class OwnedResource:
    """An object that belongs to a stack, by its tags or by its name.

    `kind` is the target's word for it, `attached_to` the id of what uses it, `depends_on` the ids
    of what it cannot exist without. `created` is None where the target does not tell; `since` is
    a time at which it was there then, if one is known.
    """

    kind: str
    id: str
    name: str
    owner: Owner
    disposal: Disposal = Disposal.BY_HAND
    status: str = ""
    attached_to: str = ""
    depends_on: Sequence[str] = ()
    created: datetime | None = None
    since: datetime | None = None

    def __str__(self) -> str:
        """The object in a few words for a person."""
        parts = [
            self.name or "without a name",
            self.status,
            "temporary" if self.owner.temporary else "",
            self.disposal.value if self.disposal is Disposal.UPLOAD else "",
            f"created {self.created:%Y-%m-%d %H:%M} UTC" if self.created else "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Unrecorded:
    """The owned resources that a state does not hold, in the order in which they can be removed.

    `held` are the ids that it does hold, `read` is when it was read at the latest.
    """

    resources: Sequence[OwnedResource]
    held: Collection[str]
    read: datetime

    def reason(self, resource: OwnedResource, removed: Collection[str] = ()) -> str:
        """Why a resource is certainly orphaned, where these ids are removed; empty: it may be used.

        A temporary address that is attached to a port is taken over by the next verification, or
        somebody has put it to use.
        """
        if resource.attached_to and resource.attached_to not in removed:
            return ""
        age, temporary = self._age(resource), resource.owner.temporary
        match resource.disposal:
            # a run that is under way would have recorded it by now
            case Disposal.MACHINE | Disposal.UPLOAD | Disposal.IMAGE if (
                self._left(resource) and age > CLOCK_SKEW
            ):
                return "a killed run has made it"
            # until it is that old, another checkout's run may use it
            case Disposal.MACHINE if temporary and age > LONGEST:
                return "no verification takes that long"
            case Disposal.ADDRESS if temporary:
                return "its machine is gone, and nobody else may use it"
        return ""

    def wait(self) -> float:
        """Seconds until it is certain that no run under way has made what killed ones left."""
        waits = [0.0]
        for resource in self.resources:
            age = self._age(resource)
            known = resource.created or resource.since
            young = bool(known) and -CLOCK_SKEW < age <= CLOCK_SKEW
            # a clock that is further ahead will not be caught up with
            if young and self._left(resource):
                waits.append((CLOCK_SKEW - age).total_seconds() + 1)
                log.info(
                    "%s %s: %s %.0f s ago; waiting %.0f s to be sure that no run is under way",
                    resource.kind,
                    resource.name,
                    "created" if resource.created else "seen",
                    max(age.total_seconds(), 0),
                    waits[-1],
                )
        return max(waits)

    def _age(self, resource: OwnedResource) -> timedelta:
        """How old a resource is at least; one without a known age is new."""
        known = resource.created or resource.since
        return self.read - known if known else timedelta(0)

    def _left(self, resource: OwnedResource) -> bool:
        """Whether a killed run left it, unless it is so new that a run under way may have made it.

        A machine is on something that the state holds: a run of this very stack has made it.
        """
        match resource.disposal:
            case Disposal.MACHINE:
                on_held = not {*resource.depends_on}.isdisjoint(self.held)
                return bool(resource.owner.stack) and on_held
            case Disposal.UPLOAD:
                return upload_ended(resource.owner, self._age(resource))
            case Disposal.IMAGE:
                return resource.owner == resource.owner.of_this_checkout()
        return False


@dataclass(frozen=True)
class Swept:
    """What a sweep removed, and what it left for a person to decide on."""

    removed: Sequence[OwnedResource]
    left: Sequence[OwnedResource]


def sweep_stack(
    stack: Stack,
    unrecorded: Callable[[Stack], Unrecorded],
    remove: Callable[[OwnedResource], object],
) -> Swept:
    """As `sweep`, of a stack whose state has just been read; later it is read anew."""
    read = [stack]
    return sweep(
        lambda: unrecorded(read.pop() if read else state.without_pending(state.selected())), remove
    )


def sweep(inspect: Callable[[], Unrecorded], remove: Callable[[OwnedResource], object]) -> Swept:
    """Remove what is certainly orphaned.

    `inspect` reads the target and the state anew each time: what is too young to be sure about is
    waited for. `remove` raises FlakeshipError where a resource cannot be removed; it is left.
    """
    found = inspect()
    if seconds := found.wait():
        time.sleep(seconds)
        found = inspect()
    removed: list[OwnedResource] = []
    for resource in found.resources:
        if reason := found.reason(resource, {each.id for each in removed}):
            log.debug("%s %s: %s", resource.kind, resource.id, reason)
            try:
                remove(resource)
            except FlakeshipError as error:
                log.info("%s", error)
            else:
                removed.append(resource)
    return Swept(removed, [each for each in found.resources if each not in removed])
