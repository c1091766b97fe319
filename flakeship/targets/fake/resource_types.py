"""The types of the target's resources, and what makes and removes them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.nix.image_file import describe
from flakeship.rollout.ownership import temporary
from flakeship.targets.base import ResourceType
from flakeship.targets.fake.cloud import Object, changing, read
from flakeship.targets.fake.resources import (
    CutoverRequest,
    Existing,
    MachineRequest,
    PublishRequest,
    VerifyMachineRequest,
)
from flakeship.targets.image_gone import image_gone
from flakeship.verify.checks.verdict import Failed, judge, refuse_failed
from flakeship.verify.verify import NOT_SERVING


def publish_image(request: PublishRequest, _previous: str) -> Existing:
    """Have an image; one that a killed run has published is taken over.

    Raises FlakeshipError where a file is gone or has other bytes.
    """
    with changing(request.owner.stack) as cloud:
        if not cloud.of("image", request.owner):
            _check_files(request)
        return Existing(cloud.have("image", request.owner, name=request.owner.release).id)


def _check_files(request: PublishRequest) -> None:
    key = f"image {request.owner.release}"
    for file in request.artifact.files:
        path = Path(file.path)
        if not path.is_file():
            raise image_gone(path, key)
        if (found := describe(path).sha512) != file.sha512:
            raise FlakeshipError(
                f"{path} has changed since it was built",
                code="image-file-changed",
                key=key,
                given=f"sha512 {found[:16]}…",
                allowed=f"{file.sha512[:16]}…",
            )


def create_machine(request: MachineRequest, _previous: str) -> Existing:
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


def verify_machine(request: VerifyMachineRequest, on_failure: str = NOT_SERVING) -> Evidence:
    """Verify a machine through a temporary address. Raises FlakeshipError (checks-failed)."""
    stack, machine = request.owner.stack, request.verify.machine
    owner = request.owner.for_verification().of_this_checkout()

    def have() -> Object:
        with changing(stack) as cloud:  # what a killed run has left is used again
            return cloud.have("address", owner, uses=request.machine)

    def remove(address: Object) -> None:
        with changing(stack) as cloud:
            del cloud.objects[address.id]

    names = ["boot", *(f"port-{port.label}" for port in request.verify.ports if port.fixed)]
    names += [each.name for each in request.verify.checks]
    with temporary(have, remove) as address:
        found = read(stack).objects.get(request.machine)
        results = [judge(name, partial(_check, name, request, found, address)) for name in names]
    refuse_failed(machine, results, details=[on_failure])
    at = datetime.now(UTC).isoformat(" ", "seconds")
    return Evidence(machine, request.verify.boot, [], 0.0, results, at)


def _check(name: str, request: VerifyMachineRequest, machine: Object | None, via: Object) -> str:
    if name in request.fail:
        raise Failed("the settings make it fail")
    if machine is None or machine.status != "running":
        raise Failed(f"{request.machine} is {machine.status if machine else 'gone'}")
    return f"at {via.id}"


def cut_over(request: CutoverRequest, _previous: str) -> Existing:
    """Move the address of a server to a verified machine; a new server gets a new one."""
    with changing(request.owner.stack) as cloud:
        address = cloud.have("address", request.owner)
        address.uses = request.machine
    return Existing(address.id)


def delete(request: PublishRequest | MachineRequest | CutoverRequest, previous: str) -> None:
    """Delete what was created; its result has the id."""
    with changing(request.owner.stack) as cloud:
        cloud.objects.pop(codec.parse(Existing, previous).id, None)


TYPES: Mapping[str, ResourceType] = {
    "Image": ResourceType(PublishRequest, publish_image, delete),
    "Machine": ResourceType(MachineRequest, create_machine, delete),
    "Verification": ResourceType(VerifyMachineRequest, lambda request, _: verify_machine(request)),
    "Cutover": ResourceType(CutoverRequest, cut_over, delete),
}
