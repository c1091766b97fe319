"""Gets what the cloud is made of: Debian's packages and the services' Python environment."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import sys
from pathlib import Path

from flakeship.errors import FlakeshipError
from flakeship.process import run
from lab.openstack.progress import say
from lab.openstack.site import HERE, Site
from lab.setup.progress import watch
from lab.setup.tools import MANAGERS, UV, Machine, locate

PYTHON = "3.11"
LOCK = HERE / "requirements.lock"
POLICY = Path("/usr/sbin/policy-rc.d")

PACKAGES = {
    "ip": "iproute2", "sysctl": "procps", "zstd": "zstd",
    "rabbitmq-server": "rabbitmq-server",
    "mariadbd": "mariadb-server-core", "mariadb": "mariadb-client-core",
    "ovs-vswitchd": "openvswitch-switch", "ovn-northd": "ovn-central",
    "ovn-controller": "ovn-host", "radvd": "radvd",
    "libvirtd": "libvirt-daemon libvirt-daemon-driver-qemu", "virsh": "libvirt-clients",
    "iptables": "iptables", "genisoimage": "genisoimage",
}  # fmt: skip
"""What each command comes from."""
TO_BUILD = {"gcc": "gcc libc6-dev", "pkg-config": "pkg-config"}
"""uWSGI and libvirt's binding for Python come as sources."""


def ensure(site: Site) -> None:
    """Install what is missing; where nothing is, look at a few files only."""
    machine = Machine.here()
    _require(machine)
    site.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    built = _made_from(site)
    _packages(machine, to_build=not built)
    _user()
    if not built:
        _environment(site, machine)


def _require(machine: Machine) -> None:
    if os.geteuid() != 0:
        raise FlakeshipError(
            "the lab needs root, for network namespaces and Debian's packages: run it as root, "
            "best on a machine or in a container of its own"
        )
    if machine.manager != "apt-get":
        raise FlakeshipError("the lab is made of Debian's packages, and there is no apt-get here")


def _packages(machine: Machine, *, to_build: bool) -> None:
    path = f"{machine.path}:/usr/sbin:/sbin"
    wanted = PACKAGES | (TO_BUILD if to_build else {})
    missing = [name for command, name in wanted.items() if not shutil.which(command, path=path)]
    if to_build and not shutil.which("libvirt-dev"):
        missing += ["libvirt-dev", f"libpython{PYTHON}-dev"]
    if not missing:
        return
    say(f"installing by apt-get: {' '.join(missing)}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # Without a policy Debian's packages would start their services at once.
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        run(["apt-get", "-qq", "update"], env=env, check=False)
        words = [*MANAGERS["apt-get"].split(), *" ".join(missing).split()]
        watch(words, lambda count, _: f"apt-get: {count} lines", env=env)
    finally:
        if ours:
            POLICY.unlink()


def _user() -> None:
    """libvirtd ends without a word where this user is missing, though its guests run as root."""
    try:
        pwd.getpwnam("libvirt-qemu")
    except KeyError:
        run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin",
             "libvirt-qemu"])  # fmt: skip


def _made_from(site: Site) -> bool:
    """Whether the environment was made from the lock file as it is."""
    mark = site.venv / "made-from"
    return mark.exists() and mark.read_text() == hashlib.sha256(LOCK.read_bytes()).hexdigest()


def _environment(site: Site, machine: Machine) -> None:
    found = locate(UV, machine)
    if not found.path:
        raise FlakeshipError(f"uv: {found.problem}. Run: make setup")
    say("the services' Python environment, about 180 packages, a minute or two")
    shutil.rmtree(site.venv, ignore_errors=True)
    run([found.path, "venv", "--quiet", "--python", PYTHON, site.venv], stream=True)
    argv: list[str | Path] = [
        found.path,
        "pip",
        "install",
        "--compile-bytecode",
        "--requirement",
        LOCK,
    ]
    env = os.environ | {"VIRTUAL_ENV": str(site.venv)}
    watch(argv, lambda _, last: f"uv: {last}", env=env)
    (site.venv / "made-from").write_text(hashlib.sha256(LOCK.read_bytes()).hexdigest())
    say(f"environment made, with Python {PYTHON}; this one has {sys.version.split()[0]}")
