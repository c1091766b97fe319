"""A server's console: what Nova shows, not yet, for a moment not, or never."""

import pytest
from keystoneauth1.exceptions import ConnectFailure, ConnectTimeout, ServiceUnavailable

from flakeship.model.errors import FlakeshipError
from flakeship.targets.openstack.api import rest
from flakeship.targets.openstack.servers.console import Console
from flakeship.verify.console import tail
from tests.targets.openstack.unit.small_cloud import SmallCloud


def test_the_console_of_nova(small: SmallCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flakeship.targets.openstack.servers.console.PACE", 0)
    console = Console(small, "server-1", "fake")  # type: ignore[arg-type]
    small.refusals = {"action": (1, 409, "Guest does not have a console available.")}
    assert console.read() == "Nova does not show it: Guest does not have a console available."
    small.console = "\x1b[31mLinux\x1b[0m\r\n"
    assert console.read() == "Linux\n"
    small.refusals = {"action": (1, 503, "busy")}
    assert console.read() == "Linux\n"
    assert console.name == "openstack --os-cloud fake console log show server-1"
    assert console.truncated


@pytest.fixture
def console(small: SmallCloud, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setattr("flakeship.targets.openstack.servers.console.PACE", 0)
    return Console(small, "server-1", "fake")  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [ConnectFailure, ConnectTimeout, ServiceUnavailable])
def test_a_cloud_that_is_away_for_a_moment_is_asked_again(
    small: SmallCloud, console: Console, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise error("nobody there")

    small.console = "Linux"
    with monkeypatch.context() as patch:
        patch.setattr(rest, "ask", away)
        assert console.read().startswith("Nova does not show it: nobody there")
    assert console.read() == "Linux"


@pytest.mark.parametrize("status", [401, 403, 501])
def test_a_console_that_is_never_shown_ends_the_wait(
    small: SmallCloud, console: Console, status: int
) -> None:
    small.refusals = {"action": (2, status, "no")}
    with pytest.raises(
        FlakeshipError, match="Nova does not show it: no; `openstack --os-cloud fake console log"
    ):
        console.read()
    assert tail(console)[0].startswith("Nova does not show it: no")


def test_a_console_is_there_later_unless_its_server_is_gone(
    small: SmallCloud, console: Console
) -> None:
    small.refusals = {"action": (9, 404, "there is none")}
    assert console.read() == "Nova does not show it: there is none"
    del small.things["servers"]["server-1"]
    with pytest.raises(FlakeshipError, match="there is none"):
        console.read()


def test_nova_is_asked_gently(small: SmallCloud) -> None:
    console = Console(small, "server-1", "fake")  # type: ignore[arg-type]
    assert [console.read() for _ in range(9)] == [""] * 9
    assert len(small.calls) == 1
