"""The types of the target's own resources, and what makes and removes them.

Each imports what it needs when it runs: the API's client takes its time.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Mapping

from flakeship.targets.base import ResourceType
from flakeship.targets.proxmox.requests import (
    Claimed,
    Cutover,
    CutoverRequest,
    MachineEvidence,
    OwnershipRequest,
    ProofRequest,
    Uploaded,
    UploadRequest,
    VerifyMachineRequest,
)


def _upload(request: UploadRequest, previous: str) -> Uploaded:
    from flakeship.targets.proxmox import uploads

    return uploads.upload(request, previous)


def _remove_upload(request: UploadRequest, previous: str) -> None:
    from flakeship.targets.proxmox import uploads

    uploads.remove(request, previous)


def _claim(request: OwnershipRequest, previous: str) -> Claimed:
    from flakeship.targets.proxmox import ownership

    return ownership.claim(request, previous)


def _remove(request: OwnershipRequest, _previous: str) -> None:
    from flakeship.targets.proxmox import ownership

    ownership.remove(request)


def _prove(request: ProofRequest, _previous: str) -> None:
    from flakeship.targets.proxmox import proof

    proof.prove(request)


def _verify(request: VerifyMachineRequest, previous: str) -> MachineEvidence:
    from flakeship.targets.proxmox.guest import verify_machine
    from flakeship.verify.verify import pinned_keys

    return verify_machine.verify_machine(request, pinned_keys(previous, request.machine))


def _cut_over(request: CutoverRequest, previous: str) -> Cutover:
    from flakeship.targets.proxmox.cutover import cutover

    return cutover.cut_over(request, previous)


def _remove_cutover(request: CutoverRequest, previous: str) -> None:
    from flakeship.targets.proxmox.cutover import cutover

    cutover.remove(request, previous)


TYPES: Mapping[str, ResourceType] = {
    "Upload": ResourceType(UploadRequest, _upload, _remove_upload),
    "Ownership": ResourceType(OwnershipRequest, _claim, _remove),
    "Proof": ResourceType(ProofRequest, _prove),
    "Verification": ResourceType(VerifyMachineRequest, _verify),
    "Cutover": ResourceType(CutoverRequest, _cut_over, _remove_cutover),
}
