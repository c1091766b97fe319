"""The command: reads all states, and writes the page into a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.operate.held import held
from flakeship.operate.report import compose, differences, render
from flakeship.state import choice
from flakeship.state.environments import Project
from flakeship.system import files

DEFAULT = Path(".state/report.html")


def write(project: Project, file: Path) -> str:
    """Write the page of a project in whose directory this runs; says what was written.

    The file is for its owner alone: it has addresses. Raises FlakeshipError (`report-no-file`, and
    as files.write does).
    """
    if file.exists() and not file.is_file():
        raise FlakeshipError(
            "it exists, and is no file",
            code="report-no-file",
            key=str(file),
            remedy="name a file with --output",
        )
    ledgers = {each.name: held(each) for each in project.environments}
    inside = differences.all_of(project.environments, ledgers)
    page = compose.page(choice.project(Path.cwd()), project, inside, datetime.now(UTC))
    files.write(file, render.html(page))
    return f"wrote {file}: {len(page.sections)} stacks, {len(page.releases)} releases"
