"""The program of a stack, which begins before it has imported all of itself."""

from __future__ import annotations

import asyncio
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from pulumi.runtime.config import CONFIG

from flakeship.config.target import DEFAULT
from flakeship.config.text import is_stack_name
from flakeship.state import choice, project
from flakeship.system.files import read
from flakeship.targets import registry

from . import lifecycle, resource, states


def run() -> None:
    """Run the program of the selected stack."""
    lifecycle.run(program)


async def program() -> dict[str, Any]:
    """Declare everything that this stack is to be; the outputs for the next run and for people."""
    choice.refuse_other_checkout(os.environ, Path.cwd())
    project.refuse_without_provider(read(Path(project.FILE)), Path.cwd())
    upstream = CONFIG.get().get("flakeship:promoteFrom", "")
    # what is no name of a stack is refused with the other settings
    known = await states.read(upstream if is_stack_name(upstream) else "")
    spec = registry.spec(CONFIG.get().get("flakeship:target", DEFAULT))
    if spec.functions():
        # the provider imports what it needs while the program does
        resource.prepare(spec.name, "functions")
    stack = await asyncio.to_thread(import_module, f"{__package__}.stack")
    outputs: dict[str, Any] = await stack.deploy(spec, known)
    return outputs
