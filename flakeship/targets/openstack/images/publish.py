"""A release's image in Glance: uploaded, compared, kept up to date, shown, and withdrawn.

A new image is hidden: nobody is offered an image that is incomplete or not yet verified.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from flakeship.model.codec import parse
from flakeship.model.errors import FlakeshipError
from flakeship.nix import image_file
from flakeship.targets.image_gone import image_gone
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.connection import connected, login
from flakeship.targets.openstack.api.errors import answer, client
from flakeship.targets.openstack.images import glance, new_image
from flakeship.targets.openstack.inspect import servers
from flakeship.targets.openstack.listed import GIGABYTE
from flakeship.targets.openstack.requests import Published, PublishRequest, VisibilityRequest

if TYPE_CHECKING:
    from openstack.proxy import Proxy


def previous_publication(printed: str, name: str) -> Published | None:
    """The last publication, from what it printed; None: no text. Raises FlakeshipError."""
    if not printed.strip():
        return None
    try:
        return parse(Published, printed)
    except ValidationError as error:
        raise FlakeshipError(
            f"the output of its publication, which has the image's id, cannot be read: "
            f"{printed[:80]!r}",
            code="publication-unreadable",
            key=f"image {name}",
            remedy=f"run `pulumi refresh`, or `pulumi up --replace '**:GlanceImage::{name}'`",
        ) from error


def publish(request: PublishRequest, previous: Published | None) -> Published:
    """Publish a file as an image with the properties of the request.

    The image of `previous` stays where it still has the bytes; otherwise a new one is uploaded,
    hidden. Raises FlakeshipError where the file for that is gone or has changed, and where the
    cloud refuses it or has other bytes: then nothing of it is left in Glance. An upload with the
    right bytes that fails later is left, and the next publication completes it.
    """
    if previous is None:
        _file(request)  # refused before anything is asked
    with connected(request.cloud) as connection:
        images = rest.client(connection, "image")
        image = _usable(images, request, previous)
        if image and previous:  # nothing of the file is needed, which may be elsewhere
            found = replace(previous, sha512=request.sha512)
            glance.update(images, request, image, _properties(request, found))
        else:
            found, kind = _file(request)
            own = {**_properties(request, found), "disk_format": kind}
            image = new_image.upload(images, request, str(login(connection).project_id), own)
        if glance.UPLOADING in image["tags"]:
            glance.complete(images, request, image["id"])
        return replace(found, id=image["id"])


def _file(request: PublishRequest) -> tuple[Published, str]:
    """What the file is going to be in Glance, and its format. Raises FlakeshipError."""
    path = Path(request.file)
    if not path.is_file() or not path.stat().st_size:
        raise image_gone(path, f"image {request.name}")
    kind, size = image_file.inspect(path)
    image_file.check(path, kind, request.name)
    disk = image_file.mebibytes(size)
    return Published("", request.sha512, path.stat().st_size, disk), kind


def _properties(request: PublishRequest, image: Published) -> dict[str, Any]:
    return {
        **request.properties,
        "name": request.name,
        "visibility": request.visibility,
        "min_ram": request.min_ram,
        "min_disk": -(-image.disk // GIGABYTE),
    }


def set_visibility(request: VisibilityRequest) -> None:
    """Show images, and hide others (os_hidden), side by side; what is so already is not written.

    Raises FlakeshipError where a shown one is gone.
    """
    wanted = {**dict.fromkeys(request.hidden, True), **dict.fromkeys(request.shown, False)}
    if not wanted:
        return
    with connected(request.cloud) as connection:
        images = rest.client(connection, "image")
        query = {"id": f"in:{','.join(wanted)}", "os_hidden": "true", "limit": str(rest.PAGE)}
        are = {image["id"] for image in rest.list_all(images, "/images", "images", query)}
        with ThreadPoolExecutor(rest.AT_ONCE) as pool:
            calls = [
                pool.submit(_hide if hidden else _show, images, identity, hidden=identity in are)
                for identity, hidden in wanted.items()
            ]
        for call in calls:
            call.result()


def _hide(images: Proxy, identity: str, *, hidden: bool) -> None:
    """Hide an image, unless it is `hidden` or gone."""
    from openstack.exceptions import NotFoundException

    if not hidden:
        with suppress(NotFoundException):
            glance.hide(images, identity, hidden=True)


def _show(images: Proxy, identity: str, *, hidden: bool) -> None:
    """Show an image; one that was not found `hidden` is shown, or gone."""
    from openstack.exceptions import NotFoundException

    try:
        if hidden or rest.call(images, "GET", f"/images/{identity}").get("os_hidden"):
            glance.hide(images, identity, hidden=False)
    except NotFoundException as error:
        raise FlakeshipError(
            "is gone from Glance",
            code="image-missing",
            key=f"image {identity}",
            remedy="the next `pulumi up` publishes it again",
        ) from error


def withdraw(request: PublishRequest, previous: Published | None) -> None:
    """Remove an image from Glance, if it is there.

    Raises FlakeshipError where a server boots from it (as far as the roles show the servers of
    others), and where the cloud refuses to remove it.
    """
    from openstack.exceptions import ConflictException, ForbiddenException

    if previous is None:
        return
    with connected(request.cloud) as connection:
        images = rest.client(connection, "image")
        roles = list(login(connection).role_names or [])
        users, _ = servers(rest.client(connection, "compute"), roles, previous.id)
        if users:
            named = ", ".join(f"{user.name} (project {user.project})" for user in users)
            what = f"{named} boots from it, so it stays"
            raise glance.failure(request, what, "image-in-use", "remove the server first")
        try:
            glance.remove(images, previous.id)
        except ConflictException as error:
            remedy = "remove the volumes and servers that were made from it first"
            what = f"is in use ({answer(error)})"
            raise glance.failure(request, what, "image-in-use", remedy) from error
        except ForbiddenException as error:
            if not rest.call(images, "GET", f"/images/{previous.id}").get("protected"):
                raise
            unprotect = client(request.cloud, f"image set --unprotect {previous.id}")
            what, remedy = "is protected, so it stays", f"`{unprotect}` allows its removal"
            raise glance.failure(request, what, "image-protected", remedy) from error


def _usable(
    images: Proxy, request: PublishRequest, previous: Published | None
) -> glance.Found | None:
    """The image of the previous publication, where it is active and has the bytes."""
    from openstack.exceptions import NotFoundException

    if previous is None:
        return None
    try:
        image = rest.call(images, "GET", f"/images/{previous.id}")
    except NotFoundException:
        return None
    if image["status"] == "deactivated":
        activate = client(request.cloud, f"image set --activate {previous.id}")
        remedy = f"have it activated again (`{activate}`) or deleted"
        what = f"an administrator has deactivated {previous.id}"
        raise glance.failure(request, what, "image-deactivated", remedy)
    return image if image["status"] == "active" and glance.same(request, image) else None
