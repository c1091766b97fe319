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


def _publish_image(request: PublishRequest, printed: str) -> Published:
    from flakeship.targets.openstack.images import publish  # noqa: PLC0415

    return publish.publish(request, publish.previous_publication(printed, request.name))


def _withdraw_image(request: PublishRequest, printed: str) -> None:
    from flakeship.targets.openstack.images import publish  # noqa: PLC0415

    publish.withdraw(request, publish.previous_publication(printed, request.name))


def _set_image_visibility(request: VisibilityRequest, _printed: str) -> None:
    from flakeship.targets.openstack.images import publish  # noqa: PLC0415

    publish.set_visibility(request)


def _verify_server(request: VerifyServerRequest, printed: str) -> Evidence:
    from flakeship.targets.openstack.servers import verify_server  # noqa: PLC0415
    from flakeship.verify.verify import pinned_keys  # noqa: PLC0415

    return verify_server.verify_server(request, pinned_keys(printed, request.machine))


def _verify_ephemeral(request: EphemeralRequest, _printed: str) -> Evidence:
    from flakeship.targets.openstack.servers import ephemeral  # noqa: PLC0415

    return ephemeral.verify_ephemeral(request)


COMMANDS: Mapping[str, Command] = {
    "publish-image": Command(PublishRequest, _publish_image),
    "withdraw-image": Command(PublishRequest, _withdraw_image),
    "set-image-visibility": Command(VisibilityRequest, _set_image_visibility),
    "verify-server": Command(VerifyServerRequest, _verify_server),
    "verify-ephemeral": Command(EphemeralRequest, _verify_ephemeral),
}
