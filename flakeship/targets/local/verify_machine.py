"""The verification of a machine on the workstation, through its forwarded ports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flakeship.model.evidence import Evidence
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.local.requests import VerifyMachineRequest
from flakeship.verify import verify
from flakeship.verify.console import File
from flakeship.verify.request import Route
from flakeship.verify.verify import NOT_SERVING, VerificationContext


@dataclass(frozen=True)
class ForwardedPorts:
    """The access to a machine whose ports QEMU forwards."""

    request: VerifyMachineRequest

    @contextmanager
    def open(self) -> Iterator[Route]:
        """The route, which needs nothing."""
        yield route(self.request)


def route(request: VerifyMachineRequest) -> Route:
    """The route through the forwarded ports."""
    return Route(LOOPBACK, request.ports, request.subnet, own=False)


def verify_machine(
    request: VerifyMachineRequest, pinned: Sequence[str], on_failure: str = NOT_SERVING
) -> Evidence:
    """Verify a running machine; as verify.verify."""
    console = File(Path(request.console))
    context = VerificationContext(ForwardedPorts(request), console, on_failure=on_failure)
    return verify.verify(request.verify, pinned, context)
