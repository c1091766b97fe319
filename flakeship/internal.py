"""The internal commands: one JSON object on standard output, for people there is standard error.

The command resources of images run them as `python -m flakeship internal <command>`, with a request
in their environment; everything else is a resource of Flakeship's own provider.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flakeship.model.errors import FlakeshipError
from flakeship.state import choice
from flakeship.system import log
from flakeship.system.interrupt import INTERRUPTED, install_signal_handlers


@dataclass(frozen=True)
class Command:
    """An internal command: `run` gets its environment, or its standard input, as `request`.

    It returns what is printed: a dataclass, or None for an empty object.
    """

    request: type[Any]
    run: Callable[[Any], object]
    stdin: bool = False


def commands() -> Mapping[str, Command]:
    """All of them, by name."""
    from flakeship.nix import build, image_store, store  # noqa: PLC0415
    from flakeship.provider import operations  # noqa: PLC0415

    return {
        "build-image": Command(build.BuildRequest, build.build),
        "remove-gc-roots": Command(
            build.ForgetRequest, lambda request: store.drop(request.gc_root)
        ),
        "store-image": Command(image_store.StoreImageRequest, image_store.store_image),
        # one by hand, without an engine
        "operate": Command(operations.Operation, operations.run, stdin=True),
    }


def find(name: str) -> Command:
    """The command of a name. Raises FlakeshipError where there is none."""
    from flakeship.provider.operations import OTHER_VERSION  # noqa: PLC0415

    known = commands()
    if name not in known:
        raise FlakeshipError(
            "unknown internal command",
            code="command-unknown",
            given=name,
            allowed=", ".join(known),
            remedy=OTHER_VERSION,
        )
    return known[name]


def run(name: str) -> str:
    """Run a command; what it prints. Raises FlakeshipError, also for another version's request."""
    from flakeship.model import codec  # noqa: PLC0415

    command = find(name)
    given = sys.stdin.read() if command.stdin and not sys.stdin.isatty() else os.environ
    answer = command.run(request(name, given))
    return "{}" if answer is None else codec.dump(answer)


def request(name: str, given: str | Mapping[str, str]) -> Any:  # noqa: ANN401
    """What a command is asked, by JSON or by variables. Raises FlakeshipError for any other."""
    from flakeship.model import codec  # noqa: PLC0415
    from flakeship.provider import operations  # noqa: PLC0415

    kind = find(name).request

    def read() -> Any:  # noqa: ANN401
        if isinstance(given, str):
            return codec.parse(kind, given)
        return codec.from_variables(kind, given)

    return operations.read(read, name, "request")


def main(argv: Sequence[str]) -> int:
    """Run one command: exit code 0, 1 for a failure, 2 for wrong usage, 130 when interrupted."""
    log.configure()
    os.umask(0o077)  # data disks and console logs are for their owner alone
    install_signal_handlers()  # what was begun is undone
    if len(argv) != 1:
        print("usage: flakeship internal COMMAND", file=sys.stderr)
        return 2
    try:
        choice.refuse_other_checkout(os.environ, Path.cwd())
        print(run(argv[0]))
    except (FlakeshipError, OSError) as error:
        log.failure(error)
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{argv[0]}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0
