"""A verification of the most hostile guest ends, with clean words, and takes little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flakeship.model.sizes import MIB
from flakeship.model.text import LINE
from tests.unit.model.test_text import unsafe
from tests.unit.verify.machines import ED25519, RECORDED, block
from tests.unit.verify.test_verify import LOGIN

SSH = """#!/bin/sh
for word; do
  case $before in -E) log=$word ;; esac
  case $word in
    ControlPath=*) control=${word#ControlPath=} ;;
    ControlMaster=yes) master=1 ;;
  esac
  before=$word
done
flood() { head -c 64M /dev/zero | tr '\\0' "$1"; }
if [ "$master" ]; then
  flood b >&2
  cat "$LOGIN" >>"$log"
  head -c 7M /dev/zero | tr '\\0' l >>"$log"
  : >"$control"
  exec sleep 600
elif [ "$log" ]; then
  echo 'root@127.0.0.1: Permission denied (publickey).' >>"$log"
  exit 255
fi
case $word in
  "sh -c"*) cat "$PROBE" ;;
  nix-build*) printf '\\033]52;c;cm0gLXJm\\007\\r\\033[2Jpassed\\n'; exit 1 ;;
esac
flood o
flood e >&2
exit 1
"""
VERIFY = """
import socket, threading
from dataclasses import replace
from contextlib import contextmanager
from pathlib import Path
from flakeship.model.checks import Check
from flakeship.model.errors import FlakeshipError
from flakeship.verify import verify
from flakeship.verify.console import File
from tests.unit.verify.machines import REQUEST, ROUTE

def endless(port):
    while True:
        connection, _ = port.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()

def answer(connection):
    try:
        connection.sendall(b"SSH-2.0-x\\r\\n")
        while True: connection.sendall(b"HTTP/1.1 200 OK\\r\\n" + b"x" * 1048576)
    except OSError: pass

def listen():
    port = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=endless, args=(port,), daemon=True).start()
    return port.getsockname()[1]

class Open:
    @contextmanager
    def open(self): yield replace(ROUTE, ports={22: listen(), 80: listen()})

checks = [Check(name=f"own-{n}", run="true") for n in range(4)]
checks += [Check(name=f"web-{n}", http=80, contains="absent", timeout=1) for n in range(4)]
request = replace(REQUEST, checks=checks, deadline=60)
context = verify.VerificationContext(Open(), File(Path("console.log")))
try:
    verify.verify(request, [], context)
except FlakeshipError as error:
    print(error)
from tests.unit.system.memory import most; print(most())
"""


def test_memory_time_and_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    (tmp_path / "login").write_text(LOGIN)
    console = tmp_path / "console.log"
    console.write_text(block(ED25519))
    with console.open("r+b") as file:
        file.truncate(300 * MIB)
        file.seek(290 * MIB)
        file.write(block(ED25519).encode() + b"\x1b]0;" * 2 * MIB)
    monkeypatch.chdir(tmp_path)
    env = os.environ | {
        "PATH": f"{ssh.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "PROBE": str(RECORDED / "probe.txt"),
        "LOGIN": str(tmp_path / "login"),
    }
    done = subprocess.run(
        [sys.executable, "-c", VERIFY], env=env, capture_output=True, text=True, timeout=200,
        check=True,
    )  # fmt: skip
    *report, memory = done.stdout.splitlines()
    assert "checks failed" in report[0]
    assert any("own-3" in line and "exit code 1" in line for line in report)
    assert max(map(len, report)) <= LINE
    assert unsafe("\n".join(report)) == []
    assert "52;c" not in done.stdout
    print(f"{int(memory) // 1024} MiB")
    assert int(memory) * 1024 < 150 * MIB
    assert not (tmp_path / ".state").exists()
