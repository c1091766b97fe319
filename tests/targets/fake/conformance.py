"""What the target brings to the conformance suite: its real commands and its real file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from flakeship.model import codec
from flakeship.rollout.ownership import Owner
from flakeship.state.stack import Stack
from flakeship.targets.fake import cloud
from flakeship.targets.fake.resource_types import TYPES
from tests.conformance.case import Case
from tests.conformance.small_engine import STACK, Resource


class FakeCase:
    """See tests.conformance.case.Case."""

    settings: Mapping[str, Any] = {
        "servers": [
            {
                "name": "web",
                "ports": [{"port": 80, "protocol": "http"}],
                "checks": [{"name": "page", "http": 80}],
            },
            {"name": "db", "fake": {"bootSeconds": 0}},
        ],
        "fake": {"zone": "b"},
    }

    @property
    def commands(self) -> Mapping[str, Callable[[dict[str, Any]], object]]:
        made = {name: partial(create, name) for name in TYPES}
        return made | {f"{name}.delete": partial(delete, name) for name in TYPES}

    def provided(self, resource: Resource) -> Mapping[str, Any]:
        return {}

    def inventory(self, resources: Sequence[Resource]) -> cloud.Cloud:
        return cloud.read(STACK)

    def world(
        self, patch: pytest.MonkeyPatch, resources: Sequence[Resource]
    ) -> Callable[[], set[str]]:
        return lambda: set(cloud.read(STACK).objects)

    def orphan(self, stack: Stack) -> str:
        with cloud.changing(stack.name) as found:
            (image, *_) = found.of("image")
            made = found.create("machine", Owner(stack.name, "web"), "web-left", uses=image.id)
            made.created = datetime.now(UTC) - timedelta(hours=1)
        return made.id


def create(name: str, request: dict[str, Any]) -> object:
    """Make a resource as the provider does."""
    if name == "Image":  # the files of the examples are nowhere
        request = {**request, "artifact": {"files": []}}
    kind = TYPES[name]
    return codec.plain(kind.create(codec.parse(kind.request, json.dumps(request)), ""))


def delete(name: str, request: dict[str, Any]) -> None:
    """Remove one; `previous` in the request is its result."""
    kind, previous = TYPES[name], json.dumps(request.pop("previous"))
    if kind.delete:
        kind.delete(codec.parse(kind.request, json.dumps(request)), previous)


CASE: Case = FakeCase()
