"""Writes the services' configuration from the templates in conf/."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from string import Template

from dev.openstack.site import HERE, HOSTNAME, REGION, Site

FOLDERS = (
    "run/ovs", "run/libvirt", "run/tmp", "log", "etc", "mysql", "rabbit", "ovs", "fernet",
    "credential-keys", "locks", "neutron", "glance/images", "glance/staging", "glance/tasks",
    "nova/instances", "system/etc/libvirt",
)  # fmt: skip
SERVICES = ("glance", "placement", "neutron", "nova")
PEOPLE = ("admin", "demo", "reader", "other")

DRIVERS = {
    "libvirt": {
        "compute_driver": "libvirt.LibvirtDriver",
        "vif_timeout": "120",
        "vif_fatal": "true",
    },
    # Nothing plugs a fake server's port, so nothing may wait for it.
    "fake": {"compute_driver": "fake.FakeDriver", "vif_timeout": "0", "vif_fatal": "false"},
}


def passwords(site: Site) -> dict[str, str]:
    """The random passwords of this cloud, made when it is."""
    file = site.state / "passwords.json"
    if not file.exists():
        fresh = {name: secrets.token_urlsafe(24) for name in ("service", *PEOPLE)}
        file.write_text(json.dumps(fresh))
    kept: dict[str, str] = json.loads(file.read_text())
    return kept


def write(site: Site) -> None:
    """Make the folders and write every file, also those that exist."""
    for folder in FOLDERS:
        (site.state / folder).mkdir(parents=True, exist_ok=True)
    values = {
        **{name: str(getattr(site, name)) for name in ("state", "run", "log", "venv", "address")},
        "region": REGION,
        "hostname": HOSTNAME,
        "password": passwords(site)["service"],
        "provider6": str(site.ranges["FLAKESHIP_LAB_PROVIDER6"]),
        **DRIVERS[site.driver],
    }
    for name in SERVICES:
        own = values | {"service": name}
        text = fill(f"{name}.conf", own) + fill("service.conf", own)
        # Glance's entry point only takes this name.
        _write(site.etc / ("glance-api.conf" if name == "glance" else f"{name}.conf"), text)
        if name == "nova":
            _write(site.etc / "nova-cpu.conf", _without_databases(text))
    for file in ("keystone.conf", "libvirtd.conf", "rabbitmq.conf", "radvd.conf"):
        _write(site.etc / file, fill(file, values))
    _write(site.state / "system/etc/libvirt/qemu.conf", fill("qemu.conf", values))


def fill(template: str, values: dict[str, str]) -> str:
    """Fill a template of conf/; a name that has no value is an error."""
    return Template((HERE / "conf" / template).read_text()).substitute(values)


def _write(file: Path, text: str) -> None:
    """Write a file unless its content is the same: a service may be reading it."""
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


def _without_databases(text: str) -> str:
    """nova-compute must not see the databases."""
    kept, skip = [], False
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            skip = line.strip() in {"[database]", "[api_database]"}
        if not skip:
            kept.append(line)
    return "".join(kept)
