"""Gets what the cloud is made of: Debian's packages and the services' Python environment."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil

from dev.openstack import netns
from dev.openstack.progress import say
from dev.openstack.site import HERE, Site
from dev.setup import packages
from dev.setup.progress import watch
from dev.setup.tools import MANAGERS, UV, Machine, locate
from flakeship.model.errors import FlakeshipError
from flakeship.system.pipes import Shown
from flakeship.system.process import run

PYTHON = ">=3.11,<3.14"
"""The releases' own range; Debian 12 has 3.11 and Debian 13 has 3.13."""
LOCK = HERE / "requirements.lock"

PACKAGES = (
    "iproute2", "procps", "zstd", "radvd", "iptables", "genisoimage", "rabbitmq-server",
    "mariadb-server-core", "mariadb-client-core", "openvswitch-switch", "ovn-central", "ovn-host",
    "libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients", "qemu-system-x86",
    "qemu-utils", "e2fsprogs",
)  # fmt: skip
TO_BUILD = ("gcc", "libc6-dev", "pkg-config", "libvirt-dev", "libpython3-dev")
"""uWSGI and libvirt's binding for Python come as sources."""


def ensure(site: Site) -> None:
    """Install what is missing. Where nothing is, only a few files are read."""
    built = _made_from(site)
    if not built and netns.processes(site):
        raise FlakeshipError(
            "the lab runs with packages of another checkout: run `make lab-down` first"
        )
    _packages(to_build=not built)
    _user()
    if not built:
        _environment(site)


def require_root() -> None:
    """Refuse a user who must not create a network namespace."""
    if os.geteuid() != 0:
        raise FlakeshipError(
            "the lab needs root, for network namespaces and Debian's packages: run it as root, "
            "best on a machine or in a container of its own"
        )


def _packages(*, to_build: bool) -> None:
    names = [*PACKAGES, *(TO_BUILD if to_build else ())]
    shown = run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names],
                check=False).stdout.splitlines()  # fmt: skip
    missing = [name for name in names if f"{name} installed" not in shown]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise FlakeshipError(
            f"the lab needs Debian's packages {missing}, and apt-get was not found"
        )
    say(f"installing by apt-get: {' '.join(missing)}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with packages.without_services():
        run(["apt-get", "-qq", "update"], env=env, check=False)
        words = [*MANAGERS["apt-get"].split(), "-o", "DPkg::Lock::Timeout=300", *missing]
        watch(words, lambda count, _: f"apt-get: {count} lines", env=env)


def _user() -> None:
    """libvirtd exits silently where this user is missing, though its guests run as root."""
    try:
        pwd.getpwnam("libvirt-qemu")
    except KeyError:
        run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin",
             "libvirt-qemu"])  # fmt: skip


def _made_from(site: Site) -> bool:
    """Whether the environment was made from the lock file as it is."""
    mark = site.venv / "made-from"
    return mark.exists() and mark.read_text() == hashlib.sha256(LOCK.read_bytes()).hexdigest()


def _environment(site: Site) -> None:
    found = locate(UV, Machine.detect())
    if not found.path:
        raise FlakeshipError(f"uv: {found.problem}. Run: make setup")
    say("the services' Python environment, about 170 packages: a minute or two")
    shutil.rmtree(site.venv, ignore_errors=True)
    run([found.path, "venv", "--quiet", "--python", PYTHON, site.venv], reader=Shown())
    install = f"{found.path} pip install --compile-bytecode --require-hashes --requirement"
    env = os.environ | {"VIRTUAL_ENV": str(site.venv)}
    watch([*install.split(), LOCK], lambda _, last: f"uv: {last}", env=env)
    (site.venv / "made-from").write_text(hashlib.sha256(LOCK.read_bytes()).hexdigest())
