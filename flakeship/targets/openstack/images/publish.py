"""A release's image in Glance: uploaded, compared, kept up to date, and withdrawn.

A new image is hidden: what is half made, or not yet verified, is offered to nobody.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from flakeship.model.codec import parse
from flakeship.model.errors import FlakeshipError
from flakeship.nix import image_file
from flakeship.system.interrupt import deferred
from flakeship.targets.openstack import ownership_tags
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.client_command import client
from flakeship.targets.openstack.api.connection import connected, login
from flakeship.targets.openstack.api.errors import answer
from flakeship.targets.openstack.images import glance
from flakeship.targets.openstack.images.upload import Upload
from flakeship.targets.openstack.inspect import GIGABYTE, TAG, servers
from flakeship.targets.openstack.inventory import RELEASE, STACK
from flakeship.targets.openstack.requests import Published, PublishRequest

if TYPE_CHECKING:
    from openstack.proxy import Proxy

Progress = Callable[[str], object]


def earlier(printed: str, name: str) -> Published | None:
    """What the last publication of an image printed (PULUMI_COMMAND_STDOUT); empty: none."""
    if not printed.strip():
        return None
    try:
        return parse(Published, printed)
    except ValidationError as error:
        raise FlakeshipError(
            f"image {name}: what its publication printed cannot be read, and with it the image's "
            f"id: {printed[:80]!r}; pulumi refresh, or pulumi up --replace '**{name}'"
        ) from error


def publish(request: PublishRequest, previous: Published | None, progress: Progress) -> Published:
    """See to it that an image is in Glance, with the file's bytes and what it has to carry.

    The image of `previous` stays where it still holds the bytes; otherwise there is a new one,
    which is hidden.
    Raises FlakeshipError where the file is gone or has changed, and where the cloud refuses it or
    has other bytes: then nothing of it is left in Glance.
    """
    path = Path(request.file)
    if not path.is_file() or not path.stat().st_size:
        raise FlakeshipError(
            f"image {request.name}: {path} is gone from the store or empty: `pulumi refresh` and "
            "`pulumi up` build it again"
        )
    kind, size = image_file.inspect(path)
    disk = image_file.mebibytes(size)
    wanted: dict[str, Any] = {
        **request.properties,
        "name": request.name,
        "visibility": request.visibility,
        "min_ram": request.min_ram,
        "min_disk": -(-disk // GIGABYTE),
    }
    with connected(request.cloud) as connection:
        images = rest.client(connection, "image")
        image = _standing(images, request, previous)
        if image:
            glance.update(images, request, image, wanted)
        else:
            _clear(images, request, str(login(connection).project_id))
            image = _upload(images, request, {**wanted, "disk_format": kind}, progress)
        return Published(image["id"], request.sha512, path.stat().st_size, disk)


def withdraw(request: PublishRequest, previous: Published | None) -> None:
    """Remove an image from Glance; one that is gone is fine.

    Raises FlakeshipError where a server boots from it (as far as the roles let us see others'
    servers), and where the cloud does not let it go.
    """
    from openstack.exceptions import ConflictException, ForbiddenException, NotFoundException

    if previous is None:
        return
    with connected(request.cloud) as connection:
        images, path = rest.client(connection, "image"), f"/images/{previous.id}"
        roles = list(login(connection).role_names or [])
        users, _ = servers(rest.client(connection, "compute"), roles, previous.id)
        if users:
            named = ", ".join(f"{user.name} (project {user.project})" for user in users)
            raise FlakeshipError(
                f"image {request.name}: {named} boots from it: it stays; remove the server first"
            )
        try:
            rest.ask(images, "DELETE", path)
        except NotFoundException:
            return
        except ConflictException as error:
            raise FlakeshipError(
                f"image {request.name}: is in use ({answer(error)}): remove the volumes and "
                "servers that were made from it first"
            ) from error
        except ForbiddenException as error:
            if rest.ask(images, "GET", path).get("protected"):
                unprotect = client(request.cloud, f"image set --unprotect {previous.id}")
                raise FlakeshipError(
                    f"image {request.name}: is protected and stays; `{unprotect}` allows to remove "
                    "it"
                ) from error
            raise


def _standing(
    images: Proxy, request: PublishRequest, previous: Published | None
) -> glance.Found | None:
    """The image of an earlier publication, where it can stay."""
    from openstack.exceptions import NotFoundException

    if previous is None:
        return None
    try:
        image = rest.ask(images, "GET", f"/images/{previous.id}")
    except NotFoundException:
        return None
    if image["status"] == "deactivated":
        activate = client(request.cloud, f"image set --activate {previous.id}")
        raise FlakeshipError(
            f"image {request.name}: an administrator has deactivated {previous.id}: it has to be "
            f"activated again (`{activate}`), or deleted"
        )
    return image if image["status"] == "active" and glance.same(request, image) else None


def _clear(images: Proxy, request: PublishRequest, project: str) -> None:
    """Remove what uploads of this release that were killed have left.

    One of another checkout may be under way, until it is older than any.
    """
    wanted = {key: request.properties.get(key) for key in (STACK, RELEASE)}
    if not all(wanted.values()):
        return
    here = ownership_tags.checkout().items()
    now = datetime.now(UTC)
    query = {"tag": TAG, "owner": project, "os_hidden": "true", "limit": str(rest.PAGE)}
    for image in rest.every(images, "/images", "images", query):
        half = wanted.items() <= image.items() and image["status"] in {"queued", "saving"}
        over = now - datetime.fromisoformat(image["created_at"]) > ownership_tags.LONGEST
        if half and (here <= image.items() or over):
            glance.remove(images, image["id"])


def _upload(
    images: Proxy, request: PublishRequest, wanted: dict[str, Any], progress: Progress
) -> glance.Found:
    """A new image, hidden, with the file's bytes; nothing of it is left where that fails."""
    # an id of our own: what is interrupted before Glance answers can be removed too
    image = {
        **wanted,
        **ownership_tags.checkout(),
        "id": str(uuid.uuid4()),
        "os_hidden": True,
        "container_format": "bare",
        "tags": [TAG],
    }
    body = Upload(Path(request.file), f"image {request.name}", progress)
    try:
        glance.described(request, lambda: rest.ask(images, "POST", "/images", json=image))
        glance.sent(images, request, image, body)
        found = glance.active(images, request, image["id"])
        _compare(request, body.sha512, found)
    except BaseException:
        with deferred():
            _abandon(images, image["id"], progress)
        raise
    return found


def _compare(request: PublishRequest, sha512: str, image: glance.Found) -> None:
    """Refuse what is not the bytes that were built, here (`sha512` was sent) or there."""
    if sha512 != request.sha512:
        raise FlakeshipError(
            f"image {request.name}: {request.file} is not what was built (sha512 {sha512[:16]}…, "
            f"built was {request.sha512[:16]}…): `nix store verify --all` finds what else has "
            "changed, `nix store repair` mends it"
        )
    if not glance.same(request, image):
        raise FlakeshipError(
            f"image {request.name}: Glance has other bytes than {request.file} "
            f"({image['os_hash_algo']} {image['os_hash_value'][:16]}…): they were changed on the "
            "way, or the cloud converts images"
        )


def _abandon(images: Proxy, identity: str, progress: Progress) -> None:
    """Remove a half-made image, without hiding why it is one."""
    try:
        glance.remove(images, identity)
    except Exception as error:  # noqa: BLE001 - the first error is the one to show
        progress(f"{identity} is left in Glance ({answer(error)}); the next `up` removes it")
