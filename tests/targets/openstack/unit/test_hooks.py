"""Around the making of a server: what passes is waited out, nothing is replaced in place."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api.provider import PAUSES
from tests.targets.openstack.unit.test_provider import PORT, answered

URN = "urn:pulumi:dev::flakeship::openstack:compute/instance:Instance::server-web"


class Hook:
    """In the place of one that is registered with an engine."""

    def __init__(self, name: str, callback: Any, options: Any = None) -> None:
        self.name, self.callback, self.options = name, callback, options


@pytest.fixture(autouse=True)
def unregistered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ErrorHook", "ResourceHook"):
        monkeypatch.setattr(pulumi, name, Hook)


def failure(*errors: str, operation: str = "create") -> pulumi.ErrorHookArgs:
    return pulumi.ErrorHookArgs(
        URN, "", "port-web", PORT, failed_operation=operation, errors=[*errors]
    )


def about(name: str) -> pulumi.ResourceHookArgs:
    return pulumi.ResourceHookArgs(URN, "", "server-web", "t", new_inputs={"name": name})


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return found


def test_a_passing_fault_is_waited_out_and_ends(
    slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.openstack.hooks import passing_fault  # noqa: PLC0415

    again: Any = passing_fault().callback
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", said.append)
    busy = answered("POST", 503)
    asked = [asyncio.run(again(failure(*[busy] * n))) for n in range(1, len(PAUSES) + 2)]
    assert asked == [True] * len(PAUSES) + [False]
    assert slept == [*PAUSES]
    (line,) = said
    assert line.startswith("port-web: 503 for POST http")
    assert line.endswith("trying to create it again in 8 s")
    assert not asyncio.run(again(failure(answered("POST", 409))))
    # the newest error counts
    assert not asyncio.run(again(failure(answered("POST", 409), busy)))


def test_a_server_that_is_there_is_not_made_again() -> None:
    from components.openstack.hooks import no_second  # noqa: PLC0415

    hook: Any = no_second({"web-1"})
    hook.callback(about("web-2"))
    with pytest.raises(FlakeshipError) as raised:
        hook.callback(about("web-1"))
    assert (raised.value.code, raised.value.key) == ("replaced-in-place", "web-1")


def test_it_is_refused_in_a_preview_too() -> None:
    from components.openstack.hooks import no_second  # noqa: PLC0415

    assert no_second(set()).options.on_dry_run  # type: ignore[attr-defined]
