"""A command resource that runs one of Flakeship's internal commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NotRequired, TypedDict, TypeVar

import pulumi
from pulumi_command import local

from flakeship.model import codec

T = TypeVar("T")


class CommandArgs(TypedDict):
    """The names of internal commands, and a request for both: a value of the type they read."""

    create: str
    request: pulumi.Input[Any]
    delete: NotRequired[str]


def _interpreter() -> list[str]:
    # the directory may have been reached by a symbolic link, and the environment may be one
    here, environment = Path.cwd().resolve(), Path(sys.prefix)
    environment = environment.parent.resolve() / environment.name
    if environment.is_relative_to(here):  # so that the state fits every checkout
        environment = environment.relative_to(here)
    return [str(environment / "bin" / "python"), "-m", "flakeship", "internal"]


def command(
    name: str, args: CommandArgs, opts: pulumi.ResourceOptions | None = None
) -> local.Command:
    """Run `create` when the resource is made and when its request changes, `delete` at its end.

    The request becomes JSON on standard input: argv shows up in process lists, and needs no quoting
    here. The command's standard output is one JSON object; what people read is on standard error.
    Where a user asks to replace it, the old one goes first: both are the same files.
    """
    return local.Command(
        name,
        create=args["create"],
        delete=args.get("delete"),
        stdin=pulumi.Output.from_input(args["request"]).apply(codec.dump),
        interpreter=_interpreter(),
        logging=local.Logging.STDERR,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True)),
    )


def answer(resource: local.Command, kind: type[T]) -> pulumi.Output[T]:
    """What a command has printed, as a value."""
    return resource.stdout.apply(lambda text: codec.parse(kind, text))
