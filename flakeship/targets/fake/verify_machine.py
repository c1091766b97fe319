"""The verification of a machine: every check passes, but for those that the settings fail."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from flakeship.model.evidence import Evidence
from flakeship.rollout.temporary import temporary
from flakeship.targets.fake.cloud import Object, changing, read
from flakeship.targets.fake.requests import VerifyMachineRequest
from flakeship.verify.checks.verdict import Failed, judge, refuse_failed
from flakeship.verify.verify import NOT_SERVING


def verify_machine(request: VerifyMachineRequest, on_failure: str = NOT_SERVING) -> Evidence:
    """Verify a machine through a temporary address, and return the evidence.

    Raises FlakeshipError (checks-failed) with what `on_failure` says that means.
    """
    stack, machine = request.owner.stack, request.verify.machine
    owner = request.owner.for_verification().of_this_checkout()

    def have() -> Object:
        with changing(stack) as cloud:  # what a killed run has left is used again
            return cloud.have("address", owner, uses=request.machine)

    def remove(address: Object) -> None:
        with changing(stack) as cloud:
            del cloud.objects[address.id]

    names = ["boot", *(f"port-{port.label}" for port in request.verify.ports)]
    names += [each.name for each in request.verify.checks]
    with temporary(have, remove) as address:
        found = read(stack).objects.get(request.machine)
        results = [judge(name, partial(check, name, request, found, address)) for name in names]
    refuse_failed(machine, results, details=[on_failure])
    at = datetime.now(UTC).isoformat(" ", "seconds")
    return Evidence(machine, request.verify.boot, [], 0.0, results, at)


def check(name: str, request: VerifyMachineRequest, machine: Object | None, via: Object) -> str:
    """One check of a machine; its evidence. Raises Failed."""
    if name in request.fail:
        raise Failed("the settings make it fail")
    if machine is None or machine.status != "running":
        raise Failed(f"{request.machine} is {machine.status if machine else 'gone'}")
    return f"at {via.id}"
