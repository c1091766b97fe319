"""A server that is being created is found in Nova before the provider returns it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.rollout.ownership import STACK
from flakeship.targets.openstack.functions import FIND_SERVER, FindServerRequest, FoundServer
from flakeship.targets.openstack.servers import nova
from tests.targets.openstack.unit.fake_cloud import Cloud, server
from tests.targets.openstack.unit.test_hooks import about, failure

FOUND = FoundServer("s", "i")
OF_PROVIDER = FoundServer("s", "of the provider")


@pytest.fixture(autouse=True)
def unregistered(monkeypatch: pytest.MonkeyPatch) -> None:
    from components.openstack import creation  # noqa: PLC0415

    for name in ("ErrorHook", "ResourceHook"):
        monkeypatch.setattr(pulumi, name, lambda *given: given)
    monkeypatch.setattr(creation, "SOON", 0.001)
    monkeypatch.setattr(creation, "LATER", 0.001)


@dataclass
class Nova:
    """Answers in turn, the last one again and again."""

    answers: list[FoundServer | FlakeshipError]
    asked: list[object] = field(default_factory=list)

    async def __call__(self, name: str, request: object) -> Any:
        assert name == FIND_SERVER
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, FlakeshipError):
            raise answer
        return answer


OWN = {STACK: "dev"}


class Later:
    """An output, or the URN of a resource, that comes when it is set."""

    def __init__(self, value: str = "") -> None:
        self.value = asyncio.get_running_loop().create_future()
        if value:
            self.value.set_result(value)

    def future(self) -> Awaitable[str]:
        return self.value


class Resource:
    """What the provider makes."""

    def __init__(self) -> None:
        self.id, self.image_id, self.urn = Later(), Later(OF_PROVIDER.image), Later()


def running(work: Callable[[Resource, Any], Awaitable[None]], cloud: Nova) -> None:
    from components.openstack.creation import Creation  # noqa: PLC0415

    async def run() -> None:
        await work(Resource(), Creation(cloud, "fake", "dev", {"b", "a"}, set()))

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_server_is_known_before_the_provider_returns_it() -> None:
    cloud = Nova([FoundServer(), FoundServer(), FOUND])

    async def work(made: Resource, creation: Any) -> None:
        await creation._begin(about("web-1"))
        assert await creation._first("web-1", made, []) == FOUND
        assert cloud.asked == [FindServerRequest("fake", "dev", "web-1", ["a", "b"])] * 3

    running(work, cloud)


def test_one_that_is_there_already_is_not_looked_for() -> None:
    cloud = Nova([FOUND])

    async def work(made: Resource, creation: Any) -> None:
        made.id.value.set_result(OF_PROVIDER.id)
        assert await creation._first("web-1", made, []) == OF_PROVIDER
        await creation._begin(about("web-1"))  # too late
        await asyncio.sleep(0.01)
        assert not cloud.asked

    running(work, cloud)


def test_where_the_cloud_cannot_be_asked_the_provider_tells() -> None:
    async def work(made: Resource, creation: Any) -> None:
        await creation._begin(about("web-1"))
        first = asyncio.ensure_future(creation._first("web-1", made, []))
        await asyncio.sleep(0.01)
        assert not first.done()
        made.id.value.set_result(OF_PROVIDER.id)
        assert await first == OF_PROVIDER

    running(work, Nova([FlakeshipError("silent")]))


def test_it_is_not_handed_on_before_what_a_verification_needs() -> None:
    async def work(made: Resource, creation: Any) -> None:
        await creation._begin(about("web-1"))
        router = Resource()
        first = asyncio.ensure_future(creation._first("web-1", made, [router]))
        await asyncio.sleep(0.02)
        assert not first.done()
        router.urn.value.set_result("urn")
        assert await first == FOUND

    running(work, Nova([FOUND]))


def test_a_server_that_cannot_be_made_is_none() -> None:
    async def work(made: Resource, creation: Any) -> None:
        await creation._begin(about("web-1"))
        first = asyncio.ensure_future(creation._first("web-1", made, []))
        made.id.value.set_exception(RuntimeError("failed"))
        with pytest.raises(RuntimeError):
            await first

    running(work, Nova([FoundServer()]))


def test_an_attempt_that_fails_may_be_followed_by_another() -> None:
    async def again(made: Resource, creation: Any) -> None:
        first = await begun(made, creation)
        made.id.value.set_result(OF_PROVIDER.id)
        assert await first == OF_PROVIDER

    async def never(made: Resource, creation: Any) -> None:
        first = await begun(made, creation)
        made.id.value.set_exception(RuntimeError("failed"))
        with pytest.raises(RuntimeError):
            await first

    async def begun(made: Resource, creation: Any) -> asyncio.Future[FoundServer]:
        await creation._begin(about("web-1"))
        first: asyncio.Future[FoundServer]
        first = asyncio.ensure_future(creation._first("web-1", made, []))
        await asyncio.sleep(0.01)
        await creation._fail(of_server("web-1"))
        await asyncio.sleep(0.01)
        assert not first.done()
        return first

    for work in (again, never):
        running(work, Nova([FoundServer()]))


def test_the_reason_of_a_failure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", said.append)
    broken = FoundServer("s", "i", "web-1: is in ERROR in Nova: No valid host")

    async def unseen(_: Resource, creation: Any) -> None:
        assert await creation._fail(of_server("web-1")) is False
        assert said == [broken.failure]

    async def silent(_: Resource, creation: Any) -> None:
        await creation._fail(of_server("web-1"))
        assert "silent" in said[-1]

    running(unseen, Nova([broken]))
    running(silent, Nova([FlakeshipError("silent")]))


def of_server(name: str) -> pulumi.ErrorHookArgs:
    found = failure("ERROR")
    found.new_inputs = {"name": name}
    return found


@pytest.mark.parametrize(
    ("servers", "others", "found"),
    [
        ([], [], ""),
        (["s"], [], "s"),
        (["s"], ["s"], ""),
        (["old", "s"], ["old"], "s"),
    ],
)
def test_only_a_new_server_of_the_name_is_found(
    memory: Cloud,
    monkeypatch: pytest.MonkeyPatch,
    servers: list[str],
    others: list[str],
    found: str,
) -> None:
    monkeypatch.setattr(nova, "connected", lambda _: contextlib.nullcontext(memory))
    for number in servers:
        memory.put("servers", server(number, name="web-1", image={"id": "i"}, metadata=OWN))
    memory.put("servers", server("other", name="web-11", image={"id": "i"}, metadata=OWN))
    memory.put("servers", server("prod", name="web-1", metadata={STACK: "prod"}))
    memory.put("servers", server("theirs", name="web-1"))
    seen = nova.find_server(FindServerRequest("fake", "dev", "web-1", others))
    assert (seen.id, seen.image) == (found, "i" if found else "")


def test_a_server_in_error_is_found_with_its_fault(
    memory: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nova, "connected", lambda _: contextlib.nullcontext(memory))
    fault = {"message": "No valid host was found."}
    memory.put(
        "servers", server("s", name="web-1", status="ERROR", image="", fault=fault, metadata=OWN)
    )
    seen = nova.find_server(FindServerRequest("fake", "dev", "web-1", []))
    assert (seen.id, seen.image) == ("s", "")
    assert "No valid host" in seen.failure
