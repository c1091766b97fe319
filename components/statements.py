"""The program of the stack that keeps the statements about releases: it only adds some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flakeship.model import codec
from flakeship.model.statement import Statements
from flakeship.state import statements
from flakeship.system.files import read

from . import lifecycle, resource


def run() -> None:
    """Run it in a directory that flakeship.state.statements has made."""
    lifecycle.run(program)


async def program() -> dict[str, Any]:
    """The outputs: the statements that there were, and those of the file."""
    await resource.begun()
    recorded = await resource.recorded()
    before = recorded["outputs"] if recorded else {}
    more = codec.parse(Statements, read(Path(statements.FILE)))
    # what a newer version has put there stays
    return {**before, **codec.plain(statements.read(before).with_more(more))}
