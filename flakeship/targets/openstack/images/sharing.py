"""The images of a stack that other projects may boot from: its part, as their owner."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flakeship.model.errors import SettingError
from flakeship.rollout.retention import ImageUse, Publication
from flakeship.targets.openstack.inventory import Image, Inventory
from flakeship.targets.openstack.settings import OpenStackSettings

KEY = "flakeship:openstack.shareWith"
ACCEPTED, PENDING = "accepted", "pending"  # Glance's words for a membership


def check(
    options: OpenStackSettings, published: Mapping[str, Publication], inventory: Inventory
) -> None:
    """Refuse to share with this very project, and to end sharing by another visibility.

    Glance would refuse to remove the members of an image that is no longer shared.
    """
    if inventory.project in options.share_with:
        raise SettingError(
            "is the project of this stack, which may boot from its own images anyway",
            code="share-with-itself",
            key=KEY,
            given=inventory.project,
            allowed="ids of other projects",
        )
    if options.visibility == "shared":
        return
    images = [inventory.image(each.id) for each in published.values()]
    members = sorted({project for image in images if image for project in image.members or ()})
    if members:
        raise SettingError(
            f"images of this stack are still shared with the project {', '.join(members)}",
            code="image-still-shared",
            key="flakeship:openstack.visibility",
            given=options.visibility,
            remedy="keep visibility: shared for one run without shareWith, which ends it; what "
            "somebody shared by hand ends with `openstack image remove project IMAGE PROJECT`",
        )


def members(
    published: Mapping[str, Publication], inventory: Inventory, usable: Collection[str]
) -> dict[tuple[str, str], str]:
    """The memberships that there are, by release and project: a killed run may have left some.

    Each has the id by which Pulumi's provider imports it.
    """
    return {
        (name, project): f"{known.id}/{project}"
        for name, known in published.items()
        for image in [inventory.image(known.id)]
        if image and image.id in usable
        for project in image.members or ()
    }


def use(image: Image | None, users: list[str], inventory: Inventory, visibility: str) -> ImageUse:
    """Who uses an image of the stack: `users` that can be seen, and projects that accepted it."""
    members = image.members if image else None
    accepted = sorted(p for p, status in (members or {}).items() if status == ACCEPTED)
    hidden = visibility != "private" and not inventory.everywhere
    if members is not None and visibility == "shared":
        hidden = hidden and PENDING in members.values()
    blind = (
        f"your role in {inventory.project_name} cannot see whether servers of other projects boot "
        "from it"
    )
    return ImageUse(users, blind if hidden else "", accepted)
