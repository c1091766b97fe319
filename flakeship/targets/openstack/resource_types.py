"""The types of the target's own resources, and what makes and removes them.

Each imports what it needs when it runs: openstacksdk takes its time.
"""

from __future__ import annotations

from collections.abc import Mapping

from flakeship.model.evidence import Evidence
from flakeship.targets.base import ResourceType
from flakeship.targets.openstack.requests import (
    EphemeralRequest,
    Published,
    PublishRequest,
    VerifyServerRequest,
    VisibilityRequest,
)


def _publish_image(request: PublishRequest, previous: str) -> Published:
    from flakeship.targets.openstack.images import publish  # noqa: PLC0415

    return publish.publish(request, publish.previous_publication(previous, request.name))


def _withdraw_image(request: PublishRequest, previous: str) -> None:
    from flakeship.targets.openstack.images import publish  # noqa: PLC0415

    publish.withdraw(request, publish.previous_publication(previous, request.name))


def _set_image_visibility(request: VisibilityRequest, _previous: str) -> None:
    from flakeship.targets.openstack.images import publish  # noqa: PLC0415

    publish.set_visibility(request)


def _verify_server(request: VerifyServerRequest, previous: str) -> Evidence:
    from flakeship.targets.openstack.servers import verify_server  # noqa: PLC0415
    from flakeship.verify.verify import pinned_keys  # noqa: PLC0415

    return verify_server.verify_server(request, pinned_keys(previous, request.machine))


def _verify_ephemeral(request: EphemeralRequest, _previous: str) -> Evidence:
    from flakeship.targets.openstack.servers import ephemeral  # noqa: PLC0415

    return ephemeral.verify_ephemeral(request)


TYPES: Mapping[str, ResourceType] = {
    "GlanceImage": ResourceType(PublishRequest, _publish_image, _withdraw_image),
    "ImageVisibility": ResourceType(VisibilityRequest, _set_image_visibility),
    "Verification": ResourceType(VerifyServerRequest, _verify_server),
    "EphemeralVerification": ResourceType(EphemeralRequest, _verify_ephemeral),
}
