"""What keeps a project from booting the image of another stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.inventory import Image, Inventory
from flakeship.targets.openstack.outputs import Borrowed

Kind = Literal["gone", "unseen", "deactivated", "differs"]


@dataclass(frozen=True)
class Obstacle:
    """Why an image cannot be booted: `gone` and `unseen` ask for another one, others for help."""

    kind: Kind
    why: str


def find(
    candidate: Borrowed, image: Image | None, sha512: str, inventory: Inventory
) -> Obstacle | None:
    """What keeps this project from booting an image that is to have the `sha512`; None: nothing."""
    name = inventory.project_name
    if image is None and candidate.project != inventory.project:
        return Obstacle("unseen", f"cannot be seen by the project {name}")
    if image is None:
        return Obstacle("gone", "is gone from Glance")
    if image.status != "active" or not image.sha512:
        lacks = f"is {image.status}" if image.status != "active" else "has no sha512"
        kind: Kind = "deactivated" if image.status == "deactivated" else "gone"
        return Obstacle(kind, f"{lacks} in Glance")
    if image.sha512 != sha512:
        return Obstacle("differs", f"has the sha512 {image.sha512[:16]}… in Glance")
    if not _may_boot(image, inventory.project):
        return Obstacle("unseen", f"is not shared with the project {name}")
    return None


def _may_boot(image: Image, project: str) -> bool:
    """Whether a project may; the role admin sees images of others beside those."""
    if image.visibility == "shared" and project in (image.members or ()):
        return True
    return image.owner == project or image.visibility in ("public", "community")


def refuse(name: str, candidate: Borrowed, obstacle: Obstacle, *, waits: bool) -> None:
    """Raise FlakeshipError for other bytes, and a deactivated image that a machine waits for."""
    if obstacle.kind == "differs":
        raise FlakeshipError(
            f"the image {candidate.id} of the stack {candidate.stack} is not what was verified: it "
            f"{obstacle.why}, and the ledger has another",
            code="image-differs",
            key=name,
            remedy="a state was changed, here or there: restore it from a backup (`pulumi stack "
            "import`)",
        )
    if obstacle.kind == "deactivated" and waits:
        raise FlakeshipError(
            f"an administrator has deactivated the image {candidate.id} of the stack "
            f"{candidate.stack}",
            code="image-deactivated",
            key=name,
            remedy=f"have it activated again (`openstack image set --activate {candidate.id}`), or "
            "promote another release",
        )


def remedy(candidate: Borrowed, inventory: Inventory) -> str:
    """What would spare an upload."""
    return (
        f"let the stack {candidate.stack} share the image, if it is in the same cloud (visibility: "
        f"shared, shareWith: [{inventory.project}] in flakeship:openstack)"
    )
