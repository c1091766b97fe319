import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from flakeship.targets.local.qmp import Qmp, QmpError, connect

Message = Mapping[str, object]

GREETING: Message = {"QMP": {"version": {}, "capabilities": []}}
READY: Message = {"return": {}}


@contextmanager
def fake(*answers: Message | None, seconds: float = 5.0) -> Iterator[Qmp]:
    """A client of a server that sends one answer per command after those of the greeting.

    An answer may be a list of messages under `all`; None ends the conversation.
    """
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs, theirs.makefile("rw") as lines:
            print(json.dumps(GREETING), file=lines, flush=True)
            for answer in [READY, *answers]:
                lines.readline()
                if answer is None:
                    return
                every = answer.get("all", [answer])
                assert isinstance(every, list)
                for message in every:
                    print(json.dumps(message), file=lines, flush=True)
            lines.readline()

    thread = threading.Thread(target=serve)
    thread.start()
    with ours:
        yield Qmp(ours, "web-aaaa-1", seconds)
    thread.join()


def test_answers_and_events() -> None:
    deleted = {"event": "DEVICE_DELETED", "data": {"device": "disk-pg", "path": "/x"}}
    other = {"event": "DEVICE_DELETED", "data": {"device": "disk-other"}}
    with fake(
        {"all": [other, {"return": {"status": "running"}}]}, {"all": [READY, deleted]}
    ) as monitor:
        assert monitor.execute("query-status") == {"status": "running"}
        assert monitor.execute("device_del", id="disk-pg") == {}
        monitor.wait("DEVICE_DELETED", 5, device="disk-pg")


def test_an_event_may_come_before_the_answer() -> None:
    deleted = {"event": "DEVICE_DELETED", "data": {"device": "disk-pg"}}
    with fake({"all": [deleted, READY]}) as monitor:
        monitor.execute("device_del", id="disk-pg")
        monitor.wait("DEVICE_DELETED", 0.1, device="disk-pg")
        with pytest.raises(QmpError, match="did not answer in time"):
            monitor.wait("DEVICE_DELETED", 0.05, device="disk-pg")


def test_a_refusal_has_its_class_and_words() -> None:
    refusal = {"error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}}
    with fake(refusal) as monitor, pytest.raises(QmpError) as caught:
        monitor.execute("device_del", id="x")
    assert (caught.value.code, caught.value.key) == ("qemu-failed", "web-aaaa-1")
    assert caught.value.kind == "DeviceNotFound"
    assert "Device 'x' not found" in caught.value.what


def test_the_human_monitor() -> None:
    with fake({"return": "said\r\n"}) as monitor:
        assert monitor.human("info usernet") == "said"


def test_an_end_and_a_silence_are_told_apart() -> None:
    with fake(None) as monitor, pytest.raises(QmpError) as caught:
        monitor.execute("quit")
    assert caught.value.kind == "gone"
    with fake({"all": []}, seconds=0.1) as monitor, pytest.raises(QmpError) as caught:
        monitor.execute("query-status")
    assert caught.value.kind == "timeout"


def test_nobody_listens(tmp_path: Path) -> None:
    directory = tmp_path / "web-aaaa-1"
    for what in ("there is no directory", "no QEMU runs in"):
        with pytest.raises(QmpError) as caught, connect(directory):
            pass
        assert (caught.value.key, caught.value.kind) == ("web-aaaa-1", "gone")
        assert caught.value.what == f"{what} {directory}"
        directory.mkdir(exist_ok=True)
