"""`pulumi-resource-flakeship <address of the engine>`: what Pulumi's engine starts."""

from __future__ import annotations

import os
import sys

from flakeship.provider import fork_server


def main() -> int:
    """Serve until the engine is done; the exit code."""
    os.umask(0o077)  # data disks and console logs are for their owner alone
    forks = fork_server.start()  # before there are threads, which a fork would not have
    from flakeship.provider import server  # noqa: PLC0415

    if len(sys.argv) < 2:
        print("usage: pulumi-resource-flakeship ENGINE_ADDRESS", file=sys.stderr)
        return 2
    server.serve(sys.argv[-1], forks)  # words before it are flags of the engine's own log
    return 0


if __name__ == "__main__":
    sys.exit(main())
