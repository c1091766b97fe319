"""A command resource that runs one of Flakeship's own verbs."""

from __future__ import annotations

import pulumi
from pulumi_command import local

# Relative, so that the state does not depend on where the checkout lies.
INTERPRETER = [".venv/bin/python", "-m", "flakeship"]


def command_resource(
    name: str,
    create: str,
    request: pulumi.Input[str],
    delete: str | None = None,
    opts: pulumi.ResourceOptions | None = None,
) -> local.Command:
    """Run `create` when the resource is made and when its request changes, `delete` at its end.

    The request is JSON on standard input: argv shows up in process lists, and needs no quoting
    here. The verb's standard output is one JSON object; what people read is on standard error.
    Where a user asks to replace it, the old one goes first: both are the same files.
    """
    return local.Command(
        name,
        create=create,
        delete=delete,
        stdin=request,
        interpreter=INTERPRETER,
        logging=local.Logging.STDERR,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(delete_before_replace=True)),
    )
