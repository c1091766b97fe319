"""The internal commands: a request on standard input, one JSON object on standard output.

Command resources run them as `python -m flakeship internal <command>`. A target's have the prefix
`<target>.`; only that target is imported. For people there is standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flakeship.model.errors import FlakeshipError
from flakeship.state import choice
from flakeship.system import log
from flakeship.system.interrupt import INTERRUPTED, install_signal_handlers
from flakeship.targets.base import Command

OTHER_VERSION = "a stack that was deployed by another version is destroyed by that version"


def core() -> Mapping[str, Command]:
    """The commands that belong to no target."""
    from flakeship.nix import build, store  # noqa: PLC0415

    return {
        "build-image": Command(build.BuildRequest, lambda request, _: build.build(request)),
        "release-image": Command(build.ForgetRequest, lambda request, _: store.drop(request.root)),
    }


def find(name: str) -> Command:
    """The command of a name. Raises FlakeshipError where there is none."""
    target, dot, own = name.partition(".")
    if dot:
        from flakeship.targets import registry  # noqa: PLC0415

        commands, prefix = registry.spec(target, "internal command").commands(), f"{target}."
    else:
        commands, own, prefix = core(), name, ""
    if own not in commands:
        raise FlakeshipError(
            "unknown internal command",
            code="command-unknown",
            given=name,
            allowed=", ".join(f"{prefix}{each}" for each in commands),
            remedy=OTHER_VERSION,
        )
    return commands[own]


def run(name: str, text: str) -> str:
    """Run a command on a request; what it prints. Raises FlakeshipError."""
    from flakeship.model import codec  # noqa: PLC0415

    command = find(name)
    asked = request(name, command.request, text)
    answer = command.run(asked, os.environ.get("PULUMI_COMMAND_STDOUT", ""))
    return "{}" if answer is None else codec.dump(answer)


def request(name: str, kind: type[Any], text: str) -> Any:  # noqa: ANN401
    """What a command of this name is asked. Raises FlakeshipError for a text of another version."""
    from pydantic import ValidationError  # noqa: PLC0415

    from flakeship.model import codec  # noqa: PLC0415

    try:
        return codec.parse(kind, text)
    except ValidationError as error:
        raise FlakeshipError(
            "its request cannot be read",
            code="state-unreadable",
            key=name,
            remedy=OTHER_VERSION,
            details=codec.faults(error),
        ) from error


def main(argv: Sequence[str]) -> int:
    """Run one command: exit code 0, 1 for a failure, 2 for wrong usage, 130 when interrupted."""
    log.configure()
    os.umask(0o077)  # data disks and console logs are for their owner alone
    install_signal_handlers()  # what was begun is undone
    if len(argv) != 1:
        print("usage: flakeship internal COMMAND < REQUEST", file=sys.stderr)
        return 2
    try:
        choice.refuse_other_checkout(os.environ, Path.cwd())
        print(run(argv[0], "" if sys.stdin.isatty() else sys.stdin.read()))
    except (FlakeshipError, OSError) as error:
        log.failure(error)
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{argv[0]}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0
