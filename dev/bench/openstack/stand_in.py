"""A verification that passes without a guest, in place of the real one of a project."""

from __future__ import annotations

from pathlib import Path

from tests.project import ROOT

VERIFICATION = Path("flakeship/targets/openstack/servers/verify_server.py")
INSTEAD = """

def verify_server(request: VerifyServerRequest, pinned: Sequence[str]) -> Evidence:
    import time

    time.sleep({seconds})
    return Evidence(request.machine, 1, ["ssh-ed25519 AAAA"], {seconds}, [])
"""


def unverified(project: Path, seconds: float) -> None:
    """From now on each server of a project is as if SSH answered after so many seconds."""
    own = _own_copy(project, VERIFICATION)
    own.write_text((ROOT / VERIFICATION).read_text() + INSTEAD.format(seconds=seconds))


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
