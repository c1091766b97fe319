"""The calls of Glance that a publication makes, and its refusals as errors of ours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flakeship.model.errors import FlakeshipError
from flakeship.targets.image_gone import image_gone
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.errors import answer
from flakeship.targets.openstack.inspect import TAG
from flakeship.targets.openstack.requests import PublishRequest
from flakeship.targets.upload import Upload

if TYPE_CHECKING:
    from openstack.proxy import Proxy

ANSWER = 900.0  # seconds after the last byte: some stores only then begin to write
ACTIVE = 900.0  # seconds to become active: some clouds convert what they get

PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}

WITHIN = {"public": "private, shared and community", "community": "private and shared"}
"""The visibilities that roles without the right to a visibility may choose."""

CHOOSING = "icize_image"
"""The end of the rules that allow a visibility, publicize_image and communitize_image."""

UPLOADING = "flakeship-uploading"
"""The tag of an image whose bytes have not been compared yet, whatever its status is."""

Found = Mapping[str, Any]


def failure(request: PublishRequest, what: str, code: str, remedy: str = "") -> FlakeshipError:
    """An error about the image of a request."""
    return FlakeshipError(what, code=code, key=f"image {request.name}", remedy=remedy)


def describe(request: PublishRequest, call: Callable[[], object]) -> None:
    """Make a call that sets what an image is to carry. Raises FlakeshipError."""
    from openstack.exceptions import BadRequestException, ForbiddenException

    try:
        call()
    except BadRequestException as error:
        what = f"Glance refuses its properties: {answer(error)}"
        raise failure(request, what, "image-refused") from error
    except ForbiddenException as error:
        reason = answer(error)
        if request.visibility not in WITHIN or CHOOSING not in reason:
            raise
        raise FlakeshipError(
            f"the roles of these credentials may not choose this visibility ({reason})",
            code="visibility-forbidden",
            key="flakeship:openstack.visibility",
            given=request.visibility,
            allowed=WITHIN[request.visibility],
        ) from error


def send(glance: Proxy, request: PublishRequest, image: Found, body: Upload) -> None:
    """Upload the bytes. Raises FlakeshipError where Glance refuses them."""
    from openstack.exceptions import HttpException

    path, headers = f"/images/{image['id']}/file", {"Content-Type": "application/octet-stream"}
    try:
        rest.call(glance, "PUT", path, data=body, headers=headers, timeout=ANSWER)
    except HttpException as error:
        if error.status_code not in {400, 415}:
            raise
        # before the reason there is a sentence about the type of the request
        reason = answer(error).rpartition("by this server.: ")[2]
        what = f"Glance refuses {request.file}, which begins as {image['disk_format']}: {reason}"
        remedy = "`qemu-img check` and `qemu-img info` show more"
        raise failure(request, what, "image-refused", remedy) from error


def active(glance: Proxy, request: PublishRequest, identity: str) -> Found:
    """Wait until the image is active, and return it. Raises FlakeshipError."""
    status = ""
    for image in rest.poll(glance, f"/images/{identity}", ACTIVE):
        status = image["status"]
        if status == "active":
            return image
        if status in {"killed", "deleted", "pending_delete", "deactivated"}:
            remedy = "try again, or ask the cloud's administrators for the reason"
            what = f"is {status} after its upload"
            raise failure(request, what, "image-not-active", remedy)
    what = f"is {status}, not active, {ACTIVE:.0f} s after its upload"
    raise failure(request, what, "image-not-active")


def same(request: PublishRequest, image: Found) -> bool:
    """Whether Glance's checksum is the file's. Raises FlakeshipError where that cannot be told."""
    algorithm, value = image.get("os_hash_algo"), image.get("os_hash_value")
    if not algorithm or not value:
        what = f"Glance reports no checksum for {image['id']}, so its contents cannot be verified"
        remedy = "Glance must support os_hash_value (Rocky, 2018, or later)"
        raise failure(request, what, "checksum-missing", remedy)
    if algorithm == "sha512":
        return bool(value == request.sha512)
    if algorithm not in hashlib.algorithms_available:
        what = f"Python cannot compute the cloud's checksum, {algorithm}"
        raise failure(request, what, "checksum-missing")
    path = Path(request.file)
    if not path.is_file():
        raise image_gone(path, f"image {request.name}")
    with path.open("rb") as file:
        return bool(hashlib.file_digest(file, algorithm).hexdigest() == value)


def compare(request: PublishRequest, sha512: str, image: Found) -> None:
    """Raise FlakeshipError for other bytes than were built: those sent (`sha512`) or Glance's."""
    if sha512 != request.sha512:
        raise failure(
            request,
            f"{request.file} has changed since it was built (sha512 {sha512[:16]}…, built was "
            f"{request.sha512[:16]}…)",
            "image-file-changed",
            "`nix store verify --all` finds what else has changed, `nix store repair` repairs it",
        )
    if not same(request, image):
        raise failure(
            request,
            f"Glance has other bytes than {request.file} "
            f"({image['os_hash_algo']} {image['os_hash_value'][:16]}…): they were changed in "
            "transit, or the cloud converts images",
            "image-differs",
        )


def unfinished(image: Found) -> bool:
    """Whether an image is an upload that goes on, or what a killed one left."""
    return image.get("status") in {"queued", "saving"} or UPLOADING in image["tags"]


def complete(glance: Proxy, request: PublishRequest, identity: str) -> None:
    """Take the tag UPLOADING from an image. Raises FlakeshipError where the image is gone."""
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import NotFoundException, SDKException

    path = f"/images/{identity}"
    try:
        rest.call(glance, "DELETE", f"{path}/tags/{UPLOADING}")
    except (SDKException, ClientException) as error:
        # a removal may have lost its answer, and a 404 is of the tag or of the image
        try:
            found = rest.call(glance, "GET", path)
        except NotFoundException:
            what = f"{identity} has gone from Glance since its upload"
            remedy = "the next `pulumi up` uploads it again"
            raise failure(request, what, "image-missing", remedy) from error
        if UPLOADING in found["tags"]:
            raise


def update(glance: Proxy, request: PublishRequest, image: Found, properties: Found) -> None:
    """Patch the properties that differ; those that others have added stay."""
    path = f"/images/{image['id']}"
    pointers = {key: key.replace("~", "~0").replace("/", "~1") for key in properties}
    changes = [
        {"op": "replace" if key in image else "add", "path": f"/{pointers[key]}", "value": value}
        for key, value in properties.items()
        if image.get(key) != value
    ]
    if changes:
        describe(request, lambda: rest.call(glance, "PATCH", path, json=changes, headers=PATCH))
    if TAG not in image["tags"]:
        rest.call(glance, "PUT", f"{path}/tags/{TAG}")


def hide(glance: Proxy, identity: str, *, hidden: bool) -> None:
    """Keep an image out of what is offered, or show it there."""
    change = [{"op": "replace", "path": "/os_hidden", "value": hidden}]
    rest.call(glance, "PATCH", f"/images/{identity}", json=change, headers=PATCH)


def remove(glance: Proxy, identity: str) -> None:
    """Delete an image, or find it gone."""
    from openstack.exceptions import NotFoundException

    with suppress(NotFoundException):
        rest.call(glance, "DELETE", f"/images/{identity}")
