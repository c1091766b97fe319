"""`python -m dev.bench.timeline pulumi up …`: runs it, and prints where its seconds went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dev.bench.table import show
from dev.bench.timeline import access, events, table
from dev.bench.timeline.logged import DEBUG
from dev.bench.timeline.watch import watching
from dev.openstack.site import Site

ATTENDED = (sys.executable, "-m", "dev.attended")


def main(argv: Sequence[str]) -> int:
    """Run a command of Pulumi's; its exit code."""
    site = Site.from_environment()
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "events")
        with watching([log, *access.logs(site)]) as watch:
            env = os.environ | watch.env | DEBUG
            with subprocess.Popen([*ATTENDED, *argv, "--event-log", log], env=env) as command:
                # the terminal sends it to the command too, which ends what it has begun
                signal.signal(signal.SIGINT, lambda *_: None)
                code = command.wait()
    engine = events.read([line for line in watch.lines if line.file == log])
    calls = access.calls([line for line in watch.lines if line.file != log], access.client(site))
    rows = table.rows(engine, calls, watch.sampler.seen, watch.seconds)
    show(f"`{' '.join(argv)}`, exit code {code}", table.HEAD, rows)
    if not access.logs(site):
        print("Calls to a cloud are not in it: no OpenStack of `make lab-openstack` runs here.")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
