"""The process that forks one process for each operation, and that process.

A fork has all that is imported already, and starts within milliseconds. It can be interrupted as
any command can, and an operation that goes wrong takes nothing else with it. The server has one
thread and speaks no gRPC: a fork of a process with threads may find a lock that nobody releases.

It gets a socket for each operation, on which lines of JSON go: the operation in; `pid`, `log`,
and one of `result` and `error` out. Where the socket to the server closes, however its
owner ended, the server interrupts all operations and ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback

from flakeship.model.text import lines
from flakeship.system.interrupt import INTERRUPTED, ignore_signals, interrupt_once

PR_SET_PDEATHSIG = 1  # linux/prctl.h
SECONDS = 10.0  # that an operation has to undo what it has begun


def start() -> socket.socket:
    """Fork the server; the socket that it is reached by. To be called before any thread starts."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    if os.fork():
        theirs.close()
        return ours
    ours.close()
    try:
        _serve(theirs)
    except BaseException:  # noqa: BLE001 - never go on as what was forked
        traceback.print_exc()
    finally:
        os._exit(0)


def _serve(control: socket.socket) -> None:
    # the engine interrupts, and kills, the group of its plugin; it ends by its socket alone
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # the pipes to the engine are the provider's: it waits until nobody has them
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    os.close(nothing)
    from flakeship.provider import operations  # noqa: PLC0415, F401 - before it is needed

    running: set[int] = set()
    prepared: set[str] = set()
    while True:
        asked, fds, *_ = socket.recv_fds(control, 256, 1)
        _reap(running)
        if not asked:
            break
        if (what := asked.decode()) not in prepared:
            prepared.add(what)
            _prepare(what)
        for fd in fds:
            os.set_inheritable(fd, False)
            channel = socket.socket(fileno=fd)
            try:
                running.add(_fork(channel, control))
            except OSError as error:  # of this operation alone
                with contextlib.suppress(OSError):
                    text = f"no process for it: {error.strerror}. Run `pulumi up` again"
                    channel.sendall(json.dumps({"error": text}).encode() + b"\n")
                channel.close()
    _end(running)


def _prepare(what: str) -> None:
    """`what` is the name of a target, and what of it is needed."""
    from flakeship.provider import operations  # noqa: PLC0415

    # the operation itself tells what is wrong
    with contextlib.suppress(Exception):
        target, needed = what.split()
        operations.preload(target, "functions" if needed == "functions" else "operations")
    gc.freeze()  # a fork shares these pages as long as nobody counts what is on them


def _fork(channel: socket.socket, control: socket.socket) -> int:
    server = os.getpid()
    pid = os.fork()
    if pid:
        channel.close()
        return pid
    code = 1
    try:
        control.close()
        os.setpgid(0, 0)
        _end_with(server)
        code = _operate(channel)
    except BaseException:  # noqa: BLE001 - never go on as what was forked
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        # threads that still wait for a server are not waited for
        os._exit(code)


def _end_with(server: int) -> None:
    """Be interrupted where the server is killed, as the engine does after a second ^C."""
    # the death of its only thread is its own
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))
    if os.getppid() != server:
        os._exit(INTERRUPTED)


def _operate(channel: socket.socket) -> int:
    from flakeship.model.errors import FlakeshipError  # noqa: PLC0415
    from flakeship.provider import operations  # noqa: PLC0415
    from flakeship.system import log  # noqa: PLC0415

    interrupt_once()  # what was begun is undone
    stream, lock = channel.makefile("rw", encoding="utf-8"), threading.Lock()

    def send(**message: object) -> None:
        with lock:
            stream.write(json.dumps(message) + "\n")
            stream.flush()

    def tell(line: str, level: int) -> None:
        with contextlib.suppress(OSError):  # where nobody listens any more, it still undoes
            send(log=line, level=level)

    try:
        send(pid=os.getpid())
        operation = operations.Operation(**json.loads(stream.readline()))
        with log.cleaned(stdout=True):
            log.configure_sent(tell)
            try:
                with operations.logins(operation) as logged_in:
                    result = operations.run(operation)
                    ignore_signals()  # what has been made belongs into the state
                    send(result=result, logins=logged_in())
            except (FlakeshipError, OSError) as error:
                log.failure(error)
                send(error=lines(str(error)))
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            send(error="interrupted")
        return INTERRUPTED
    except Exception:  # noqa: BLE001 - a fault of ours, whose text may be a guest's
        send(error=lines(traceback.format_exc()))
        return 1
    return 0


def _reap(running: set[int]) -> None:
    """Forget what has ended: a number that is not waited for is not given to another process."""
    for pid in [*running]:
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
        running.discard(pid)


def _end(running: set[int]) -> None:
    """Interrupt what runs, and kill what has not ended in time."""
    last = time.monotonic() + SECONDS
    _signal(running, signal.SIGINT)
    while running and time.monotonic() < last:
        _reap(running)
        time.sleep(0.05)
    _signal(running, signal.SIGKILL)


def _signal(running: set[int], number: int) -> None:
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)
