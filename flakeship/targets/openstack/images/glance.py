"""What a publication asks of Glance, and what Glance's answers mean for an image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.errors import answer
from flakeship.targets.openstack.images.upload import Upload
from flakeship.targets.openstack.inspect import TAG
from flakeship.targets.openstack.requests import PublishRequest

if TYPE_CHECKING:
    from openstack.proxy import Proxy

ANSWER = 900.0
"""Seconds for Glance to answer after the last byte: some stores only then begin to write."""

ACTIVE = 900.0
"""Seconds for an image to become active: some clouds convert what they get."""

PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}

WITHIN = {"public": "private, shared and community", "community": "private and shared"}
"""What is left to those who may not choose a visibility."""

CHOOSING = "icize_image"
"""How the rules end that allow a visibility, publicize_image and communitize_image."""

Found = Mapping[str, Any]


def described(request: PublishRequest, call: Callable[[], object]) -> None:
    """A call that says what an image is to carry."""
    from openstack.exceptions import BadRequestException, ForbiddenException

    try:
        call()
    except BadRequestException as error:
        raise FlakeshipError(
            f"image {request.name}: Glance does not take its description: {answer(error)}"
        ) from error
    except ForbiddenException as error:
        said = answer(error)
        if request.visibility in WITHIN and CHOOSING in said:
            raise FlakeshipError(
                f"image {request.name}: visibility {request.visibility} is not allowed to the "
                f"roles of these credentials ({said}): {WITHIN[request.visibility]} are"
            ) from error
        raise


def sent(glance: Proxy, request: PublishRequest, image: Found, body: Upload) -> None:
    """The upload itself."""
    from openstack.exceptions import HttpException

    try:
        rest.ask(
            glance,
            "PUT",
            f"/images/{image['id']}/file",
            data=body,
            headers={"Content-Type": "application/octet-stream"},
            timeout=ANSWER,
        )
    except HttpException as error:
        if error.status_code not in {400, 415}:
            raise
        # before the reason there is a sentence about the type of the request
        said = answer(error).rpartition("by this server.: ")[2]
        raise FlakeshipError(
            f"image {request.name}: Glance refuses {request.file}, which begins as "
            f"{image['disk_format']}: {said}; `qemu-img check` and `qemu-img info` tell more"
        ) from error


def active(glance: Proxy, request: PublishRequest, identity: str) -> Found:
    """The image, once it is active."""
    status = ""
    for image in rest.polled(glance, f"/images/{identity}", ACTIVE):
        status = image["status"]
        if status == "active":
            return image
        if status in {"killed", "deleted", "pending_delete", "deactivated"}:
            raise FlakeshipError(
                f"image {request.name}: is {status} after its upload; try again, or ask the "
                "cloud's administrators why"
            )
    raise FlakeshipError(
        f"image {request.name}: is {status}, not active, {ACTIVE:.0f} s after its upload"
    )


def same(request: PublishRequest, image: Found) -> bool:
    """Whether Glance's hash is that of the file, by whichever algorithm the cloud uses."""
    algorithm, value = image.get("os_hash_algo"), image.get("os_hash_value")
    if not algorithm or not value:
        raise FlakeshipError(
            f"image {request.name}: the cloud tells no hash of {image['id']}: its Glance is older "
            "than 2018 or does not hash, and nobody can know what it would boot"
        )
    if algorithm == "sha512":
        return bool(value == request.sha512)
    if algorithm not in hashlib.algorithms_available:
        raise FlakeshipError(
            f"image {request.name}: the cloud's hash is {algorithm}, which Python does not know"
        )
    with Path(request.file).open("rb") as file:
        return bool(hashlib.file_digest(file, algorithm).hexdigest() == value)


def update(glance: Proxy, request: PublishRequest, image: Found, wanted: Mapping[str, Any]) -> None:
    """Patch what differs from what the image has to carry; what others have added stays."""
    path = f"/images/{image['id']}"
    changes = [
        {"op": "replace" if key in image else "add", "path": f"/{_pointer(key)}", "value": value}
        for key, value in wanted.items()
        if image.get(key) != value
    ]
    if changes:
        described(request, lambda: rest.ask(glance, "PATCH", path, json=changes, headers=PATCH))
    if TAG not in image["tags"]:
        rest.ask(glance, "PUT", f"{path}/tags/{TAG}")


def hide(glance: Proxy, identity: str, *, hidden: bool) -> None:
    """Hide an image from lists, or show it."""
    change = [{"op": "replace", "path": "/os_hidden", "value": hidden}]
    rest.ask(glance, "PATCH", f"/images/{identity}", json=change, headers=PATCH)


def _pointer(key: str) -> str:
    """A key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def remove(glance: Proxy, identity: str) -> None:
    """Delete an image, or find it gone."""
    from openstack.exceptions import NotFoundException

    try:
        rest.ask(glance, "DELETE", f"/images/{identity}")
    except NotFoundException:
        return
