"""`python -m dev.bench.proxmox.without_guests`: many servers, in a lab in which nothing boots."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dev.bench.parts import folder
from dev.bench.proxmox import stacks
from dev.bench.proxmox.many import many
from dev.bench.stand_in import replaced
from dev.proxmox.__main__ import selection
from dev.proxmox.access import AUTOMATION
from dev.proxmox.server import Server
from dev.proxmox.site import Site
from tests.dev.proxmox.no_guests import NoGuests
from tests.targets.proxmox.e2e.project import stack_on_cluster

VERIFICATION = Path("flakeship/targets/proxmox/guest/verify_machine.py")
INSTEAD = """

def verify_machine(request: VerifyMachineRequest, pinned: Sequence[str]) -> MachineEvidence:
    return MachineEvidence(request.machine, 1, ["ssh-ed25519 AAAA"], 0.0, [], address="198.18.0.1")
"""


def main() -> None:
    """Measure in a temporary project."""
    with folder() as path, lab(path.parent / "lab"), stack_on_cluster(path) as stack:
        replaced(path, VERIFICATION, INSTEAD)
        stacks.several(stack, 1)
        print("building the image…", flush=True)
        stack.up()
        stack.pulumi("destroy", "--yes", "--skip-preview")
        many(stack)


@contextmanager
def lab(folder: Path) -> Iterator[None]:
    """A lab without guests, which every stack of the block takes."""
    site = replace(Site.from_environment(), folder=folder)
    with Server(site, NoGuests()) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        os.environ.update(selection(site, AUTOMATION))
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    main()
