"""The cloud's processes: database, message bus, router advertisements, APIs and workers."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from dev.openstack import netns
from dev.openstack.daemons import Daemon, answers, environment
from dev.openstack.site import HERE, Site
from flakeship.system.process import run

# A lab is forgotten, not repaired: nothing waits for the disk.
MARIADB = (
    "--skip-networking", "--character-set-server=utf8mb3", "--max-connections=300",
    "--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync",
    "--innodb-buffer-pool-size=128M", "--performance-schema=OFF",
)  # fmt: skip


def mariadb(site: Site) -> Daemon:
    """The database, on a unix socket alone."""
    sock = site.run / "mysql.sock"

    def ready() -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(sock)) == 0

    argv = ["mariadbd", "--no-defaults", "--user=root", f"--datadir={site.state}/mysql"]
    files = [f"--socket={sock}", f"--pid-file={site.run}/mysqld.pid"]
    return Daemon("mariadb", [*argv, *files, *MARIADB], ready, stale=(sock,))


def rabbitmq(site: Site) -> Daemon:
    """The message bus, on the namespace's own loopback."""
    env = {
        "RUNNING_UNDER_SYSTEMD": "1",
        "HOME": str(site.state / "rabbit"),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "lab@localhost",
        "RABBITMQ_DIST_PORT": "25672",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_CONF_ENV_FILE": "/nonexistent",
        "RABBITMQ_MNESIA_BASE": str(site.state / "rabbit"),
        "RABBITMQ_LOG_BASE": str(site.log),
        "RABBITMQ_CONFIG_FILE": str(site.etc / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(site.state / "rabbit/plugins"),
        "RABBITMQ_PID_FILE": str(site.run / "rabbit-inner.pid"),
    }

    def ready() -> bool:
        listening = netns.inside(site, ["ss", "-Hltn", "sport", "=", ":5672"])
        return bool(run(listening, env=environment(site)).stdout.strip())

    return Daemon("rabbitmq", ["/usr/lib/rabbitmq/bin/rabbitmq-server"], ready, env)


def radvd(site: Site) -> Daemon:
    """Tells guests on the provider network their IPv6 prefix and router."""
    pid = site.run / "radvd-inner.pid"
    argv = ["radvd", "--nodaemon", "--logmethod=stderr", f"--pidfile={pid}"]
    return Daemon("radvd", [*argv, f"--config={site.etc}/radvd.conf"], stale=(pid,))


def libvirtd(site: Site) -> Daemon:
    """Runs the guests."""
    sock = site.run / "libvirt/libvirt-sock"
    pid = site.run / "libvirtd-inner.pid"

    def ready() -> bool:
        argv = ["virsh", "-c", f"qemu:///system?socket={sock}", "version"]
        return sock.exists() and run(argv, check=False, timeout=20).code == 0

    script = [str(HERE / "bin/libvirtd-private"), str(site.state / "system")]
    argv = [*script, f"--config={site.etc}/libvirtd.conf", f"--pid-file={pid}"]
    return Daemon("libvirtd", argv, ready, stale=(pid,))


def keystone(site: Site) -> Daemon:
    """Identity."""
    env = {"OS_KEYSTONE_CONFIG_FILES": str(site.etc / "keystone.conf")}
    return _api(site, "keystone", 5000, "keystone.wsgi.api", env, path="/v3")


def apis(site: Site) -> list[Daemon]:
    """Every API but keystone."""
    etc = str(site.etc)
    # Without naming both, Nova looks for its pipelines in nova.conf.
    nova = {"OS_NOVA_CONFIG_DIR": etc,
            "OS_NOVA_CONFIG_FILES": f"{site.venv}/etc/nova/api-paste.ini;nova.conf"}  # fmt: skip
    neutron = {"OS_NEUTRON_CONFIG_DIR": etc, "OS_NEUTRON_CONFIG_FILES": "neutron.conf"}
    return [
        _api(site, "placement", 8778, "placement.wsgi.api", {"OS_PLACEMENT_CONFIG_DIR": etc}),
        _api(site, "neutron", 9696, "neutron.wsgi.api", neutron,
             stale=list((site.run / "tmp").glob("neutron_*"))),
        _api(site, "glance", 9292, "glance.wsgi.api", {"OS_GLANCE_CONFIG_DIR": etc},
             path="/versions"),
        _api(site, "nova", 8774, "nova.wsgi.osapi_compute", nova),
    ]  # fmt: skip


def workers(site: Site) -> list[Daemon]:
    """The workers behind the APIs. They exit unless Keystone gives them a token at once."""
    nova = f"--config-file={site.etc}/nova.conf"
    return [
        Daemon("nova-conductor", ["nova-conductor", nova]),
        Daemon("nova-scheduler", ["nova-scheduler", nova]),
        Daemon("nova-compute", ["nova-compute", f"--config-file={site.etc}/nova-cpu.conf"]),
        Daemon("neutron-maintenance",
               ["neutron-ovn-maintenance-worker", f"--config-file={site.etc}/neutron.conf"]),
    ]  # fmt: skip


def _api(
    site: Site,
    name: str,
    port: int,
    module: str,
    env: dict[str, str],
    *,
    path: str = "/",
    stale: Sequence[Path] = (),
) -> Daemon:
    argv = (
        f"uwsgi --master --die-on-term --need-app --http-socket {site.address}:{port} "
        "--processes 1 --threads 4 --enable-threads --lazy-apps --thunder-lock "
        "--buffer-size 65535 --http-chunked-input --so-keepalive"
    )
    words = [
        *argv.split(),
        "--add-header",
        "Connection: close",
        "--module",
        f"{module}:application",
    ]
    return Daemon(name, words, answers(site.url(port, path)), env, stale)
