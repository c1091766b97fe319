"""The target's functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flakeship.targets.base import Function
from flakeship.targets.fake.cloud import Cloud, read

INSPECT = "inspect"


@dataclass(frozen=True)
class InspectRequest:
    """Inspect the cloud of a stack."""

    stack: str


FUNCTIONS: Mapping[str, Function] = {
    INSPECT: Function(InspectRequest, Cloud, lambda request: read(request.stack))
}
