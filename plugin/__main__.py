"""What Pulumi's engine starts for a program in another language: PulumiPlugin.yaml leads here."""

import os
import sys

from flakeship.provider import fork_server


def main() -> int:
    """Serve until the engine is done; the exit code."""
    os.umask(0o077)  # .state holds keys
    forks = fork_server.start()  # before there are threads, which a fork would not have
    from flakeship.provider import server  # noqa: PLC0415
    from plugin import service  # noqa: PLC0415

    if len(sys.argv) < 2:
        print("usage: python plugin ENGINE_ADDRESS", file=sys.stderr)
        return 2
    server.serve(sys.argv[-1], forks, service.Package)
    return 0


if __name__ == "__main__":
    sys.exit(main())
