"""Open vSwitch and OVN: all of the cloud's networking, in user space."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from dev.openstack import netns, progress
from dev.openstack.daemons import Daemon, await_ready, command, start
from dev.openstack.site import HOSTNAME, Site

SCHEMAS = {
    "ovsdb": ("conf", "db", "/usr/share/openvswitch/vswitch.ovsschema"),
    "ovnnb": ("ovnnb", "ovnnb_db", "/usr/share/ovn/ovn-nb.ovsschema"),
    "ovnsb": ("ovnsb", "ovnsb_db", "/usr/share/ovn/ovn-sb.ovsschema"),
}
"""Each database's server: its file, its socket and its schema."""
QUIET = ("-vfile:off", "-vconsole:warn")
BRIDGE_SECONDS = 15


def databases(site: Site) -> list[Daemon]:
    """The three database servers, on unix sockets."""
    made = []
    for name in SCHEMAS:
        socket = _socket(site, name)
        control = site.run / "ovs" / f"{name}.ctl"
        where = [f"--remote=punix:{socket}", f"--unixctl={control}"]
        argv = ["ovsdb-server", str(_database(site, name)), *where]
        # A server that was killed leaves its lock file, which the kernel unlocked with it.
        made.append(Daemon(name, [*argv, *QUIET], socket.exists, stale=(socket, control)))
    return made


def configure(site: Site) -> None:
    """Say to Open vSwitch where OVN is, and which bridges it shall have."""
    settings = {
        "system-id": HOSTNAME,
        "hostname": HOSTNAME,
        "ovn-remote": f"unix:{_socket(site, 'ovnsb')}",
        # A name only: with one chassis there is no tunnel.
        "ovn-encap-type": "geneve",
        "ovn-encap-ip": "127.0.0.1",
        "ovn-bridge-datapath-type": "netdev",
        "ovn-bridge-mappings": "ext:br-ex,provider:br-provider",
        "ovn-cms-options": "enable-chassis-as-gw",
    }
    _vsctl(site, "--no-wait", "init")
    pairs = [f"external_ids:{key}={value}" for key, value in settings.items()]
    _vsctl(site, "--no-wait", "set", "open", ".", *pairs)


def switch(site: Site) -> Daemon:
    """The switch itself."""
    run = site.run / "ovs"
    control = run / "vswitchd.ctl"
    where = [f"--unixctl={control}", f"--pidfile={run}/ovs-vswitchd.pid"]
    # 3.1.0 ends by a failed assertion now and then (conn_update_state of conntrack.c): a monitor
    # starts it again, and the bridges' devices outlive it with their addresses
    argv = ["ovs-vswitchd", _remote(site), "--disable-system", "--monitor", *where, *QUIET]
    return Daemon("vswitchd", argv, control.exists, stale=(control,))


def controllers(site: Site) -> list[Daemon]:
    """What turns networks into flows."""
    north, south = (f"unix:{_socket(site, name)}" for name in ("ovnnb", "ovnsb"))
    northd = ["ovn-northd", f"--ovnnb-db={north}", f"--ovnsb-db={south}"]
    control = f"--unixctl={site.run}/ovs/northd.ctl"
    return [
        Daemon("northd", [*northd, control, *QUIET]),
        # Seen once: it exited silently and no port came up. Its monitor restarts it.
        Daemon("ovn-controller", ["ovn-controller", _remote(site), "--monitor", *QUIET]),
    ]


def daemons(site: Site) -> list[Daemon]:
    """All processes."""
    return [*databases(site), switch(site), *controllers(site)]


def ensure(site: Site) -> None:
    """Start what is missing."""
    for name, (_, _, schema) in SCHEMAS.items():
        if not _database(site, name).exists():
            command(site, ["ovsdb-tool", "create", _database(site, name), schema])
    servers = databases(site)
    fresh = [start(site, server) for server in servers]
    for server in servers:
        await_ready(site, server)
    if any(fresh):
        configure(site)
    new = start(site, switch(site))
    await_ready(site, switch(site))
    if new:
        bridges = ("br-int", *netns.BRIDGES)
        add = "-- --may-exist add-br {0} -- set bridge {0} datapath_type=netdev"
        words = [add.format(bridge) for bridge in bridges]
        words.append("-- set bridge br-int fail-mode=secure")
        _vsctl(site, "--timeout=30", *" ".join(words).split())
        # The database can know a bridge from before that the new switch has yet to make.
        log = site.log / "vswitchd.log"
        made = partial(netns.has_bridges, site)
        progress.wait(BRIDGE_SECONDS, "the bridges", made, lambda: progress.end_of(log))
        # They are as new as the switch, and without addresses.
        netns.address_bridges(site)
    for controller in controllers(site):
        start(site, controller)


def _database(site: Site, name: str) -> Path:
    return site.state / "ovs" / f"{SCHEMAS[name][0]}.db"


def _socket(site: Site, name: str) -> Path:
    return site.run / "ovs" / f"{SCHEMAS[name][1]}.sock"


def _remote(site: Site) -> str:
    return f"unix:{_socket(site, 'ovsdb')}"


def _vsctl(site: Site, *words: str) -> None:
    command(site, ["ovs-vsctl", f"--db={_remote(site)}", *words], seconds=60)
