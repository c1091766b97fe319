"""The check that a machine's release can be activated again, as `nixos-rebuild switch` does."""

from __future__ import annotations

from flakeship.model.errors import CommandError
from flakeship.ssh.options import as_root
from flakeship.verify.checks.scheduled import Subject
from flakeship.verify.checks.verdict import Failed

SECONDS = 300.0
"""For an activation."""


def check(subject: Subject) -> str:
    """The activation succeeds, and the release is still running. A serving machine is skipped."""
    if subject.route.serving:
        return "skipped: it has the stable address and is serving"
    toplevel = subject.request.toplevel
    command = f"{toplevel}/bin/switch-to-configuration switch"
    try:
        result = subject.shell.run(as_root(command), timeout=SECONDS, check=False)
        running = subject.shell.run("readlink -f /run/current-system", check=False).stdout.strip()
    except CommandError as error:
        raise Failed(f"`{command}` did not finish: {error}") from error
    if result.code != 0:
        last = (result.stderr.strip() or result.stdout.strip()).splitlines()[-3:]
        raise Failed(f"`{command}` ended with exit code {result.code}: {' / '.join(last)}")
    if running != toplevel:
        raise Failed(f"after `{command}` the running system is {running or 'unknown'}")
    return "switch-to-configuration switch: exit code 0, the release is still running"
