"""The internal commands of the target: what its command resources run."""

from __future__ import annotations

import time
from collections.abc import Mapping

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.targets.base import Command
from flakeship.targets.fake.cloud import changing
from flakeship.targets.fake.requests import (
    CutoverRequest,
    Existing,
    MachineRequest,
    PublishRequest,
    VerifyMachineRequest,
)
from flakeship.targets.fake.verify_machine import verify_machine


def publish_image(request: PublishRequest, _printed: str) -> Existing:
    """Have an image; one that a killed run has published is taken over."""
    with changing(request.owner.stack) as cloud:
        return Existing(cloud.have("image", request.owner, name=request.owner.release).id)


def create_machine(request: MachineRequest, _printed: str) -> Existing:
    """Create a machine and wait until it runs. Raises FlakeshipError where its image is gone."""
    name, image = request.name, request.image
    with changing(request.owner.stack) as cloud:
        if image not in cloud.objects:
            raise FlakeshipError("its image is gone", code="image-missing", key=name, given=image)
        made = cloud.create("machine", request.owner, name, uses=image, status="starting")
    time.sleep(request.boot_seconds)
    with changing(request.owner.stack) as cloud:
        cloud.objects[made.id].status = "running"
    return Existing(made.id)


def cut_over(request: CutoverRequest, _printed: str) -> Existing:
    """Move the address of a server to a verified machine; a new server gets a new one."""
    with changing(request.owner.stack) as cloud:
        address = cloud.have("address", request.owner)
        address.uses = request.machine
    return Existing(address.id)


def delete(request: PublishRequest | MachineRequest | CutoverRequest, printed: str) -> None:
    """Delete what a command has created; what that printed has the id."""
    with changing(request.owner.stack) as cloud:
        cloud.objects.pop(codec.parse(Existing, printed).id, None)


COMMANDS: Mapping[str, Command] = {
    "publish-image": Command(PublishRequest, publish_image),
    "withdraw-image": Command(PublishRequest, delete),
    "create-machine": Command(MachineRequest, create_machine),
    "delete-machine": Command(MachineRequest, delete),
    "verify-machine": Command(VerifyMachineRequest, lambda request, _: verify_machine(request)),
    "cutover": Command(CutoverRequest, cut_over),
    "release-address": Command(CutoverRequest, delete),
}
