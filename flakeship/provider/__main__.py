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

    # the engine passes flags of its own log too
    addresses = [word for word in sys.argv[1:] if not word.startswith("-")]
    if len(addresses) != 1:
        print("usage: pulumi-resource-flakeship ENGINE_ADDRESS", file=sys.stderr)
        return 2
    server.serve(addresses[0], forks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
