"""The internal commands of the target: what its command resources run."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flakeship.model.evidence import Evidence
from flakeship.targets.base import Command
from flakeship.targets.openstack.images import publish, visibility
from flakeship.targets.openstack.requests import (
    EphemeralRequest,
    Published,
    PublishRequest,
    VerifyServerRequest,
    VisibilityRequest,
)
from flakeship.targets.openstack.servers import ephemeral, verify_server
from flakeship.verify import verify

show = logging.getLogger(__name__).info


def publish_image(request: PublishRequest, printed: str) -> Published:
    """Have an image in Glance; what was printed before has its id."""
    return publish.publish(request, publish.earlier(printed, request.name), show)


def withdraw_image(request: PublishRequest, printed: str) -> None:
    """Remove an image from Glance."""
    publish.withdraw(request, publish.earlier(printed, request.name))


def set_image_visibility(request: VisibilityRequest, _printed: str) -> None:
    """Show the images that are in use and hide the others."""
    visibility.set_visibility(request)


def verify_machine(request: VerifyServerRequest, printed: str) -> Evidence:
    """Verify a server; what was printed before has the host keys that are pinned."""
    pinned = verify.pinned_keys(printed, request.machine)
    return verify_server.verify_server(request, pinned, show)


def verify_ephemeral(request: EphemeralRequest, _printed: str) -> Evidence:
    """Make a server, verify it and remove it."""
    return ephemeral.verify_ephemeral(request, show)


COMMANDS: Mapping[str, Command] = {
    "publish-image": Command(PublishRequest, publish_image),
    "withdraw-image": Command(PublishRequest, withdraw_image),
    "set-image-visibility": Command(VisibilityRequest, set_image_visibility),
    "verify-server": Command(VerifyServerRequest, verify_machine),
    "verify-ephemeral": Command(EphemeralRequest, verify_ephemeral),
}
