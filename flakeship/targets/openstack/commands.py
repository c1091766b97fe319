"""The internal commands of the target: what its command resources run."""

from __future__ import annotations

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


def publish_image(request: PublishRequest, printed: str) -> Published:
    """Publish an image; what was printed before has its id."""
    return publish.publish(request, publish.previous_publication(printed, request.name))


def withdraw_image(request: PublishRequest, printed: str) -> None:
    """Remove an image from Glance."""
    publish.withdraw(request, publish.previous_publication(printed, request.name))


def set_image_visibility(request: VisibilityRequest, _printed: str) -> None:
    """Show the images that are in use and hide the others."""
    visibility.set_visibility(request)


def verify_machine(request: VerifyServerRequest, printed: str) -> Evidence:
    """Verify a server; what was printed before has the pinned host keys."""
    pinned = verify.pinned_keys(printed, request.machine)
    return verify_server.verify_server(request, pinned)


def verify_ephemeral(request: EphemeralRequest, _printed: str) -> Evidence:
    """Create a server, verify it and remove it."""
    return ephemeral.verify_ephemeral(request)


COMMANDS: Mapping[str, Command] = {
    "publish-image": Command(PublishRequest, publish_image),
    "withdraw-image": Command(PublishRequest, withdraw_image),
    "set-image-visibility": Command(VisibilityRequest, set_image_visibility),
    "verify-server": Command(VerifyServerRequest, verify_machine),
    "verify-ephemeral": Command(EphemeralRequest, verify_ephemeral),
}
