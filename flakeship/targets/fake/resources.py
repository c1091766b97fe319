"""The kinds of resources of the target, and their inputs, by the cloud's ids."""

from __future__ import annotations

from dataclasses import dataclass

from flakeship.model.release import Artifact
from flakeship.rollout.ownership import Owner
from flakeship.state.resources import Kind
from flakeship.verify.request import VerifyRequest

IMAGE = Kind("published", "Image")  # the subject is a release's name
MACHINE = Kind("machine", "Machine")  # the subject is its id
CUTOVER = Kind("cutover", "Cutover")  # the subject is a server's name


@dataclass(frozen=True)
class PublishRequest:
    """Have an image of these files. A lost one is published again, with the next number."""

    owner: Owner
    artifact: Artifact
    publication: int


@dataclass(frozen=True)
class MachineRequest:
    """Create a machine from an image, and wait until it runs."""

    owner: Owner
    name: str
    image: str
    boot_seconds: float


@dataclass(frozen=True)
class VerifyMachineRequest:
    """Verify a machine; the checks in `fail` fail."""

    owner: Owner
    machine: str
    fail: list[str]
    verify: VerifyRequest


@dataclass(frozen=True)
class CutoverRequest:
    """Move the address of the owner's server to a machine."""

    owner: Owner
    machine: str


@dataclass(frozen=True)
class Existing:
    """The result of a resource: an object that exists now. An address is its own id."""

    id: str
