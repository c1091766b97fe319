"""The images that a plan asks for by id: with our tag in this project, or another project's."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from flakeship.targets.openstack import listed
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.inventory import Image

if TYPE_CHECKING:
    from openstack.proxy import Proxy

ID = re.compile(r"[0-9A-Za-z-]{1,64}")
"""What may be part of a path: an id comes from another stack's state."""

Found = Mapping[str, Any]


def with_asked(
    glance: Proxy, project: str, entries: Sequence[Found], asked: Collection[str]
) -> list[Image]:
    """The images of a list, those `asked` for that are not in it, and with whom these are shared.

    What this project may not see is left out. Only the images asked for have members.
    """
    elsewhere = sorted({*asked} - {each["id"] for each in entries})
    if not asked:
        return [listed.image(each) for each in entries]
    with ThreadPoolExecutor(rest.AT_ONCE) as pool:
        seen = pool.map(partial(_image, glance), filter(ID.fullmatch, elsewhere))
        found = [*entries, *filter(None, seen)]
        shared = [e for e in found if e["id"] in asked and e.get("visibility") == "shared"]
        members = pool.map(partial(_members, glance, project), shared)
        known = {each["id"]: of_it for each, of_it in zip(shared, members, strict=True)}
    return [listed.image(each, known.get(each["id"])) for each in found]


def _image(glance: Proxy, identity: str) -> Found | None:
    from openstack.exceptions import ForbiddenException, NotFoundException

    try:
        return rest.call(glance, "GET", f"/images/{identity}")
    except (ForbiddenException, NotFoundException):
        return None


def _members(glance: Proxy, project: str, image: Found) -> Mapping[str, str] | None:
    """The projects that an image is shared with, of another's image this one; None: not known."""
    from openstack.exceptions import ForbiddenException, NotFoundException

    path = f"/images/{image['id']}/members"
    own = image.get("owner") == project
    try:
        if own:
            found = rest.list_all(glance, path, "members")
            return {each["member_id"]: each["status"] for each in found}
        return {project: rest.call(glance, "GET", f"{path}/{project}")["status"]}
    except (ForbiddenException, NotFoundException):
        return None if own else {}
