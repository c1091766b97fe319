"""A command resource that runs one of Flakeship's internal commands."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NotRequired, TypedDict, TypeVar

import pulumi
from pulumi_command import local

from flakeship.model import codec

T = TypeVar("T")


class CommandArgs(TypedDict):
    """The names of internal commands, and the variables that both read."""

    create: str
    environment: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    delete: NotRequired[str]


def _script(name: str) -> str:
    # the directory may have been reached by a symbolic link, and the environment may be one
    here, environment = Path.cwd().resolve(), Path(sys.prefix)
    environment = environment.parent.resolve() / environment.name
    if environment.is_relative_to(here):  # so that the state fits every checkout
        environment = environment.relative_to(here)
    words = [str(environment / "bin" / "python"), "-m", "flakeship", "internal", name]
    # in the place of the shell, so that it is the plugin's own child and gets its signals
    return f"exec {shlex.join(words)}"


def command(
    name: str, args: CommandArgs, opts: pulumi.ResourceOptions | None = None
) -> local.Command:
    """Run `create` when the resource is made and when its environment changes, `delete` at its end.

    What it is asked are variables: a preview shows each by its name. The command's standard output
    is one JSON object; what people read is on standard error. Where a user asks to replace it, the
    old one goes first: both are the same files.
    """
    return local.Command(
        name,
        create=_script(args["create"]),
        delete=_script(args["delete"]) if "delete" in args else None,
        environment=args["environment"],
        logging=local.Logging.STDERR,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True)),
    )


def answer(resource: local.Command, kind: type[T]) -> pulumi.Output[T]:
    """What a command has printed, as a value."""
    return resource.stdout.apply(lambda text: codec.parse(kind, text))
