import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

import pytest

from flakeship.ssh import banner
from flakeship.ssh.banner import await_banner
from flakeship.ssh.errors import UnreachableError
from tests.unit.verify.machines import says, server, silent, slirp

Answer = Callable[[socket.socket], object]
SSH = b"SSH-2.0-x\r\n"


@contextmanager
def keeping(*answers: Answer) -> Iterator[tuple[int, list[socket.socket]]]:
    """A port whose connections get these answers in turn, the last for all others; all stay open.

    Yields the connections that there were, too.
    """
    accepted: list[socket.socket] = []
    with ExitStack() as opened, socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection = opened.enter_context(listening.accept()[0])
                except OSError:
                    return
                accepted.append(connection)
                answers[min(len(accepted), len(answers)) - 1](connection)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], accepted
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def nothing(_: socket.socket) -> None:
    pass


def says_ssh(connection: socket.socket) -> None:
    connection.sendall(SSH)


def test_beside_a_silent_connection_another_one_is_opened() -> None:
    """QEMU has accepted the first one for a guest that had no network yet."""
    with keeping(nothing, nothing, says_ssh) as (port, accepted):
        await_banner("127.0.0.1", port, 60)
        assert len(accepted) == 3


def test_the_first_connection_may_answer_late() -> None:
    first: list[socket.socket] = []

    def late(_: socket.socket) -> None:
        says_ssh(first[0])

    with keeping(first.append, late) as (port, accepted):
        await_banner("127.0.0.1", port, 60)
        assert len(accepted) == 2


def test_a_refusal_is_followed_by_another_attempt() -> None:
    with keeping(lambda refused: refused.shutdown(socket.SHUT_RDWR), says_ssh) as (port, accepted):
        await_banner("127.0.0.1", port, 60)
        assert len(accepted) == 2


def test_silent_connections_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banner, "SILENT", 0.01)
    monkeypatch.setattr(banner, "MOST", 0.01)
    open_at_the_end: list[int] = []

    def last(connection: socket.socket) -> None:
        open_at_the_end.append(sum(map(_is_open, accepted[:-1])))
        says_ssh(connection)

    with keeping(*[nothing] * 2 * banner.KEPT, last) as (port, accepted):
        await_banner("127.0.0.1", port, 60)
    assert open_at_the_end[0] < banner.KEPT


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True


@pytest.mark.parametrize("pieces", [(SSH,), (b"S", b"SH-2.0-x\r\n")])
def test_the_beginning_of_the_line_is_enough(pieces: tuple[bytes, ...]) -> None:
    with server(says(*pieces)) as port:
        await_banner("127.0.0.1", port, 60)


@pytest.mark.parametrize(
    ("behave", "message"),
    [
        (slirp, "it closed the connection"),
        (silent, "silence for 0 s"),
        (says(b"HTTP/1.1 200 OK\r\n"), "it says b'HTTP/1.1"),
    ],
)
def test_what_is_wrong_with_an_open_port(behave: Answer, message: str) -> None:
    seen: list[str] = []
    with server(behave) as port, pytest.raises(UnreachableError, match=message):
        await_banner("127.0.0.1", port, 0.3, seen.append)
    assert seen


def test_a_refused_port() -> None:
    with pytest.raises(UnreachableError, match="refused"):
        await_banner("127.0.0.1", 1, 0.2)


def test_an_address_that_cannot_be_tried() -> None:
    with pytest.raises(UnreachableError) as raised:
        await_banner("255.255.255.255", 22, 0.2)
    assert "timed out" not in raised.value.what


def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UnreachableError, match="not known"):
        await_banner("web.invalid", 22, 60)


def test_each_address_of_a_name_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    with keeping(says_ssh) as (port, _):

        def both(*_: object, **__: object) -> list[object]:
            stream = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
            return [(*stream, ("127.0.0.1", 1)), (*stream, ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", both)
        await_banner("web", 22, 60)
