"""A verification that passes without a guest, in place of the real one of a project."""

from __future__ import annotations

from pathlib import Path

from dev.bench.stand_in import replaced

VERIFICATION = Path("flakeship/targets/openstack/servers/verify_server.py")
INSTEAD = """

def verify_server(request: VerifyServerRequest, pinned: Sequence[str]) -> Evidence:
    import time

    time.sleep({seconds})
    return Evidence(request.machine, 1, ["ssh-ed25519 AAAA"], {seconds}, [])
"""


def unverified(project: Path, seconds: float) -> None:
    """From now on each server of a project is as if SSH answered after so many seconds."""
    replaced(project, VERIFICATION, INSTEAD.format(seconds=seconds))
