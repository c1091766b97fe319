"""`python -m dev.openstack COMMAND`: up, down and env, which the Makefile calls."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dev.alone import alone
from dev.openstack import install, up
from dev.openstack.progress import say
from dev.openstack.site import Site
from flakeship.model.errors import FlakeshipError

CLOUD = "flakeship-lab"


@contextmanager
def working_on(site: Site) -> Iterator[None]:
    """Hold the lock of a lab: one command at a time."""
    install.require_root()
    site.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (site.folder / "lock").open("w")
    with alone(lock, lambda: say("waiting for another command on this lab to end")):
        yield


def bring_up(site: Site) -> None:
    """Install and start it, and print the next step."""
    with working_on(site):
        up.refuse_other_choices(site)
        if not up.is_up(site):
            install.ensure(site)
            up.up(site)
    print(f"OpenStack is up at {site.auth_url}. Next:")
    print('  eval "$(make lab-env)" && openstack flavor list')


def print_env(site: Site) -> None:
    """Print the shell lines that select the lab's cloud."""
    # the files of one whose processes have died, with the machine that it ran on, are not enough
    if not (site.clouds.exists() and up.is_up(site)):
        raise FlakeshipError("no lab runs: run `make lab-openstack`")
    values = {"OS_CLIENT_CONFIG_FILE": str(site.clouds), "OS_CLOUD": CLOUD}
    if any(name.lower() in {"http_proxy", "all_proxy"} for name in os.environ):
        for name in ("no_proxy", "NO_PROXY"):
            kept = os.environ.get(name, "")
            values[name] = ",".join(filter(None, (kept, site.address)))
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")


def main(command: str) -> int:
    """Run one command."""
    os.umask(0o077)
    try:
        site = Site.from_environment()
        match command:
            case "up":
                bring_up(site)
            case "down" if not site.folder.exists():
                pass  # and nobody has to be root
            case "down":
                with working_on(site):
                    up.down(site)
                say("stopped and deleted")
            case "env":
                print_env(site)
            case _:
                print(f"lab: unknown command {command}: use up, down or env", file=sys.stderr)
                return 2
    except FlakeshipError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; `make lab-openstack` continues, `make lab-down` deletes it",
              file=sys.stderr)  # fmt: skip
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
