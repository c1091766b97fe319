"""The channel to a guest agent: whatever is on it, an answer is the answer to its question."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dev.proxmox import guests
from dev.proxmox.errors import PveError
from dev.proxmox.guests import SILENT, Qemu
from dev.proxmox.network import Network
from dev.proxmox.site import RANGE

VMID = 100
STALE = {"return": {"of": "another question"}}


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Qemu:
    monkeypatch.setattr(guests, "AGENT_SECONDS", 0.5)
    (tmp_path / str(VMID)).mkdir()
    return Qemu(tmp_path, Network(tmp_path, "none", RANGE), lambda _, volid: Path(volid))


@contextmanager
def agent(folder: Path, answers: dict[str, Any]) -> Iterator[None]:
    """An agent that knows some commands and is silent to others; an old answer comes first."""

    def serve(listening: socket.socket) -> None:
        channel, _ = listening.accept()
        with channel, channel.makefile("rb") as lines:
            channel.sendall(json.dumps(STALE).encode() + b"\n")
            for line in lines:
                asked = json.loads(line)
                known = {"guest-sync": {"return": asked["arguments"].get("id")}} | answers
                if answer := known.get(asked["execute"]):
                    channel.sendall(json.dumps(answer).encode() + b"\n")

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / str(VMID) / "qga.sock"))
        listening.listen()
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield
        thread.join()


def test_an_old_answer_is_not_taken_for_the_new_one(qemu: Qemu, tmp_path: Path) -> None:
    with agent(tmp_path, {"guest-ping": {"return": {}}}):
        assert qemu.agent(VMID, "guest-ping") == {}


def test_a_refusal_is_repeated(qemu: Qemu, tmp_path: Path) -> None:
    refusal = {"error": {"class": "GenericError", "desc": "no such file"}}
    with (
        agent(tmp_path, {"guest-file-open": refusal}),
        pytest.raises(PveError, match="Agent error: no such file"),
    ):
        qemu.agent(VMID, "guest-file-open", path="/nothing")


def test_silence_is_an_agent_that_does_not_run(qemu: Qemu, tmp_path: Path) -> None:
    with agent(tmp_path, {}), pytest.raises(PveError, match=SILENT):
        qemu.agent(VMID, "guest-ping")


def test_no_socket_is_an_agent_that_does_not_run(qemu: Qemu) -> None:
    with pytest.raises(PveError, match=SILENT):
        qemu.agent(VMID, "guest-ping")
