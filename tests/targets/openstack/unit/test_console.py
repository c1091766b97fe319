"""A server's console: what Nova shows, not yet, for a moment not, or never."""

import pytest
from keystoneauth1.exceptions import ConnectFailure, ConnectTimeout, ServiceUnavailable

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.servers.nova import Console
from flakeship.verify.console import tail
from tests.targets.openstack.unit.fake_cloud import Cloud


def test_the_console_of_nova(memory: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flakeship.targets.openstack.servers.nova.PACE", 0)
    console = Console(memory.compute, "server-1", "fake")
    memory.refuse("action", 409, "Guest does not have a console available.", times=1)
    assert console.read() == "Nova does not show it: Guest does not have a console available."
    memory.console = "\x1b[31mLinux\x1b[0m\r\n"
    assert console.read() == "Linux\n"
    memory.refuse("action", 503, "busy", times=1)
    assert console.read() == "Linux\n"
    assert console.name == "openstack --os-cloud fake console log show server-1"


@pytest.fixture
def console(memory: Cloud, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setattr("flakeship.targets.openstack.servers.nova.PACE", 0)
    return Console(memory.compute, "server-1", "fake")


@pytest.mark.parametrize("error", [ConnectFailure, ConnectTimeout, ServiceUnavailable])
def test_a_cloud_that_is_away_for_a_moment_is_asked_again(
    memory: Cloud, console: Console, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise error("nobody there")

    memory.console = "Linux"
    with monkeypatch.context() as patch:
        patch.setattr(rest, "call", away)
        assert console.read().startswith("Nova does not show it: nobody there")
    assert console.read() == "Linux"


@pytest.mark.parametrize("status", [401, 403, 501])
def test_a_console_that_is_never_shown_ends_the_wait(
    memory: Cloud, console: Console, status: int
) -> None:
    memory.refuse("action", status, "no")
    with pytest.raises(FlakeshipError) as raised:
        console.read()
    assert raised.value.code == "console-unavailable"
    assert raised.value.what == "Nova does not show it: no"
    assert raised.value.remedy.startswith("`openstack --os-cloud fake console log show server-1`")
    assert tail(console)[0].startswith("Nova does not show it: no")


def test_a_console_is_there_later_unless_its_server_is_gone(
    memory: Cloud, console: Console
) -> None:
    memory.refuse("action", 404, "there is none", times=9)
    assert console.read() == "Nova does not show it: there is none"
    del memory.things["servers"]["server-1"]
    with pytest.raises(FlakeshipError, match="there is none"):
        console.read()


def test_nova_is_asked_gently(memory: Cloud) -> None:
    console = Console(memory.compute, "server-1", "fake")
    assert [console.read() for _ in range(9)] == [""] * 9
    assert len(memory.calls) == 1
