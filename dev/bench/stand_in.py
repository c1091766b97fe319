"""Code that stands in for a function of a project, whose files are links to the checkout's."""

from __future__ import annotations

from pathlib import Path

from tests.project import ROOT


def replaced(project: Path, module: Path, code: str) -> None:
    """From now on a module of a project ends with this code; that of an earlier call is gone."""
    own = _own_copy(project, module)
    own.write_text((ROOT / module).read_text() + code)


def _own_copy(project: Path, module: Path) -> Path:
    """A file that may be changed: a project is made of links to the checkout's files."""
    folder = project
    for part in module.parts[:-1]:
        folder /= part
        if folder.is_symlink():
            linked = folder.resolve()
            folder.unlink()
            folder.mkdir()
            for each in linked.iterdir():
                if each.name != "__pycache__":
                    (folder / each.name).symlink_to(each)
    (project / module).unlink(missing_ok=True)
    return project / module
