"""`python -m dev.proxmox COMMAND`: up, down, env, token and fault."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from dev.proxmox import faults
from dev.proxmox.access import AUTOMATION, Access
from dev.proxmox.errors import PveError
from dev.proxmox.guests import Qemu
from dev.proxmox.network import Network
from dev.proxmox.server import Server
from dev.proxmox.site import Site
from dev.proxmox.volumes import Volumes
from flakeship.model.errors import FlakeshipError
from flakeship.system.backoff import backoff
from flakeship.system.process import run
from flakeship.targets.local import qemu_process

START_SECONDS = 20.0
PACKAGES = {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "ip": "iproute2",
            "dnsmasq": "dnsmasq-base", "genisoimage": "genisoimage"}  # fmt: skip
USAGE = """up                     start it, and wait until it answers
down                   end it with all guests, and delete all that is in it
env [TOKEN]            print the shell lines that select it
token NAME [PATH=PRIVILEGE,…]…  make a token such as ci@pve!tests, and print it
fault [JSON]           switch faults on, or all of them off (see faults.py)"""


def missing_packages() -> list[str]:
    """What is to be installed first. Raises FlakeshipError where it cannot be."""
    missing = [package for tool, package in PACKAGES.items() if not shutil.which(tool)]
    if missing and not (os.geteuid() == 0 and shutil.which("apt-get")):
        raise FlakeshipError(f"the lab needs {', '.join(missing)}",
                             remedy="install it, or run this as root on Debian")  # fmt: skip
    return missing


def ensure_tools() -> None:
    """Install what is missing as root by apt-get. Raises FlakeshipError."""
    if missing := missing_packages():
        print(f"lab: installing by apt-get: {' '.join(missing)}", file=sys.stderr)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "-qq", "update"], env=environment, check=False)
        run(["apt-get", "-qq", "--no-install-recommends", "install", *missing], env=environment)


def serve(site: Site) -> None:
    """Answer until a signal; the guests go on."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    network = Network(site.folder / "network", site.bridge, site.range)
    network.up()
    volumes = Volumes(site, faults.Faults(site))
    server = Server(site, Qemu(site.folder / "run", network, volumes.path))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    (site.folder / "pid").write_text(str(os.getpid()))
    with server:
        server.run()


def up(site: Site) -> None:
    """Start it in the background. Raises FlakeshipError."""
    if (version := site.read("version.json", site.version)) != site.version:
        raise FlakeshipError("the lab is of another version", key="PVE_VERSION", given=site.version,
                             allowed=version, remedy="run `make lab-down` first")  # fmt: skip
    if _pid(site) is None:
        ensure_tools()
        site.write("version.json", site.version)
        with (site.folder / "log").open("a") as log:
            command = [sys.executable, "-m", "dev.proxmox", "serve"]
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             start_new_session=True)  # fmt: skip
    for _ in backoff(START_SECONDS):
        if _pid(site):
            print(f"Proxmox VE {site.version}, as the lab has it, is up at {site.endpoint}. Next:")
            print('  eval "$(make lab-env)" && make preview STACK=…')
            return
    raise FlakeshipError("it does not answer", key=site.endpoint,
                         remedy=f"see {site.folder / 'log'}")  # fmt: skip


def down(site: Site) -> None:
    """End everything and delete it."""
    if pid := _pid(site):
        os.kill(pid, signal.SIGTERM)
        for _ in backoff(START_SECONDS):
            if _pid(site) is None:
                break
    network = Network(site.folder / "network", site.bridge, site.range)
    for place in (site.folder / "run").glob("*"):
        qemu_process.end(place, gently=False)
    network.down()
    shutil.rmtree(site.folder, ignore_errors=True)


def env(site: Site, name: str) -> None:
    """Print the shell lines that select a lab. Raises FlakeshipError where none runs."""
    if _pid(site) is None:
        raise FlakeshipError("no lab runs", remedy="run `make lab-proxmox`")
    for key, value in selection(site, name).items():
        print(f"export {key}={shlex.quote(value)}")


def selection(site: Site, name: str) -> dict[str, str]:
    """The variables that the provider reads, and those that let it trust the lab's authority."""
    # the file replaces what a client trusts otherwise, and package registries are asked as well
    bundle, trusted = site.folder / "trusted.pem", ssl.get_default_verify_paths().cafile
    others = Path(trusted).read_text() if trusted and Path(trusted) != bundle else ""
    if others or not bundle.exists():
        bundle.write_text(f"{site.authority.read_text()}\n{others}")
    return {"PROXMOX_VE_ENDPOINT": site.endpoint, "SSL_CERT_FILE": str(bundle),
            "PROXMOX_VE_API_TOKEN": Access(site).token(name)}  # fmt: skip


def _pid(site: Site) -> int | None:
    """The process that answers, if it runs."""
    with suppress(OSError, ValueError):
        pid = int((site.folder / "pid").read_text())
        if b"dev.proxmox" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def main(words: list[str]) -> int:
    """Run one command."""
    os.umask(0o077)
    try:
        site = Site.from_environment()
        match words:
            case ["up"]:
                up(site)
            case ["serve"]:
                serve(site)
            case ["down"]:
                down(site)
            case ["env"] | ["env", _]:
                env(site, words[1] if words[1:] else AUTOMATION)
            case ["token", name, *grants]:
                given = {path: privileges.split(",") for path, _, privileges in
                         (grant.partition("=") for grant in grants)}  # fmt: skip
                print(Access(site).add_token(name, given))
            case ["fault"] | ["fault", _]:
                site.write(faults.FILE, json.loads(words[1]) if words[1:] else {})
            case _:
                print(f"usage: python -m dev.proxmox COMMAND\n\n{USAGE}", file=sys.stderr)
                return 2
    except (FlakeshipError, PveError, ValueError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
