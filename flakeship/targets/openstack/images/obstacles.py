"""What keeps a project from booting the image of another stack.

Equal bytes are not enough: Nova takes kernel, command line, disks and hardware from the properties
of an image, and who wrote the state chose the image's id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Record
from flakeship.model.text import VALUE
from flakeship.targets.openstack.images.properties import BOOT, hardware
from flakeship.targets.openstack.inventory import Image, Inventory
from flakeship.targets.openstack.outputs import Borrowed

Kind = Literal["gone", "unseen", "deactivated", "altered", "foreign", "differs", "redirected"]

RESTORE = "a state was changed, here or there: restore it from a backup (`pulumi stack import`)"


@dataclass(frozen=True)
class Obstacle:
    """Why an image cannot be booted, and what would help.

    `gone` and `unseen` ask for another image. `deactivated` and `altered` are refused where a
    machine waits for this one; `foreign`, `differs` and `redirected` always.
    """

    kind: Kind
    why: str
    remedy: str = ""


def find(
    candidate: Borrowed, image: Image | None, record: Record | None, inventory: Inventory
) -> Obstacle | None:
    """What keeps this project from booting an image as the ledger's `record`; None: nothing."""
    if image is None:
        return _missing(candidate, inventory)
    return (
        _foreign(candidate, image)
        or _inactive(image)
        or _differs(image, record)
        or _redirected(image)
        or _unshared(candidate, image, inventory)
        or (_altered(image, record) if record else None)
    )


def _missing(candidate: Borrowed, inventory: Inventory) -> Obstacle:
    if candidate.project == inventory.project:
        return Obstacle("gone", "is gone from Glance")
    why = f"cannot be seen by the project {inventory.project_name}"
    return Obstacle("unseen", why, _share(candidate, inventory))


def _foreign(candidate: Borrowed, image: Image) -> Obstacle | None:
    if image.owner == candidate.project:
        return None
    why = f"is of the project {image.owner}, and the state has {candidate.project}"
    return Obstacle("foreign", why, RESTORE)


def _inactive(image: Image) -> Obstacle | None:
    if image.status == "deactivated":
        return Obstacle(
            "deactivated",
            "is deactivated in Glance, by an administrator",
            f"have it activated again (`openstack image set --activate {image.id}`), or promote "
            "another release",
        )
    if image.status == "active" and image.sha512:
        return None
    lacks = f"is {image.status}" if image.status != "active" else "has no sha512"
    return Obstacle("gone", f"{lacks} in Glance")


def _differs(image: Image, record: Record | None) -> Obstacle | None:
    if record and [image.sha512] == [file.sha512 for file in record.artifact.files]:
        return None
    why = f"has the sha512 {image.sha512[:16]}… in Glance, and the ledger has another"
    return Obstacle("differs", why, RESTORE)


def _redirected(image: Image) -> Obstacle | None:
    found = sorted(BOOT & image.properties.keys())
    if not found:
        return None
    words = " ".join(f"--property {name}" for name in found)
    return Obstacle(
        "redirected",
        f"has the properties {', '.join(found)}, so Nova may boot something else",
        f"ask the project {image.owner} who has set them; `openstack image unset {words} "
        f"{image.id}` removes them",
    )


def _unshared(candidate: Borrowed, image: Image, inventory: Inventory) -> Obstacle | None:
    """What a project may not boot: the role admin sees images of others beside those."""
    project, members = inventory.project, image.members or ()
    everybody = image.visibility in ("public", "community")
    if everybody or image.owner == project or (image.visibility == "shared" and project in members):
        return None
    why = f"is not shared with the project {inventory.project_name}"
    return Obstacle("unseen", why, _share(candidate, inventory))


def _share(candidate: Borrowed, inventory: Inventory) -> str:
    """What would spare an upload."""
    return (
        f"let the stack {candidate.stack} share the image, if it is in the same cloud (visibility: "
        f"shared, shareWith: [{inventory.project}] in flakeship:openstack)"
    )


def _altered(image: Image, record: Record) -> Obstacle | None:
    """Hardware other than the image was published with."""
    wrong = {
        name: value
        for name, value in hardware(record.release).items()
        if image.properties.get(name) != value
    }
    if not wrong:
        return None
    has = ", ".join(f"{name}={image.properties.get(name, '')[:VALUE]}" for name in wrong)
    words = " ".join(f"--property {name}={value}" for name, value in wrong.items())
    return Obstacle(
        "altered",
        f"has the properties {has} in Glance, which it was not published with",
        f"have them set again (`openstack image set {words} {image.id}`), or promote another "
        "release",
    )


def refuse(name: str, candidate: Borrowed, obstacle: Obstacle, *, waits: bool) -> None:
    """Raise FlakeshipError for what is not to be booted; `waits`: a machine is to boot from it."""
    image = f"the image {candidate.id} of the stack {candidate.stack}"
    if obstacle.kind in ("foreign", "differs", "redirected"):
        what = f"{image} is not what was verified: it {obstacle.why}"
    elif obstacle.kind in ("deactivated", "altered") and waits:
        what = f"{image} {obstacle.why}"
    else:
        return
    raise FlakeshipError(what, code=f"image-{obstacle.kind}", key=name, remedy=obstacle.remedy)
