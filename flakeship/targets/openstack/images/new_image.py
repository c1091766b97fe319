"""A new image in Glance: uploaded and compared, or taken over from an upload that has failed."""

from __future__ import annotations

import logging
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flakeship.rollout.orphans import upload_ended
from flakeship.rollout.ownership import CHECKOUT, Owner
from flakeship.system.interrupt import deferred
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.api.errors import answer, passing
from flakeship.targets.openstack.images import glance
from flakeship.targets.openstack.inspect import TAG
from flakeship.targets.openstack.requests import PublishRequest
from flakeship.targets.upload import Upload

if TYPE_CHECKING:
    from openstack.proxy import Proxy

log = logging.getLogger(__name__)

PAUSES = (2, 10)  # seconds before another upload, where one was cut


def upload(
    images: Proxy, request: PublishRequest, project: str, properties: dict[str, Any]
) -> glance.Found:
    """Upload a new image, hidden, or take over one; nothing incomplete is left where that fails.

    Where the cloud was busy or the connection was cut, another one is uploaded, from the beginning.
    """
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    pauses = iter(PAUSES)
    while True:
        try:
            found = _take_over(images, request, project, properties)
            return found or _upload_once(images, request, properties)
        except (SDKException, ClientException) as error:
            pause = next(pauses, None)
            if pause is None or not passing(error):
                raise
            log.info("image %s: %s; uploading it again in %d s", request.name, answer(error), pause)
            time.sleep(pause)


def _take_over(
    images: Proxy, request: PublishRequest, project: str, properties: dict[str, Any]
) -> glance.Found | None:
    """What a failed or killed upload left, where it has the bytes of the file; else remove it.

    Another checkout's upload may go on until it is old, and stays.
    """
    owner = Owner.read(request.properties)
    if not (owner.stack and owner.release):
        return None
    now = datetime.now(UTC)
    whole: glance.Found | None = None
    query = {"tag": TAG, "owner": project, "os_hidden": "true", "limit": str(rest.PAGE)}
    for image in rest.list_all(images, "/images", "images", query):
        age = now - datetime.fromisoformat(image["created_at"])
        left = glance.unfinished(image) and owner.tags.items() <= image.items()
        if not (left and upload_ended(Owner.read(image), age)):
            continue
        stored = image["status"] == "active" and image.get("os_hash_value")
        if whole is None and stored and glance.same(request, image):
            whole = image
        else:
            glance.remove(images, image["id"])
    if whole:
        glance.update(images, request, whole, properties)
    return whole


def _upload_once(
    images: Proxy, request: PublishRequest, properties: dict[str, Any]
) -> glance.Found:
    # an id of our own: an upload that is interrupted before Glance answers can be removed too
    image = {
        **properties,
        CHECKOUT: Owner("").of_this_checkout().checkout,
        "id": str(uuid.uuid4()),
        "os_hidden": True,
        "container_format": "bare",
        "tags": [TAG, glance.UPLOADING],
    }
    body = Upload(Path(request.file), f"image {request.name}")
    try:
        glance.describe(request, lambda: rest.call(images, "POST", "/images", json=image))
        glance.send(images, request, image, body)
        found = glance.active(images, request, image["id"])
        glance.compare(request, body.sha512, found)
    except BaseException:
        with deferred():
            _abandon(images, image["id"])
        raise
    return found


def _abandon(images: Proxy, identity: str) -> None:
    """Remove an incomplete image, without hiding why it is one."""
    try:
        glance.remove(images, identity)
    except Exception as error:  # noqa: BLE001 - the first error is the one to show
        log.info(
            "image %s is left in Glance (%s); the next run removes it", identity, answer(error)
        )
