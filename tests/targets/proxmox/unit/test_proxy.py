"""Behind a proxy everything takes it: calls, consoles, and the looks at the certificate."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.api import client, plugin_trust, stream, tls
from flakeship.targets.proxmox.api.login import Login
from tests.targets.proxmox.unit.cluster import Cluster, certificate, running

ENDPOINT = "https://pve1.example.com:8006"
"""A name that the proxy alone can resolve."""


class Proxy:
    """Leads to one port, whatever it is asked for, and keeps that."""

    def __init__(self, port: int) -> None:
        self.asked: list[str] = []
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):  # a test has closed it
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                asker, _ = self._server.accept()
            except OSError:
                return
            with asker.makefile("rb") as lines:
                self.asked.append(lines.readline().split()[1].decode())
                while lines.readline().strip():
                    pass
            asker.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            far = socket.create_connection(("127.0.0.1", self._to))
            for one, other in ((asker, far), (far, asker)):
                threading.Thread(target=_pass, args=(one, other), daemon=True).start()


def _pass(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return
    finally:
        one.close()


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Cluster]:
    with running(certificate(tmp_path, "DNS:pve1.example.com")) as found:
        found.get("version", {"version": "9.2.11"})
        yield found


@pytest.fixture
def proxy(far: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    made = Proxy(far.port)
    for name in ("http_proxy", "no_proxy", "NO_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", made.url)
    yield made
    made.close()


def call(login: Login) -> None:
    with client.connected(login) as api:
        assert api.get(dict[str, str], "version")["version"] == "9.2.11"


def console(login: Login) -> None:
    """It answers no websocket, and so it has been reached."""
    with pytest.raises(FlakeshipError) as caught, stream.opened(login, "version"):
        pass
    assert caught.value.code != "api-unreachable"


def look(login: Login) -> None:
    assert tls.presented(login.endpoint).count(":") == 31


def trust(login: Login) -> None:
    plugin_trust.ensure(login, "dev")


@pytest.mark.parametrize("way", [call, console, look, trust])
def test_each_takes_it(
    far: Cluster, proxy: Proxy, way: Callable[[Login], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = str(far.certificate)
    monkeypatch.setenv(plugin_trust.VARIABLE, authority)
    way(Login(ENDPOINT, "iac@pve!ci", "iac@pve!ci=secret", ca_file=authority))
    assert set(proxy.asked) == {"pve1.example.com:8006"}


def test_a_host_that_is_an_exception_is_reached_directly(
    far: Cluster, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert tls.presented(far.login().endpoint)
    assert proxy.asked == []


def test_a_proxy_that_is_gone_is_told(proxy: Proxy, far: Cluster) -> None:
    proxy.close()
    login = Login(ENDPOINT, "iac@pve!ci", "iac@pve!ci=secret", ca_file=str(far.certificate))
    assert tls.presented(ENDPOINT) == ""
    with pytest.raises(FlakeshipError) as caught:
        plugin_trust.ensure(login, "dev")
    assert caught.value.code == "api-unreachable"
