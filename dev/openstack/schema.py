"""The services' databases, and Keystone's first user."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from dev.openstack import identity, services
from dev.openstack.config import passwords
from dev.openstack.daemons import await_ready, command, start
from dev.openstack.site import REGION, Site

DATABASES = ("keystone", "glance", "placement", "neutron", "nova", "nova_api", "nova_cell0")


def install_mariadb(site: Site) -> None:
    """Make an empty database folder."""
    folder = site.state / "mysql"
    if not (folder / "mysql").exists():
        words = "--no-defaults --user=root --auth-root-authentication-method=normal --skip-test-db"
        command(site, ["mariadb-install-db", *words.split(), f"--datadir={folder}"])


def create(site: Site) -> None:
    """Create all tables, in two rows side by side: the machine has more than one core."""
    statements = "".join(f"create database if not exists {name};" for name in DATABASES)
    client = ["mariadb", "--no-defaults", f"--socket={site.run}/mysql.sock", "--user=root"]
    command(site, [*client, "-e", statements])
    with ThreadPoolExecutor() as pool:
        rows = [pool.submit(_identity_and_images, site), pool.submit(_compute_and_network, site)]
    for row in rows:
        row.result()


def _identity_and_images(site: Site) -> None:
    manage = ["keystone-manage", f"--config-file={site.etc}/keystone.conf"]
    command(site, [*manage, "db_sync"])
    for keys in ("fernet_setup", "credential_setup"):
        command(site, [*manage, keys, "--keystone-user", "root", "--keystone-group", "root"])
    urls = [f"--bootstrap-{kind}-url={site.auth_url}" for kind in ("admin", "public", "internal")]
    secret = {"OS_BOOTSTRAP_PASSWORD": passwords(site)["admin"]}
    command(site, [*manage, "bootstrap", f"--bootstrap-region-id={REGION}", *urls], secret)
    daemon = services.keystone(site)
    start(site, daemon)
    await_ready(site, daemon)
    identity.seed(site)
    command(site, ["glance-manage", f"--config-file={site.etc}/glance-api.conf", "db_sync"])
    command(site, ["placement-manage", f"--config-file={site.etc}/placement.conf", "db", "sync"])


def _compute_and_network(site: Site) -> None:
    manage = ["nova-manage", f"--config-file={site.etc}/nova.conf"]
    command(site, [*manage, "api_db", "sync"])
    # Templates that Nova fills from nova.conf, so that a kept copy is tied to no path.
    cell = [*manage, "cell_v2"]
    base = "{scheme}://{username}@{hostname}"
    command(site, [*cell, "map_cell0", "--database_connection", base + "/nova_cell0?{query}"])
    bus = "{scheme}://{username}:{password}@{hostname}:{port}/"
    command(site, [*cell, "create_cell", "--name", "cell1", "--transport-url", bus,
                   "--database_connection", base + "/{path}?{query}"])  # fmt: skip
    command(site, [*manage, "db", "sync"])
    migrate = ["neutron-db-manage", f"--config-file={site.etc}/neutron.conf"]
    command(site, [*migrate, "upgrade", "heads"])
