"""The internal commands of the target: what its command resources run.

Each imports what it needs when it runs: openstacksdk takes its time.
"""

from __future__ import annotations

from collections.abc import Mapping

from flakeship.model.evidence import Evidence
from flakeship.targets.base import Command
from flakeship.targets.openstack.requests import (
    EphemeralRequest,
    Published,
    PublishRequest,
    VerifyServerRequest,
    VisibilityRequest,
)


def publish_image(request: PublishRequest, printed: str) -> Published:
    """Publish an image; what was printed before has its id."""
    from flakeship.targets.openstack.images import publish  # noqa: PLC0415

    return publish.publish(request, publish.previous_publication(printed, request.name))


def withdraw_image(request: PublishRequest, printed: str) -> None:
    """Remove an image from Glance."""
    from flakeship.targets.openstack.images import publish  # noqa: PLC0415

    publish.withdraw(request, publish.previous_publication(printed, request.name))


def set_image_visibility(request: VisibilityRequest, _printed: str) -> None:
    """Show the images that are in use and hide the others."""
    from flakeship.targets.openstack.images import publish  # noqa: PLC0415

    publish.set_visibility(request)


def verify_server(request: VerifyServerRequest, printed: str) -> Evidence:
    """Verify a server; what was printed before has the pinned host keys."""
    from flakeship.targets.openstack.servers import verify_server as server  # noqa: PLC0415
    from flakeship.verify.verify import pinned_keys  # noqa: PLC0415

    return server.verify_server(request, pinned_keys(printed, request.machine))


def verify_ephemeral(request: EphemeralRequest, _printed: str) -> Evidence:
    """Create a server, verify it and remove it."""
    from flakeship.targets.openstack.servers import ephemeral  # noqa: PLC0415

    return ephemeral.verify_ephemeral(request)


COMMANDS: Mapping[str, Command] = {
    "publish-image": Command(PublishRequest, publish_image),
    "withdraw-image": Command(PublishRequest, withdraw_image),
    "set-image-visibility": Command(VisibilityRequest, set_image_visibility),
    "verify-server": Command(VerifyServerRequest, verify_server),
    "verify-ephemeral": Command(EphemeralRequest, verify_ephemeral),
}
