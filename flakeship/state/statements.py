"""Statements about releases, kept as the outputs of a stack of their own (decision 0023).

The stack has no resources, and its outputs only grow: a run of it, which Pulumi's lock keeps apart
from others, writes what there was and more. It is in the same backend as the stacks that read it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

import flakeship
from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.statement import Statements
from flakeship.model.text import last_lines
from flakeship.state import choice, locks
from flakeship.system import temporary
from flakeship.system.backoff import backoff
from flakeship.system.process import run
from flakeship.system.redaction import redacted

STACK = "flakeship-statements"
FILE = "more.json"
"""What its program adds, in the directory that it runs in."""
PUBLIC = "public: statements are no secret, and every stack's users read and write them"
PATIENCE = 60.0  # seconds for others who write at the same time


def read(raw: Mapping[str, Any]) -> Statements:
    """The statements of that stack's outputs; none where it has none. Raises FlakeshipError."""
    try:
        return TypeAdapter(Statements).validate_python(dict(raw))
    except ValidationError as error:
        raise FlakeshipError(
            f"its outputs cannot be read: {codec.faults(error)[0]}",
            code="statements-unreadable",
            key=f"stack {STACK}",
            remedy="restore it from a backup (`pulumi stack import`)",
        ) from error


def add(more: Statements, stack: str) -> None:
    """Record statements beside those that there are, in the organization of the selected `stack`.

    Raises FlakeshipError; LockedError where others do the same for a minute.
    """
    name = beside(stack)
    with temporary.directory() as folder:
        _write_program(folder, codec.dump(more))
        env = os.environ | {
            "PULUMI_CONFIG_PASSPHRASE": PUBLIC,
            "PULUMI_STACK": name,
            "PYTHONPATH": str(Path(flakeship.__file__).parents[1]),
        }
        # it may be there: then the run tells whether it can be used
        init = ["pulumi", "stack", "init", "--no-select", "--secrets-provider", "passphrase", name]
        run(init, cwd=folder, env=env, check=False)
        _run_program(folder, env)


def beside(stack: str) -> str:
    """The stack of the statements, in the organization and project that a stack's name has."""
    return "/".join([*stack.split("/")[:-1], STACK])


def _run_program(folder: Path, env: Mapping[str, str]) -> None:
    argv = ["pulumi", "up", "--yes", "--skip-preview", "--suppress-outputs", "--non-interactive"]
    for left in backoff(PATIENCE):
        done = run(argv, cwd=folder, env=env, check=False)
        message = redacted(f"{done.stdout}\n{done.stderr}")
        if done.code == 0:
            return
        if not locks.is_locked(message):
            raise FlakeshipError(
                "the statement could not be recorded",
                code="statement-not-recorded",
                key=f"stack {STACK}",
                details=last_lines(message, 5),
            )
        if left < 1:
            raise locks.refusal(STACK, locks.told(message), message)


def _write_program(folder: Path, more: str) -> None:
    """A project of one program in an empty folder, with the name of the selected one."""
    package = "flakeship.components" if find_spec("flakeship.components") else "components"
    runtime: dict[str, Any] = {"name": "python"}
    if sys.prefix != sys.base_prefix:
        runtime["options"] = {"virtualenv": sys.prefix}
    file = {"name": choice.project(Path.cwd()), "runtime": runtime}
    (folder / "Pulumi.yaml").write_text(json.dumps(file))
    program = f"from {package} import statements\n\nstatements.run()\n"
    (folder / "__main__.py").write_text(program)
    (folder / FILE).write_text(more)
